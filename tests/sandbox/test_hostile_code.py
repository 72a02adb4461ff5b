"""Hostile code, in each tier.

Each test asserts that the harm did not happen, and that the next figure has the same bytes as before.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import os
import re
import signal
import struct
from pathlib import Path

import psutil
import pytest

from jupyter_figserve.errors import (
    CodeFailed,
    DeadlineExceeded,
    FigServeError,
    InvalidInput,
    NoFigure,
    OutputInvalid,
    TooLarge,
    Unavailable,
    UnsupportedType,
)
from jupyter_figserve.model.rendering import DrawOptions, RenderJob, RenderResult
from jupyter_figserve.server.services.rendering.queue import RenderQueue

from ..waiting import PATIENCE, until, wait_until
from .conftest import one_tier, this_machine
from .harness import LINE, SECRET, TRIES, Sandbox, printed


def test_R1_files_outside_cannot_be_read(attack, sandbox: Sandbox):
    """Tokens, accounts, the home directory and other processes' memory are unreadable, even with open permissions."""
    # Without Landlock, the directories above the installation can be listed, which are the sandbox's own.
    home = [] if sandbox.tier == "NS" else ["/root"]
    attack(
        f"HOME = {home}"
        + """
for path in (TOKEN, OPEN_FILE, "/etc/passwd", "/etc/shadow", "/etc/hostname", "/proc/self/environ", "/proc/1/environ",
             "/proc/self/maps", "/root/.bashrc", "/sys/kernel/notes"):
    attempt(path, lambda: open(path).read())
attempt("listing", lambda: os.listdir(DIRECTORY))
for path in HOME:
    attempt("home", lambda: os.listdir(path))
attempt("by number", lambda: open("/dev/fd/0/../../../etc/passwd").read())
attempt("openat", lambda: os.read(os.open(TOKEN, os.O_PATH), 9))
"""
    )


def test_R2_the_servers_environment_is_not_visible(sandbox: Sandbox):
    """Neither through Python, nor through the C library, nor in the zygote's initial memory."""
    output = sandbox.render(
        """
import ctypes, os
libc = ctypes.CDLL(None)
libc.getenv.restype = ctypes.c_char_p
print(dict(os.environ), libc.getenv(b"FIGSERVE_TEST_CANARY"), libc.getenv(b"PATH"))
names = set()
environ = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, "environ")
i = 0
while environ and environ[i]:
    names.add(environ[i]); i += 1
print(names)
for number in {"self", 1, os.getpid(), os.getppid(), SERVER}:
    try:
        print(open(f"/proc/{number}/environ").read())
    except OSError as error:
        print("stopped by", type(error).__name__)
""".replace("SERVER", str(os.getpid()))
        + LINE
    ).output
    assert output.count("stopped by") >= 3
    assert SECRET not in output
    assert "FIGSERVE_TEST_CANARY" not in output
    # Nor is it in the zygote's initial environment, in case a child ever reads that.
    assert SECRET not in sandbox.zygote().environ().values()


def test_R3_no_network(attack):
    """No TCP, UDP, Unix or abstract socket, no name resolution, no listening."""
    attack("""
import socket
attempt("tcp", lambda: socket.create_connection(("127.0.0.1", TCP), 2))
attempt("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", UDP)))
attempt("unix", lambda: socket.socket(socket.AF_UNIX).connect(UNIX))
attempt("abstract", lambda: socket.socket(socket.AF_UNIX).connect(ABSTRACT))
attempt("bind", lambda: socket.create_server(("127.0.0.1", 0)))
attempt("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
attempt("netlink", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
attempt("vsock", lambda: socket.socket(40, socket.SOCK_STREAM))
import _socket  # the module of Python's own makes two pipes instead, which event loops wake themselves by
attempt("pair", lambda: _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM))
attempt("name", lambda: socket.getaddrinfo("example.org", 80))
import urllib.request
attempt("http", lambda: urllib.request.urlopen(f"http://127.0.0.1:{TCP}/", timeout=2))
""")


def installed_files() -> dict[str, str]:
    """Return the digests of files that code would like to change, and the names beside them."""
    found = {}
    for package in ("numpy", "matplotlib"):
        origin = importlib.util.find_spec(package).origin
        found[origin] = hashlib.sha256(Path(origin).read_bytes()).hexdigest()
        found |= dict.fromkeys(os.listdir(os.path.dirname(origin)), "")
    return found


def test_R4_nothing_is_written_outside_scratch(attack):
    """Not next to modules, not into caches, not over the token; installed files are as before."""
    before = installed_files()
    attack("""
import matplotlib, numpy
places = [TOKEN, OPEN_FILE, DIRECTORY + "/new", numpy.__file__, os.path.dirname(numpy.__file__) + "/evil.py",
          matplotlib.get_cachedir() + "/fontlist-evil.json", "/usr/lib/evil", "/evil", "/dev/shm/evil", "/var/tmp/evil",
          "/dev/null/x", "/lib/evil"]
for place in places:
    attempt(place, lambda: open(place, "ab").write(b"evil"))
attempt("truncate", lambda: os.truncate(OPEN_FILE, 0))
attempt("directory", lambda: os.mkdir(DIRECTORY + "/new"))
""")
    assert installed_files() == before


