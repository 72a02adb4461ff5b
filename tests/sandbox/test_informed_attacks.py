"""Attacks by someone who has read the sandbox's code, in each tier and as an ordinary user.

Each test asserts that the harm did not happen, and that the next figure has the same bytes as before. System call
numbers are those of x86_64.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from jupyter_figserve.errors import CodeFailed, DeadlineExceeded, FigServeError, NoFigure, OutputInvalid
from jupyter_figserve.model.rendering import RenderJob, RenderResult

from ..conftest import ELSEWHERE
from .as_user import USER
from .harness import LINE, SECRET, SECRET_NAME, TRIES, Bait, Sandbox, poor_host, printed
from .remote.fleets import REMOTE

AS_USER = [sys.executable, str(Path(__file__).with_name("as_user.py")), "--"]


@pytest.fixture(scope="module", autouse=True)
def one_architecture() -> None:
    if platform.machine() != "x86_64":
        pytest.skip(ELSEWHERE + "the numbers of system calls are those of x86_64")


# Every run has each tier once, and each kind of user once.
@pytest.fixture(
    scope="module",
    params=[
        "FULL as a user",
        "STRICT",
        pytest.param("FULL", marks=pytest.mark.nightly),
        pytest.param("STRICT as a user", marks=pytest.mark.nightly),
        *(pytest.param(name, marks=pytest.mark.nightly) for name in REMOTE),
    ],
)
def sandbox(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    if request.param in REMOTE:
        with REMOTE[request.param](tmp_path_factory.mktemp(request.param)) as remote:
            yield remote
        return
    tier, _, who = request.param.partition(" ")
    settings = _as_user(tier, tmp_path_factory) if who else {}
    os.environ[SECRET_NAME] = SECRET
    made = Sandbox(tier, **settings)
    del os.environ[SECRET_NAME]
    assert made.renderer.status.tier == tier, made.renderer.status.reasons
    made.assert_well()
    yield made
    made.close()


def _as_user(tier: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    if os.geteuid() != 0:
        pytest.skip(ELSEWHERE + "only root can become another user")
    cache = tmp_path_factory.mktemp("cache")
    for directory in (cache, *list(cache.parents)[:2]):
        directory.chmod(0o755)
    os.chown(cache, USER, USER)
    lacking = poor_host("container") if tier == "STRICT" else []
    return {"wrap": [*AS_USER, *lacking], "cache": cache}


def test_R7_a_program_from_memory(attack):
    """memfd and execveat, and execve of a scratch file and of the interpreter itself."""
    attack("""
attempt("memfd_create", lambda: syscall(319, b"evil", 0))
attempt("execveat", lambda: syscall(322, -100, sys.executable.encode(), None, None, 0))
attempt("execveat of nothing", lambda: syscall(322, 1, b"", None, None, 0x1000))
attempt("execve", lambda: syscall(59, sys.executable.encode(), None, None))
attempt("uselib", lambda: syscall(134, b"/lib/x86_64-linux-gnu/libc.so.6"))
""")


def test_R6_every_way_to_fork(attack, sandbox: Sandbox):
    """By number, with a thread's flags as cover, a thousand times."""
    attack("""
for name, number, arguments in (("fork", 57, ()), ("vfork", 58, ()), ("clone", 56, (17, 0, 0, 0, 0)),
        ("clone with a parent", 56, (0x8000 | 17, 0, 0, 0, 0)), ("clone of memory", 56, (0x100, 0, 0, 0, 0)),
        ("clone3", 435, (ctypes.create_string_buffer(88), 88))):
    def bomb():
        for _ in range(1000):
            syscall(number, *arguments)
    attempt(name, bomb)
for flag in (0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
    attempt(f"a thread in a namespace {flag:#x}", lambda: syscall(56, 0x10000 | 0x100 | 0x800 | flag, 0, 0, 0, 0))
""")
    assert len(sandbox.processes()) < 20