def test_R5_no_file_outside_is_changed(attack):
    """Neither mode, times, attributes and owner, nor name and links."""
    attack("""
for path in (TOKEN, OPEN_FILE):
    attempt("chmod", lambda: os.chmod(path, 0o777))
    attempt("utime", lambda: os.utime(path, (1, 1)))
    attempt("setxattr", lambda: os.setxattr(path, "user.evil", b"1"))
    attempt("chown", lambda: os.chown(path, 1, 1))
    attempt("rename", lambda: os.rename(path, path + "2"))
    attempt("unlink", lambda: os.unlink(path))
    attempt("link", lambda: os.link(path, "stolen"))
    attempt("symlink", lambda: os.symlink(path, DIRECTORY + "/link"))
    attempt("read by link", lambda: (os.symlink(path, "link"), open("link").read()))
""")


def test_R6_no_process_starts(attack, sandbox: Sandbox):
    """No fork, no fork bomb, no daemon that acts later."""
    before = {process.pid for process in sandbox.processes()}
    attack("""
attempt("fork", os.fork)
attempt("vfork", lambda: syscall(58))
attempt("clone", lambda: syscall(56, 17, 0, 0, 0, 0))
attempt("clone3", lambda: syscall(435, ctypes.create_string_buffer(88), 88))
import multiprocessing
def bomb():
    for _ in range(1000):
        os.fork()
attempt("bomb", bomb)
attempt("multiprocessing", lambda: multiprocessing.get_context("fork").Process(target=print).start())
def daemon():
    if os.fork() == 0:
        os.setsid()
        import time; time.sleep(0.1)
        open("/dev/shm/late", "w"); open(DIRECTORY + "/late", "w")
attempt("daemon", daemon)
""")
    assert not os.path.exists("/dev/shm/late")
    # The processes that exist now are the zygote's own children, which wait.
    later = [process for process in sandbox.processes() if process.pid not in before]
    assert len(later) <= sandbox.renderer.warm + sandbox.renderer.jobs


def test_R7_no_program_starts(attack):
    """Not by a shell, not by exec, not from memory."""
    attack("""
import subprocess
attempt("system", lambda: 1 / int(os.system("true") == 0))
attempt("subprocess", lambda: subprocess.run(["/bin/true"], check=True))
attempt("spawn", lambda: os.posix_spawn("/bin/true", ["true"], {}))
attempt("execve", lambda: os.execv(sys.executable, [sys.executable, "-c", "print('GOT THROUGH: exec')"]))
attempt("memfd", lambda: os.memfd_create("x"))
attempt("execveat", lambda: syscall(322, -100, b"/bin/true", None, None, 0))
""")


@one_tier
def test_R8_two_thousand_threads(sandbox: Sandbox):
    """Threads are limited, and reaching the limit affects nothing else."""
    answer = sandbox.attack(
        """
import threading, time
started = 0
try:
    for _ in range(2000):
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        started += 1
except RuntimeError:
    pass
print("started", started)
"""
        + LINE
    )
    assert isinstance(answer, RenderResult)
    assert int(answer.output.split()[1]) < 200
    sandbox.assert_well()


@one_tier
@pytest.mark.parametrize(
    "bomb",
    [
        "bytearray(6 * 2**30)",
        "__import__('numpy').ones(5 * 2**27)",
        "[0] * 2**40",
        "'x' * (6 * 2**30)",
        "__import__('zlib').decompress(__import__('zlib').compress(bytes(2**28), 1) * 1, bufsize=2**33)",
        "__import__('PIL.Image').Image.new('RGB', (60_000, 60_000)).load()",
    ],
)
def test_R9_memory_at_once(sandbox: Sandbox, bomb: str):
    """An allocation over the limit is a MemoryError of the code, and the server's memory does not grow."""
    before = psutil.Process().memory_info().rss
    answer = sandbox.attack(f"hoard = {bomb}\n{LINE}")
    assert isinstance(answer, CodeFailed), answer
    assert answer.kind == "MemoryError"
    assert psutil.Process().memory_info().rss < before + 50 * 2**20
    sandbox.assert_well()


@one_tier
def test_R9_memory_little_by_little(sandbox: Sandbox):
    """Allocations that grow until no memory is left are a MemoryError too, with its line."""
    answer = sandbox.attack("hoard = []\nwhile True:\n    hoard.append(bytearray(2**20))\n", timeout=30)
    assert isinstance(answer, CodeFailed), answer
    assert (answer.kind, answer.line) == ("MemoryError", 3)
    sandbox.assert_well()


def test_R10_files_are_limited(sandbox: Sandbox, attack):
    """Bytes, files, holes, shared memory and pipes are limited."""
    attack("""
def fill(name, pieces):
    with open(name, "wb") as file:
        for _ in range(pieces):
            file.write(bytes(2**20)); file.flush()
attempt("300 MB", lambda: fill("big", 300))
def many():
    for i in range(5000):
        os.close(os.open(f"file{i}", os.O_CREAT | os.O_WRONLY))
attempt("5,000 files", many)
def sparse():
    with open("sparse", "wb") as file:
        file.truncate(2**40)
attempt("1 TB of holes", sparse)
attempt("memfd", lambda: os.memfd_create("x"))
attempt("SysV", lambda: syscall(29, 0, 2**30, 0o1600))
attempt("message queue", lambda: syscall(240, b"evil", 0o102, 0o600, None))
def pipes():
    ends = [os.pipe() for _ in range(1000)]
attempt("pipes", pipes)
""")


@one_tier
@pytest.mark.parametrize(
    "loop",
    [
        "while True: pass",
        "import time; time.sleep(1000)",
        "import re; re.match(r'(a+)+$', 'a' * 60 + 'b')",
        "9 ** 9 ** 9",
        "import signal\nfor n in range(1, 64):\n    try: signal.signal(n, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\n"
        "while True: pass",
        "import threading\nthreading.Event().wait()",
        "import os\nr, w = os.pipe()\nos.read(r, 1)",
    ],
)
def test_R11_endless_code_is_stopped(sandbox: Sandbox, loop: str):
    """At its deadline, regardless of its signal handlers; its process is gone."""
    answer = sandbox.attack(loop + "\n" + LINE, timeout=0.5)
    assert isinstance(answer, DeadlineExceeded), answer
    sandbox.assert_well()


@one_tier
def test_R11_a_process_that_stops_itself(sandbox: Sandbox):
    """A process may not stop itself, and would not outlive the deadline."""
    answer = sandbox.attack("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\n" + LINE, timeout=1)
    assert isinstance(answer, (CodeFailed, DeadlineExceeded)), answer
    sandbox.assert_well()


@one_tier
@pytest.mark.parametrize(
    "crash",
    [
        "import ctypes; ctypes.string_at(0)",
        "import os; os.abort()",
        pytest.param("import sys; sys.setrecursionlimit(10**9)\nf = lambda: f()\nf()", marks=pytest.mark.nightly),
        "import ctypes; ctypes.CDLL(None).raise_(11) if False else ctypes.memset(1, 0, 10)",
    ],
)
def test_R12_a_crash_is_reported(sandbox: Sandbox, crash: str):
    """A segmentation fault ends only its own process, and is reported as ``crashed``."""
    answer = sandbox.attack(crash + "\n" + LINE, timeout=10)
    if "recursion" in crash:
        # Newer Pythons use a gigabyte of frames for it, which may last until the deadline.
        assert isinstance(answer, (OutputInvalid, DeadlineExceeded)), answer
    else:
        assert isinstance(answer, OutputInvalid), answer
        assert answer.code == "crashed"
    sandbox.assert_well()


@one_tier
def test_R12_no_core_file_is_written(sandbox: Sandbox):
    """The limit of its size is zero, and code cannot raise it."""
    code = """
import resource
print(resource.getrlimit(resource.RLIMIT_CORE))
try:
    resource.setrlimit(resource.RLIMIT_CORE, (-1, -1))
except (OSError, ValueError):
    pass
print(resource.getrlimit(resource.RLIMIT_CORE))
"""
    assert sandbox.render(code + LINE).output.splitlines()[:2] == ["(0, 0)"] * 2


@one_tier
@pytest.mark.parametrize("ending", ["import os; os._exit(0)", "import sys; sys.exit()", "raise SystemExit(0)"])
def test_R13_an_exit_without_a_figure(sandbox: Sandbox, ending: str):
    """Code that exits or kills its process without a figure gets an error that says there is none."""
    assert isinstance(sandbox.attack(ending), NoFigure)
    sandbox.assert_well()


@one_tier
@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("class Odd(BaseException): pass\nraise Odd('x')", "Odd"),
        ("import sys; sys.exit(3)", "SystemExit"),
        ("raise GeneratorExit", "GeneratorExit"),
    ],
)
def test_R13_any_exception_is_an_error_of_the_code(sandbox: Sandbox, ending: str, kind: str):
    """Including those that do not derive from Exception."""
    answer = sandbox.attack(ending)
    assert isinstance(answer, CodeFailed), answer
    assert answer.kind == kind
    sandbox.assert_well()


NOT_CODE = [
    b"(" * 100_000,
    b"a = 1\0\n",
    b"(" * 100_000 + b")" * 100_000,
    b"x = " + b"-" * 100_000 + b"1",
    b"\xff\xfe not UTF-8",
    b"'\xed\xa0\x80'",
    b"x = 1" + b"\n" * (10 * 2**20) + b"y(",
]


@one_tier
@pytest.mark.parametrize("source", NOT_CODE)
def test_R14_source_that_is_not_code(sandbox: Sandbox, source: bytes):
    """It is an error of the code, or a crash of its process, and nothing else; no tier compiles differently."""
    answer = sandbox.attack(source)
    assert isinstance(answer, OutputInvalid), answer
    assert not isinstance(answer, NoFigure)
    sandbox.assert_well()


@one_tier
def test_source_that_is_not_code_in_each_tier(sandbox: Sandbox):
    """One of the same sources for each tier."""
    answer = sandbox.attack(NOT_CODE[0])
    assert isinstance(answer, OutputInvalid), answer
    assert not isinstance(answer, NoFigure)
    sandbox.assert_well()