def test_the_main_thread_ends_and_others_remain(sandbox: Sandbox):
    """The zygote does not wait for it; the deadline ends the remaining threads."""
    code = TRIES + "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\nsyscall(60, 0)\n"
    assert isinstance(sandbox.attack(code, timeout=1), DeadlineExceeded)
    sandbox.assert_well()


def test_R5_truncating_a_file_by_its_path(attack, sandbox: Sandbox):
    """No file outside, and not even one's own: old versions of Landlock would not notice."""
    attack("""
for path in (OPEN_FILE, TOKEN, "/etc/hostname", sys.executable):
    attempt(path, lambda: os.truncate(path, 0))
    attempt(path, lambda: syscall(76, path.encode(), 0))
try:
    open("own", "wb").write(b"12345")
    attempt("own", lambda: syscall(76, b"own", 1))
except OSError:
    pass
""")


@pytest.mark.parametrize("number", [2, 39, 520, 545, 9])
def test_R25_the_system_call_numbers_of_x32(sandbox: Sandbox, bait: Bait, number: int):
    """Any of these calls ends the process."""
    answer = sandbox.attack(f"{TRIES}syscall(0x40000000 + {number}, {str(bait.token)!r}.encode(), 0, 0)\n{LINE}")
    assert isinstance(answer, OutputInvalid)
    assert answer.code == "crashed"
    bait.assert_unharmed()
    sandbox.assert_well()


def test_R25_the_system_calls_of_32_bits(sandbox: Sandbox, bait: Bait):
    """``int 0x80`` needs no code of one's own: its two bytes are somewhere in the C library."""
    code = """
places = ("/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/usr/lib")
path = next(place + "/libc.so.6" for place in places if os.path.exists(place + "/libc.so.6"))
library = open(path, "rb").read()
known = ctypes.cast(libc.syscall, ctypes.c_void_p).value
base = known - library.index(ctypes.string_at(known, 32))
ctypes.CFUNCTYPE(ctypes.c_long)(base + library.index(b"\\xcd\\x80"))()
"""
    answer = sandbox.attack(f"{TRIES}{code}{LINE}")
    assert isinstance(answer, OutputInvalid), answer
    assert answer.code == "crashed"
    # A kernel without them ends the process in another way.
    assert "SIGSYS" in str(answer) or not os.path.exists("/proc/sys/abi/vsyscall32")
    bait.assert_unharmed()
    sandbox.assert_well()


def test_removing_the_jail(attack):
    """No restriction can be removed, raised or replaced."""
    attack("""
for option in (1, 4, 8, 15, 22, 23, 24, 28, 35, 38, 47, 53, 59, 62, 65, 0x59616d61):
    attempt(f"prctl {option}", lambda: syscall(157, option, 0, 0, 0, 0))
attempt("another filter", lambda: syscall(317, 1, 0, None))
attempt("a landlock", lambda: syscall(444, None, 0, 1))
for name, number in dict(setuid=105, setgid=106, setreuid=113, setresuid=117, setresgid=119, setfsuid=122,
        setrlimit=160, setpgid=109, setsid=112, personality=135, arch_prctl=158, set_tid_address=218).items():
    attempt(name, lambda: syscall(number, 0, 0, 0))
limits = ctypes.create_string_buffer(b"\\xff" * 16)
for kind in range(16):
    attempt(f"prlimit {kind}", lambda: syscall(302, 0, kind, limits, None))
    attempt(f"prlimit of pid 1 {kind}", lambda: syscall(302, 1, kind, limits, None))
""")


def test_R23_other_namespaces_and_mounts(attack):
    """Through every open descriptor, and through the newer interface."""
    attack("""
for descriptor in range(8):
    attempt(f"setns {descriptor}", lambda: syscall(308, descriptor, 0))
for flags in (0x80, 0x20000, 0x10000000, 0x7E020080):
    attempt(f"unshare {flags:#x}", lambda: syscall(272, flags))
for name, number in dict(mount=165, umount=166, pivot_root=155, chroot=161, open_tree=428, move_mount=429, fsopen=430,
        fsconfig=431, fsmount=432, fspick=433, mount_setattr=442, statmount=457, listmount=458).items():
    attempt(name, lambda: syscall(number, 0, b"/", 0, b"/", 0))
""")