@one_tier
@pytest.mark.parametrize(
    "source",
    [
        b"\xef\xbb\xbf" + LINE.encode(),
        LINE.replace("\n", "\r\n").encode(),
        b"# -*- coding: latin-1 -*-\n" + LINE.encode(),
        b"# -*- coding: no-such-thing -*-\n" + LINE.encode(),
    ],
)
def test_R14_byte_order_mark_and_line_ends(sandbox: Sandbox, source: bytes):
    """A byte order mark, other line ends and a declared encoding change nothing."""
    sandbox.assert_well()
    assert sandbox.render(source).images[0].data == sandbox.reference


@one_tier
def test_R15_a_flood_of_output(sandbox: Sandbox):
    """It is truncated; if it does not end, the code is stopped."""
    answer = sandbox.attack("while True:\n    print('x' * 10_000)\n")
    assert isinstance(answer, OutputInvalid), answer
    assert answer.code == "output_too_large"
    some = sandbox.render("print('y' * 200_000)\n" + LINE)
    assert len(some.output) < 70_000
    assert "more bytes were discarded" in some.output
    sandbox.assert_well()


@one_tier
def test_R16_a_flood_into_the_result(sandbox: Sandbox):
    """It is stopped at the limit, regardless of the lengths that it states."""
    for start in ("struct.pack('>IQ', 10, 2**62)", "struct.pack('>IQ', 2**31, 1)", "struct.pack('>IQ', 2, 9) + b'{}'"):
        code = f"import os, struct\nos.write(3, {start})\nwhile True: os.write(3, bytes(2**16))\n"
        answer = sandbox.attack(code)
        assert isinstance(answer, OutputInvalid), answer
        assert answer.code == "output_too_large"
    sandbox.assert_well()


WRITE_RESULT = """
import json, os, struct
header = json.dumps({"status": "rendered", "images": [{"width": 1, "height": 1}], "sizes": [len(data)]}).encode()
os.write(3, struct.pack(">IQ", len(header), len(data)) + header + data)
os._exit(0)
"""
"""Code that writes ``data`` into the result channel itself; ``host/test_results.py`` has many more such results."""


@one_tier
@pytest.mark.parametrize("name", ["png", "svg"])
def test_R17_html_instead_of_an_image(sandbox: Sandbox, name: str):
    """A result that the code writes itself is checked: HTML is not an image, regardless of the header."""
    answer = sandbox.attack("data = b'<!doctype html><script>alert(1)</script>'" + WRITE_RESULT, format=name)
    assert isinstance(answer, OutputInvalid), answer
    assert "wrote something else" in str(answer)
    sandbox.assert_well()


@one_tier
def test_a_forged_error(sandbox: Sandbox):
    """A forged error cannot exceed its fields."""
    header = b'{"status": "output", "sizes": [], "code": "x\\r\\nSet-Cookie: a", "message": "\\ud800\\u0000"}'
    code = f"import os, struct\nh = {header!r}\nos.write(3, struct.pack('>IQ', len(h), 0) + h)\nos._exit(0)\n"
    answer = sandbox.attack(code)
    assert isinstance(answer, OutputInvalid), answer
    assert answer.code == "output_invalid"
    assert not set("\r\n\0\ud800") & set(f"{answer.code}{answer}")
    sandbox.assert_well()


@one_tier
@pytest.mark.parametrize("size", ["1e5, 1e5", "float('nan'), 4", "float('inf'), 4", "-1, 4", "0, 4", "1e-9, 1e-9"])
def test_R18_invalid_sizes_in_the_code(sandbox: Sandbox, size: str):
    """They are refused before anything of that size is rendered."""
    answer = sandbox.attack(f"import matplotlib.pyplot as plt\nplt.figure(figsize=({size}))\n")
    assert isinstance(answer, (OutputInvalid, TooLarge)), answer
    sandbox.assert_well()


@one_tier
def test_R18_an_invalid_size_in_the_request(sandbox: Sandbox):
    """It is refused before a child receives it; ``host/test_job_limits.py`` has the other cases."""
    assert isinstance(sandbox.attack(LINE, dpi=float("nan")), InvalidInput)


@one_tier
def test_R19_too_many_pixels(sandbox: Sandbox):
    """They are refused in the request, in the code, and in a forged image header."""
    assert isinstance(sandbox.attack(LINE, width=12_000, height=12_000), TooLarge)
    assert isinstance(sandbox.attack("import matplotlib.pyplot as p; p.figure(figsize=(120, 120), dpi=100)"), TooLarge)
    header = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 12_000, 12_000) + bytes(9)
    forged = f"data = {header!r}" + WRITE_RESULT
    assert isinstance(sandbox.attack(forged), TooLarge)
    sandbox.assert_well()


@one_tier
@pytest.mark.parametrize(
    "huge",
    [
        "plt.gcf().set_gid('x' * 17 * 2**20)",
        # Takes many seconds to write.
        pytest.param(
            "plt.rcParams['path.simplify'] = False; plt.plot(*np.random.rand(2, 1_000_000))", marks=pytest.mark.nightly
        ),
    ],
)
def test_R20_a_huge_svg(sandbox: Sandbox, huge: str):
    """It is refused by its size in bytes, which is known before all of it has arrived."""
    answer = sandbox.attack(f"import numpy as np\nimport matplotlib.pyplot as plt\n{huge}\n", format="svg", timeout=50)
    assert isinstance(answer, OutputInvalid), answer
    assert answer.code == "output_too_large"
    sandbox.assert_well()


def test_R21_no_other_process_is_signalled_or_read(attack, sandbox: Sandbox):
    """Neither the zygote, nor the server, nor all processes at once."""
    zygote = sandbox.zygote().pid
    attack("""
import re
import signal
for pid in {1, 2, os.getppid(), SERVER, -1, 0, -SERVER} - {os.getpid()}:
    attempt(f"kill {pid}", lambda: os.kill(pid, signal.SIGKILL))
    attempt(f"tgkill {pid}", lambda: syscall(234, max(pid, 2), max(pid, 2), 9))
attempt("ptrace", lambda: syscall(101, 16, SERVER, 0, 0))
attempt("process_vm_readv", lambda: syscall(310, SERVER, None, 0, None, 0, 0))
attempt("pidfd", lambda: os.pidfd_open(SERVER))
attempt("memory", lambda: open(f"/proc/{SERVER}/mem", "rb"))
attempt("priority", lambda: os.setpriority(os.PRIO_PROCESS, SERVER, 19))
attempt("limits", lambda: syscall(302, SERVER, 7, ctypes.create_string_buffer(16), None))
# What only says something about them: where they are visible, their processor time tells what they do.
attempt("limits, read", lambda: syscall(302, SERVER, 7, None, ctypes.create_string_buffer(16)))
attempt("processors", lambda: syscall(204, SERVER, 128, ctypes.create_string_buffer(128)))
attempt("robust list", lambda: syscall(274, SERVER, ctypes.create_string_buffer(8), ctypes.create_string_buffer(8)))
for kind in (0, 1, 2, 6):
    clock = ctypes.c_long(~SERVER << 3 | kind)
    attempt(f"clock {kind}", lambda: syscall(228, clock, ctypes.create_string_buffer(16)))
    attempt(f"ticks {kind}", lambda: syscall(229, clock, ctypes.create_string_buffer(16)))
    attempt(f"sleep {kind}", lambda: syscall(230, clock, 0, ctypes.create_string_buffer(16), None))
""")
    assert sandbox.zygote().pid == zygote


def test_code_learns_about_its_own_process(sandbox: Sandbox):
    """Limits, processors and clocks of its own, in each tier."""
    code = """
import os, resource, time
assert resource.prlimit(0, resource.RLIMIT_CORE) == (0, 0) == resource.getrlimit(resource.RLIMIT_CORE)
assert os.sched_getaffinity(0)
clocks = (time.CLOCK_PROCESS_CPUTIME_ID, time.CLOCK_THREAD_CPUTIME_ID, time.CLOCK_MONOTONIC_RAW, time.CLOCK_BOOTTIME)
assert all(time.clock_gettime(clock) > 0 and time.clock_getres(clock) > 0 for clock in clocks)
time.sleep(0.001)
"""
    assert sandbox.render(code + LINE).images[0].data == sandbox.reference


def test_R22_no_descriptor_is_inherited(sandbox: Sandbox):
    """Except null, output and result; other open descriptors are fonts that the child itself opened."""
    output = sandbox.render(
        """
import os
kinds = {}
for number in range(1024):
    try:
        kinds[number] = {0o2: "device", 0o1: "pipe", 0o10: "file"}.get(os.fstat(number).st_mode >> 12, "else")
    except OSError:
        pass
print([n for n in kinds if kinds[n] != "file"], set(kinds.values()) <= {"device", "pipe", "file"})
"""
        + LINE
    ).output
    assert output.splitlines()[0] == "[0, 1, 2, 3] True"


def test_kind_C13_hosts_name_is_not_visible(sandbox: Sandbox):
    """Where the sandbox has namespaces, whichever way it is asked for."""
    code = "import os, platform, socket\nprint({os.uname().nodename, platform.node(), socket.gethostname()})"
    seen = sandbox.render(f"{code}\n{LINE}").output.splitlines()[0]
    assert seen == ("{'sandbox'}" if sandbox.renderer.status.tier != "STRICT" else repr({os.uname().nodename}))


def test_R23_no_privilege_is_gained(attack):
    """No limit is raised, no user is changed, nothing is mounted or created."""
    attack("""
import resource
for name in ("RLIMIT_AS", "RLIMIT_NOFILE", "RLIMIT_FSIZE", "RLIMIT_CORE"):
    attempt(name, lambda: resource.setrlimit(getattr(resource, name), (-1, -1)))
attempt("setuid", lambda: os.setuid(0) or 1)
attempt("setgroups", lambda: os.setgroups([0]))
for name, number, arguments in (("unshare", 272, (0x10000000,)), ("setns", 308, (0, 0)), ("chroot", 161, (b"/",)),
        ("mount", 165, (b"none", b"/scratch", b"tmpfs", 0, None)), ("umount", 166, (b"/scratch", 2)),
        ("mknod", 133, (b"null", 0o20666, 0x103)), ("pivot_root", 155, (b".", b".")), ("capset", 126, (None, None)),
        ("prctl", 157, (1, 0, 0, 0, 0)), ("personality", 135, (0x40000,)), ("reboot", 169, (0, 0, 0, None)),
        ("sethostname", 170, (b"x", 1)), ("open_tree", 428, (-100, b"/", 1)), ("fsopen", 430, (b"tmpfs", 0))):
    attempt(name, lambda: syscall(number, *arguments))
""")