def test_R3_every_kind_of_socket(attack):
    """By number, and through the existing pipes."""
    attack("""
for family in (1, 2, 10, 16, 17, 38, 40, 44):
    for kind in (1, 2, 3, 5):
        attempt(f"socket {family} {kind}", lambda: syscall(41, family, kind, 0))
attempt("socketpair", lambda: syscall(53, 1, 1, 0, ctypes.create_string_buffer(8)))
for name, number in dict(connect=42, accept=43, sendto=44, recvfrom=45, sendmsg=46, recvmsg=47, bind=49,
        sendfile=40, tee=276, copy_file_range=326, io_uring_enter=426, socketcall=102 + 1000).items():
    attempt(name, lambda: syscall(number, 1, b"x", 1, 0, 0, 0))
""")


def test_the_systems_own_files(attack):
    """Memory, limits and switches of the kernel, and those of this process and its parents."""
    attack("""
for path in ("/proc/self/mem", "/proc/1/mem", "/proc/self/oom_score_adj", "/proc/self/uid_map", "/proc/self/attr/exec",
        "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/kernel/mm/ksm/run", "/dev/mem", "/dev/kmsg",
        "/dev/shm/evil", "/dev/tty", "/dev/ptmx", "/sys/fs/cgroup/cgroup.procs", "/run/evil", "/var/tmp/evil"):
    attempt("write " + path, lambda: open(path, "r+b" if "evil" not in path else "wb").write(b"1"))
for path in ("/proc/self/environ", "/proc/self/maps", "/proc/1/environ", "/proc/kallsyms", f"/proc/{SERVER}/environ",
        "/proc/self/cwd/../etc/passwd", "/proc/self/root/etc/passwd", "/proc/self/fd/0/../../../etc/shadow"):
    attempt("read " + path, lambda: open(path, "rb").read(99))
""")


def test_R21_siblings_and_parents(attack, sandbox: Sandbox):
    """No signal, trace, memory or descriptor of another process."""
    zygote = sandbox.zygote()
    attack(f"""
own = {{os.getpid()}}
pids = set([*range(1, 20), {zygote.pid}, {zygote.pid + 1}, os.getppid(), SERVER]) - own
for pid in pids:
    attempt(f"kill {{pid}}", lambda: syscall(62, pid, 9))
    attempt(f"tkill {{pid}}", lambda: syscall(200, pid, 9))
    for name, number, arguments in (("ptrace", 101, (16, pid, 0, 0)), ("queueinfo", 129, (pid, 9, None)),
            ("tgqueueinfo", 297, (pid, pid, 9, None)), ("writev", 311, (pid, None, 0, None, 0, 0)),
            ("pidfd_open", 434, (pid, 0)), ("pidfd_send_signal", 424, (0, 9, None, 0)),
            ("pidfd_getfd", 438, (0, 0, 0)), ("scheduler", 144, (pid, 0, None)), ("ioprio", 251, (1, pid, 0))):
        attempt(f"{{name}} {{pid}}", lambda: syscall(number, *arguments))
""")
    assert sandbox.zygote() == zygote


def test_filling_scratch_with_names(sandbox: Sandbox):
    """Empty files, deep directories, preallocated files: the next child's scratch is empty."""
    answer = sandbox.attack("""
import os
made = 0
try:
    for number in range(100_000):
        open(f"{'n' * 200}{number}", "x").close()
        made += 1
except OSError as error:
    few = made < 1000
try:
    for _ in range(1000):
        os.mkdir("d"); os.chdir("d")
except OSError:
    raise RuntimeError(f"few {few}")
""")
    assert "few True" in str(answer)
    listing = "import os\nprint(os.path.exists('/scratch') and os.listdir('/scratch') or [])\n"
    assert printed(sandbox.attack(listing + LINE)) == "[]\n"
    sandbox.assert_well()