@this_machine
def test_R23_the_kernels_report_of_a_child(sandbox: Sandbox):
    """A child that waits for its job has no privilege to gain or use, and none of its limits can be raised."""
    zygote = sandbox.zygote()
    wait_until(zygote.children)
    # The last one that was forked: an earlier one may have had a job, and be ending.
    child = zygote.children()[-1].pid

    def read(name: str, pattern: str) -> dict[str, str]:
        return dict(re.findall(pattern, Path(f"/proc/{child}/{name}").read_text(encoding="ascii"), re.MULTILINE))

    wait_until(lambda: read("status", r"^(Seccomp):\s+(.*)$") == {"Seccomp": "2"})
    status = read("status", r"^(\w+):[ \t]*(.*)$")
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Threads"], status["Groups"].strip()) == ("1", "1", "")
    # Without namespaces, root changes to another user only where that one may read the installation.
    user, is_other = set(status["Uid"].split()), sandbox.renderer.status.tier != "STRICT"
    assert len(user) == 1
    assert user != {"0"} or not is_other
    # Of a process that others of its user may inspect, these would be that user's.
    assert Path(f"/proc/{child}/environ").stat().st_uid == 0
    limits = read("limits", r"^Max ([a-z ]+?)  +(\d+  +\d+) ")
    low = {"core file size": 0, "locked memory": 0, "msgqueue size": 0, "open files": 64, "pending signals": 64}
    low |= {"stack size": 16 * 2**20} | ({"processes": 16} if is_other else {})
    assert {name: set(map(int, limits[name].split())) for name in low} == {name: {n} for name, n in low.items()}
    for name in ("cpu time", "file size", "address space"):
        assert len(set(limits[name].split())) == 1


def test_R24_other_kernel_interfaces(attack):
    """Each kernel interface that attacks commonly use fails as not permitted."""
    output = attack("""
for name, number in dict(io_uring_setup=425, bpf=321, userfaultfd=323, keyctl=250, add_key=248, perf_event_open=298,
        inotify_init=253, modify_ldt=154, fanotify_init=300, memfd_secret=447, kexec_load=246, init_module=175,
        finit_module=313, quotactl=179, acct=163, swapon=167, iopl=172, ioperm=173, syslog=103, vmsplice=278,
        splice=275, name_to_handle_at=303, open_by_handle_at=304, kcmp=312, timer_create=222, signalfd=282,
        sched_setaffinity=203, landlock_create_ruleset=444, seccomp=317, arch_prctl=158, flock=73, msgget=68,
        semget=64, shmget=29, mbind=237, move_pages=279, pkey_alloc=330, process_madvise=440, io_setup=206).items():
    attempt(name, lambda: syscall(number, 0, 0, 0, 0, 0))
for name, command in dict(TIOCSTI=0x5412, TIOCLINUX=0x541C, FIFREEZE=0xC0045877, FS_IOC_SETFLAGS=0x40086602).items():
    attempt(name, lambda: syscall(16, 1, command, ctypes.create_string_buffer(64)))
""")
    assert {line.rpartition(" ")[2] for line in output.splitlines()} == {"1"}


def test_R25_no_custom_machine_code(sandbox: Sandbox):
    """No memory is writable and executable; calls of other processor modes end the process."""
    output = printed(
        sandbox.attack(
            TRIES
            + """
import mmap
attempt("rwx", lambda: mmap.mmap(-1, 4096, prot=7))
page = mmap.mmap(-1, 4096, prot=3)
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
attempt("mprotect", lambda: syscall(10, ctypes.c_void_p(address), 4096, 5))
"""
            + LINE
        )
    )
    assert "GOT THROUGH" not in output
    crashed = sandbox.attack(TRIES + "syscall(0x40000000 + 39)\n" + LINE)
    assert isinstance(crashed, OutputInvalid)
    assert crashed.code == "crashed"
    sandbox.assert_well()


def test_R25_no_library_from_scratch(full_sandbox: Sandbox):
    """What code has written is not executable, also as a part of its own process."""
    code = """
import _ctypes, shutil
copy = shutil.copyfile(_ctypes.__file__, "/scratch/copy.so")
ctypes.CDLL(_ctypes.__file__)
attempt("library", lambda: ctypes.CDLL(copy))
"""
    assert printed(full_sandbox.attack(TRIES + code + LINE)).splitlines() == ["library stopped by OSError None"]
    full_sandbox.assert_well()


def test_R26_no_library_is_poisoned(sandbox: Sandbox):
    """Changes to libraries and builtins vanish with the process."""
    sandbox.attack(
        """
import builtins, sys
import matplotlib, numpy, matplotlib.pyplot as plt
from matplotlib.figure import Figure
Figure.savefig = lambda *a, **k: None
numpy.asarray = None
builtins.len = lambda x: 0
plt.rcParams["lines.linewidth"] = 40
plt.style.use("dark_background")
sys.modules["json"] = None
frame = sys._getframe()
while frame:
    for name in ("jail", "self", "settings"):
        if name in frame.f_locals:
            print("saw", name)
    frame = frame.f_back
"""
        + LINE
    )
    sandbox.assert_well()


def test_the_zygote_holds_no_secret(sandbox: Sandbox):
    """Code can inspect every frame and object of its process: none is the server's."""
    answer = sandbox.attack(
        """
import gc, sys
found = []
frame = sys._getframe()
while frame:
    found.append(repr(frame.f_locals)); frame = frame.f_back
gc.unfreeze()
found += [repr(o)[:500] for o in gc.get_objects() if isinstance(o, (dict, str, bytes, list)) and len(o) < 100]
print(any("canary-" in text for text in found[:-1] if "found" not in text))
"""
        + LINE,
        timeout=50,
    )
    assert SECRET not in str(answer) + printed(answer)
    sandbox.assert_well()


def test_R27_nothing_happens_later(sandbox: Sandbox):
    """Exit handlers and threads end with the result."""
    answer = sandbox.attack(
        """
import atexit, threading, time
atexit.register(lambda: time.sleep(30))
threading.Thread(target=time.sleep, args=(30,)).start()
"""
        + LINE,
        timeout=15,
    )
    assert isinstance(answer, RenderResult), answer
    sandbox.assert_well()


def test_R28_no_lock_on_a_shared_file(attack):
    """A locked font would block the next figure."""
    attack("""
import fcntl, matplotlib
font = open(matplotlib.get_data_path() + "/fonts/ttf/DejaVuSans.ttf")
attempt("flock", lambda: fcntl.flock(font, fcntl.LOCK_EX))
attempt("lockf", lambda: fcntl.lockf(font, fcntl.LOCK_SH))
attempt("lease", lambda: fcntl.fcntl(font, 1024, fcntl.F_RDLCK))
""")


@one_tier
def test_R29_random_numbers_differ_between_figures(sandbox: Sandbox):
    """Forks of one zygote do not share its random state; a seed makes them equal."""
    for number in ("numpy.random.rand()", "random.random()"):
        code = f"import numpy, random\nprint({number})\n" + LINE
        assert len({sandbox.render(code).output for _ in range(4)}) == 4
        assert len({sandbox.render(code, seed=7).output for _ in range(3)}) == 1


@one_tier
def test_R30_latex_is_reported_as_missing(sandbox: Sandbox):
    """The error is clear, since no program can start in a sandbox."""
    answer = sandbox.attack("import matplotlib.pyplot as plt\nplt.rcParams['text.usetex'] = True\nplt.title('x')\n")
    assert isinstance(answer, CodeFailed), answer
    assert "LaTeX" in str(answer) or "latex" in str(answer)
    sandbox.assert_well()


@one_tier
def test_R31_the_zygote_is_killed(sandbox: Sandbox):
    """The running job gets an error, waiting jobs are run by a new zygote, and nothing of the old one remains."""

    async def scene() -> list[object]:
        renderer = sandbox.renderer
        sleeping = [RenderJob("code", b"import time; time.sleep(30)", timeout=40) for _ in range(renderer.jobs)]
        running = [asyncio.create_task(renderer.render(job)) for job in sleeping]
        waiting = [asyncio.create_task(renderer.render(RenderJob("code", LINE.encode(), timeout=20))) for _ in range(3)]
        # A job whose child has not received it yet would be run by the new zygote.
        await until(lambda: [child.state for child in renderer._running] == ["working"] * renderer.jobs)
        old = psutil.Process(zygote.pid).children(recursive=True)
        zygote.kill()
        answers = await asyncio.gather(*running, *waiting, return_exceptions=True)
        _, alive = psutil.wait_procs(old, timeout=PATIENCE)
        assert not alive
        return answers

    zygote = sandbox.zygote()
    answers = sandbox.run(scene())
    jobs = sandbox.renderer.jobs
    assert all(isinstance(answer, Unavailable) for answer in answers[:jobs]), answers
    assert all(isinstance(answer, RenderResult) for answer in answers[jobs:]), answers
    sandbox.assert_well()


@one_tier
def test_R32_a_cancelled_job_frees_its_slot(sandbox: Sandbox):
    """Its process is gone and its slot is free, although it would have run much longer."""

    async def scene() -> None:
        renderer = sandbox.renderer
        sleeping = RenderJob("code", b"import time; time.sleep(50)", timeout=55)
        tasks = [asyncio.create_task(renderer.render(sleeping)) for _ in range(renderer.jobs)]
        await until(lambda: len(renderer._running) == renderer.jobs)
        children = list(renderer._running)
        for task in tasks:
            task.cancel()
        async with asyncio.timeout(20):
            await asyncio.gather(*(child.is_gone for child in children))
        await renderer.render(RenderJob("code", LINE.encode()))

    sandbox.run(scene())
    sandbox.assert_well()