def test_R10_running_out_of_descriptors(sandbox: Sandbox):
    """Only the child runs out: the parent has no more open descriptors than before."""
    before = psutil.Process().num_fds()
    code = "import os\nkept = []\ntry:\n    while True: kept += os.pipe()\nexcept OSError as error:\n"
    code += "    few = len(kept) < 100\nfor fill in kept[1::2]:\n    os.set_blocking(fill, False)\n"
    code += "    try:\n        while True: os.write(fill, bytes(4096))\n    except BlockingIOError: pass\n"
    code += "raise RuntimeError(f'few {few}')\n"
    for _ in range(5):
        assert "few True" in str(sandbox.attack(code))
        sandbox.assert_well()
    assert psutil.Process().num_fds() <= before + 8 * sandbox.renderer.jobs


CHANNEL_ATTACKS = [
    "os.close(3)",
    "os.close(3); time.sleep(60)",
    "[os.close(n) for n in (0, 1, 2, 3)]; time.sleep(60)",
    "os.dup2(1, 3)",
    "os.dup2(os.open('/dev/null', os.O_RDWR), 3)",
    "os.set_blocking(3, False); os.write(3, b'R' * 9)",
    "os.write(3, b'R')",
    "os.dup2(3, 1); print('R' * 100, flush=True)",
]


@pytest.mark.parametrize("code", CHANNEL_ATTACKS)
def test_closing_or_replacing_the_channel(full_sandbox: Sandbox, code: str):
    """The job fails, at its deadline at the latest; no other job fails. The parent behaves the same in every tier."""
    answer = full_sandbox.attack(f"import os, time\n{code}\n{LINE}", timeout=2)
    assert isinstance(answer, (OutputInvalid, NoFigure, DeadlineExceeded)), answer
    full_sandbox.assert_well()


def test_closing_the_channel_in_each_tier(sandbox: Sandbox):
    """One of the same attacks for each tier and user."""
    answer = sandbox.attack(f"import os, time\n{CHANNEL_ATTACKS[0]}\n{LINE}", timeout=2)
    assert isinstance(answer, (OutputInvalid, NoFigure, DeadlineExceeded)), answer
    sandbox.assert_well()


def test_a_malformed_result(sandbox: Sandbox):
    """The error is ours, short and without control characters; ``host/test_results.py`` has many more cases."""
    header = b'{"status": "failed", "message": "\\ud800\\u0000\\u001b[31m", "line": NaN, "sizes": [1]}'
    code = f"import os, struct\nheader = {header!r}\n"
    code += "os.write(3, struct.pack('>IQ', len(header), 1))\nwhile header: header = header[os.write(3, header):]\n"
    code += "os.write(3, b'x')\nos._exit(0)\n"
    answer = sandbox.attack(code)
    assert isinstance(answer, CodeFailed), answer
    assert len(str(answer)) < 5_000
    assert not {"\x00", "\x1b", "\ud800"} & set(str(answer))
    sandbox.assert_well()


def test_half_a_result(sandbox: Sandbox):
    """A child that then waits is stopped; one that then exits has no figure. See ``host/test_child_process.py``."""
    half = "import os, struct, time\nos.write(3, struct.pack('>IQ', 100, 100).ljust(200)[:20])\n"
    assert isinstance(sandbox.attack(half + "time.sleep(60)", timeout=0.5), DeadlineExceeded)
    assert isinstance(sandbox.attack(half + "os._exit(0)"), OutputInvalid)
    sandbox.assert_well()


def test_R15_a_flood_from_many_threads(sandbox: Sandbox):
    """To output and errors at once, with binary data: the code is stopped, and no control character is kept."""
    answer = sandbox.attack("""
import os, threading
def flood(descriptor):
    while True:
        os.write(descriptor, b"\\x1b]0;evil\\x07\\xff\\xfe" * 999)
for descriptor in (1, 2, 1, 2):
    threading.Thread(target=flood, args=(descriptor,), daemon=True).start()
threading.Event().wait()
""")
    assert isinstance(answer, OutputInvalid)
    assert answer.code == "output_too_large"
    sandbox.assert_well()