@one_tier
def test_a_cancelled_job_leaves_the_queue(sandbox: Sandbox):
    """The queue drops cancelled jobs."""

    async def scene() -> None:
        renderer = sandbox.renderer
        running = [
            asyncio.create_task(renderer.render(RenderJob("code", b"import time; time.sleep(50)", timeout=55)))
            for _ in range(renderer.jobs)
        ]
        waiting = [asyncio.create_task(renderer.render(RenderJob("code", LINE.encode()))) for _ in range(5)]
        await until(lambda: renderer.pending == renderer.jobs + 5)
        for task in (*waiting, *running):
            task.cancel()
        await asyncio.gather(*waiting, *running, return_exceptions=True)
        await until(lambda: not renderer.pending)

    sandbox.run(scene())
    sandbox.assert_well()


@one_tier
def test_R33_jobs_over_the_queue_limit_are_rejected(sandbox: Sandbox):
    """Queued jobs run or time out; the others are refused at once with a time to retry."""
    renderer = sandbox.renderer
    queue = RenderQueue(renderer, renderer.jobs, 4, 60)

    async def scene() -> list[object]:
        # The harness has already started the renderer.
        queue._starting = asyncio.ensure_future(asyncio.sleep(0))
        jobs = [RenderJob("code", b"while True: pass", timeout=0.3) for _ in range(50)]
        return await asyncio.gather(*(queue.render(job) for job in jobs), return_exceptions=True)

    answers = sandbox.run(scene())
    served = [answer for answer in answers if isinstance(answer, DeadlineExceeded)]
    refused = [answer for answer in answers if isinstance(answer, Unavailable) and answer.code == "queue_full"]
    assert len(served) == renderer.jobs + 4
    assert len(refused) == 50 - len(served)
    assert all(error.retry_after for error in refused)
    sandbox.assert_well()


def test_R34_parallel_jobs_are_isolated(sandbox: Sandbox):
    """The attacker sees no file of the other job and cannot signal any process; the victim is rendered."""
    attacker = (
        TRIES
        + """
import signal, time
end = time.monotonic() + 2
seen, hit = set(), set()
while time.monotonic() < end:
    for place in (".", "/tmp", "/scratch"):
        try:
            seen.update(os.listdir(place))
        except OSError:
            pass
    for pid in range(2, 500):
        try:
            os.kill(pid, 9); hit.add(pid)
        except OSError:
            pass
print("seen", "victims-file" in seen, "hit", sorted(hit))
"""
        + LINE
    )
    victim = "import time\ntry: open('victims-file', 'w').write('x')\nexcept OSError: pass\ntime.sleep(1.5)\n" + LINE

    async def scene() -> list[RenderResult]:
        jobs = (RenderJob("code", attacker.encode()), RenderJob("code", victim.encode()))
        return await asyncio.gather(*(sandbox.renderer.render(job) for job in jobs))

    first, second = sandbox.run(scene())
    assert "seen False hit []" in first.output
    sandbox.assert_well()
    assert second.images[0].data == sandbox.reference


@one_tier
def test_R35_an_invalid_format(sandbox: Sandbox):
    """It is refused before a child receives it; ``host/test_job_limits.py`` has the other cases."""
    assert isinstance(sandbox.attack(LINE, format="../x"), UnsupportedType)


def test_each_tier_protects_a_secret_file_from_a_hundred_paths(attack):
    """Dots, links and descriptors give the same result as the plain path."""
    attack("""
for prefix in ("", "/proc/self/root", "/scratch/..", "/tmp/..", "/usr/lib/../..", "/dev/..", "/old", "/mnt"):
    attempt(prefix, lambda: open(prefix + TOKEN).read())
    attempt(prefix, lambda: os.listdir(prefix + DIRECTORY))
""")


@one_tier
def test_the_server_survives_a_killed_waiting_child(sandbox: Sandbox):
    """A warm child that dies before its job is replaced."""
    waiting = sandbox.zygote().children()
    for process in waiting:
        os.kill(process.pid, signal.SIGKILL)
    psutil.wait_procs(waiting, timeout=PATIENCE)
    sandbox.assert_well()


@one_tier
def test_a_job_survives_a_child_that_died_unnoticed(sandbox: Sandbox):
    """The host may kill waiting children when memory is short: the next child does the job."""

    async def kill_and_render():
        # Nothing else runs on the loop meanwhile, so that the renderer takes the dead child for a waiting one.
        waiting = sandbox.zygote().children()
        for process in waiting:
            process.kill()
        psutil.wait_procs(waiting, timeout=PATIENCE)
        return await sandbox.renderer.render(RenderJob("code", LINE.encode(), timeout=20))

    wait_until(lambda: any(child.state == "ready" for child in sandbox.renderer._idle))
    assert sandbox.run(kill_and_render()).images[0].data == sandbox.reference


@one_tier
def test_errors_share_a_base_class(sandbox: Sandbox):
    """Callers need to catch only one class."""
    assert isinstance(sandbox.attack("1/0"), FigServeError)
    assert isinstance(sandbox.attack(LINE, timeout=1000), InvalidInput)
    assert DrawOptions() == DrawOptions(format="png")