def test_jobs_that_end_at_their_deadline(sandbox: Sandbox):
    """Each is an image or a timeout, none is both, and every child is gone."""

    async def scene() -> list[object]:
        code = f"import time; time.sleep(0.05)\n{LINE}".encode()
        jobs = [RenderJob("code", code, timeout=0.05 + step / 100) for step in range(30)]
        return await asyncio.gather(*map(sandbox.renderer.render, jobs), return_exceptions=True)

    answers = sandbox.run(scene())
    assert all(isinstance(answer, (RenderResult, DeadlineExceeded)) for answer in answers), answers
    assert any(isinstance(answer, DeadlineExceeded) for answer in answers)
    sandbox.assert_well()


def test_address_space(attack):
    """Reserved, grown, moved, in huge pages or through a descriptor: none exceeds the limit."""
    attack("""
libc.mmap.restype = ctypes.c_void_p
def reserve(size, flags, descriptor=-1):
    found = libc.mmap(None, ctypes.c_size_t(size), 3, flags, descriptor, 0)
    if found == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "mmap")
    return found
for bits in (36, 40, 46):
    attempt(f"reserve {bits}", lambda: reserve(2**bits, 0x4022))
    attempt(f"grow down {bits}", lambda: reserve(2**bits, 0x0122))
    attempt(f"shared {bits}", lambda: reserve(2**bits, 0x4021))
attempt("locked", lambda: syscall(149, reserve(2**20, 0x22), 2**20))
attempt("all locked", lambda: syscall(151, 3))
attempt("brk", lambda: [] if syscall(12, ctypes.c_size_t(2**46)) == 2**46 else 1 / 0)
""")


def test_R11_ignoring_the_cpu_limit(sandbox: Sandbox):
    """Signals are ignored, timers reset, threads spin: the parent enforces the deadline."""
    answer = sandbox.attack(
        """
import signal, threading
for number in set(range(1, 64)) - {9, 19, 32, 33}:
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
def spin():
    while True: pass
for _ in range(8): threading.Thread(target=spin, daemon=True).start()
spin()
""",
        timeout=1,
    )
    assert isinstance(answer, DeadlineExceeded)
    sandbox.assert_well()


class _Evil:
    """Attacks when it is unpickled."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, (self.code,))


def test_P1_a_source_that_attacks_when_it_is_opened(sandbox: Sandbox, bait: Bait):
    """A pickled figure or function is code like any other."""
    constants = "".join(f"{name} = {value!r}\n" for name, value in bait.names.items())
    code = (
        constants
        + TRIES
        + """
attempt("read", lambda: open(TOKEN).read())
attempt("write", lambda: open(DIRECTORY + "/evil", "w"))
attempt("connect", lambda: __import__("socket").create_connection(("127.0.0.1", TCP), 1))
attempt("fork", os.fork)
attempt("kill", lambda: os.kill(SERVER, 9))
"""
    )
    for kind in ("figure", "function"):
        answer = sandbox.attack(pickle.dumps(_Evil(code)), kind=kind)
        assert isinstance(answer, FigServeError)
        assert "GOT THROUGH" not in printed(answer)
        bait.assert_unharmed()
        sandbox.assert_well()


def test_R4_changing_what_others_will_import(attack):
    """Libraries, their caches, the list of fonts and Python's start-up files."""
    attack("""
import matplotlib, numpy, site
places = [matplotlib.__file__, numpy.__file__, os.__file__, matplotlib.get_cachedir() + "/fontlist-v390.json",
    site.getsitepackages()[0] + "/evil.pth", site.getsitepackages()[0] + "/sitecustomize.py", sys.executable]
for place in places:
    attempt("change " + place, lambda: open(place, "ab").write(b"evil"))
    attempt("exchange " + place, lambda: os.rename(place, place + ".old"))
    attempt("remove " + place, lambda: os.remove(place))
""")
