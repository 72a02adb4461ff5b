"""The same jobs and attacks over each renderer: what the seam promises holds wherever the child runs."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Iterator

import psutil
import pytest

from jupyter_figserve.errors import CodeFailed, DeadlineExceeded, InvalidInput, NoFigure, OutputInvalid, TooLarge
from jupyter_figserve.model.rendering import RenderJob

from ...conftest import require_package
from ...waiting import wait_until
from ..harness import LINE, SECRET, SECRET_NAME, TRIES, Bait, Sandbox, printed
from .fleets import RESULT_BYTES, dask_cluster, http_fleet, local_pool

MAKERS = {
    "local": local_pool,
    "http": lambda home: http_fleet(home, 1, proxy=False),
    "dask": lambda home: dask_cluster(home, ("1",)),
}


@pytest.fixture(scope="module", params=[pytest.param("local", marks=pytest.mark.nightly), "http", "dask"])
def renderer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    if request.param == "dask":
        require_package("distributed")
    with MAKERS[request.param](tmp_path_factory.mktemp(request.param)) as made:
        yield made


@pytest.fixture(scope="module")
def reference() -> bytes:
    """The image of a pool of this machine."""
    sandbox = Sandbox("FULL", jobs=1, warm=0)
    image = sandbox.render(LINE).images[0].data
    sandbox.close()
    return image


def test_an_image_and_what_comes_with_it(renderer: Sandbox, reference: bytes):
    """The same bytes as on this machine, title, printed output, versions and warnings."""
    result = renderer.render("print('printed')\n" + LINE, with_thumbnail=True)
    assert [image.data for image in result.images] == [reference]
    assert (result.title, result.output) == ("still here", "printed\n")
    assert result.thumbnail is not None
    assert result.thumbnail.mimetype == "image/png"
    assert "matplotlib" in result.libraries
    warned = renderer.render(LINE + "import warnings\nwarnings.warn('mind the gap')\nplt.title('\\U0001fae8')\n")
    assert any("font" in sentence for sentence in warned.warnings)


def test_all_figures_in_a_format(renderer: Sandbox):
    """Several parts arrive in order."""
    result = renderer.render(LINE + "plt.figure()\nplt.plot([1, 2])\n", figure="all", format="svg", seed=3)
    assert [image.mimetype for image in result.images] == ["image/svg+xml"] * 2


def test_an_error_has_its_traceback(renderer: Sandbox):
    """With its kind, its line and what was printed before."""
    with pytest.raises(CodeFailed, match="ZeroDivisionError") as caught:
        renderer.render("print('before')\n\n1 / 0\n")
    error = caught.value
    assert (error.kind, error.line, error.output) == ("ZeroDivisionError", 3, "before\n")
    assert "1 / 0" in error.traceback


def test_figures_and_functions(renderer: Sandbox):
    """Pickled sources are opened in the child alone; arguments reach the function."""
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(2, 1))
    source = pickle.dumps(figure)
    pyplot.close(figure)
    assert (renderer.render(source, kind="figure", width=300, height=150).images[0].width) == 300
    function = pickle.dumps(pyplot.figure)
    drawn = renderer.render(function, kind="function", arguments={"figsize": (3, 2)}, dpi=100).images[0]
    assert (drawn.width, drawn.height) == (300, 200)


def test_a_hang_ends_at_its_deadline(renderer: Sandbox):
    """The next job runs at once."""
    with pytest.raises(DeadlineExceeded, match=r"longer than 0\.5 s;"):
        renderer.render("while True: pass", timeout=0.5)
    renderer.assert_well()


WRITE = "import os, struct\nos.write(3, {})\nos._exit(0)\n"
FAILURES = {
    "crash": ("import ctypes; ctypes.string_at(0)", OutputInvalid, "crashed"),
    "exit": ("import os; os._exit(3)", NoFigure, "no_figure"),
    "no figure": ("x = 1", NoFigure, "no_figure"),
    "junk": (WRITE.format("b'x' * 99"), OutputInvalid, "output_too_large"),
    "no header": (WRITE.format("struct.pack('>IQ', 2, 0) + b'[]'"), OutputInvalid, "output_invalid"),
    "too large": (WRITE.format(f"struct.pack('>IQ', 2, {RESULT_BYTES + 1})"), OutputInvalid, "output_too_large"),
    "output": ("while True: print('x' * 9999)", OutputInvalid, "output_too_large"),
    "memory": ("bytearray(2 ** 40)", CodeFailed, "code_failed"),
    "pixels": ("import matplotlib.pyplot as plt\nplt.figure(figsize=(999, 999))", TooLarge, "too_many_pixels"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_failures_are_those_of_a_local_child(renderer: Sandbox, kind: str):
    """A crash, an exit, no figure, a wrong or too large result, too much output, memory and pixels."""
    code, error, name = FAILURES[kind]
    answer = renderer.attack(code)
    assert isinstance(answer, error)
    assert answer.code == name


def test_invalid_jobs_do_not_leave_the_server(renderer: Sandbox):
    """They are refused as by the local pool."""
    assert isinstance(renderer.attack(LINE, timeout=61), InvalidInput)
    assert isinstance(renderer.attack(LINE, width=10**6, height=10**6), TooLarge)


LARGE = 2**28


def test_a_cancelled_job_ends_its_child(renderer: Sandbox):
    """Nobody waits for the result, so the child is killed long before its deadline."""

    found: list[psutil.Process] = []

    def find_large() -> list[psutil.Process]:
        found[:] = [one for one in renderer.processes() if _memory(one) > LARGE and _is_child(one)]
        return found

    async def start() -> asyncio.Task[object]:
        # By its memory, no other child is taken for it, such as one that is just being warmed up.
        job = RenderJob("code", f"large = b'x' * {LARGE}\nwhile True: pass".encode(), timeout=50)
        return asyncio.create_task(renderer.renderer.render(job))

    task = renderer.run(start())
    wait_until(find_large)
    (child,) = found
    renderer.loop.call_soon_threadsafe(task.cancel)
    psutil.wait_procs([child], timeout=20)
    assert not child.is_running()
    renderer.assert_well()


def _memory(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def _is_child(process: psutil.Process) -> bool:
    """Whether it is a job's: of a zygote that has its own parent in the sandbox."""
    try:
        return not process.children() and process.parent().children() != []
    except (psutil.Error, AttributeError):
        return False


ATTACKS = {
    "files": """
for path in (TOKEN, OPEN_FILE, "/etc/passwd", "/proc/self/environ", "/proc/1/environ", "/root/.bashrc"):
    attempt(path, lambda: open(path).read())
attempt("listing", lambda: os.listdir(DIRECTORY))
attempt("write", lambda: open(OPEN_FILE, "ab").write(b"evil"))
attempt("module", lambda: open(os.__file__, "ab").write(b"evil"))
attempt("rename", lambda: os.rename(OPEN_FILE, OPEN_FILE + "2"))
""",
    "network": """
import socket
attempt("tcp", lambda: socket.create_connection(("127.0.0.1", TCP), 2))
attempt("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", UDP)))
attempt("unix", lambda: socket.socket(socket.AF_UNIX).connect(UNIX))
attempt("abstract", lambda: socket.socket(socket.AF_UNIX).connect(ABSTRACT))
attempt("name", lambda: socket.getaddrinfo("example.org", 80))
""",
    "processes": """
import signal, subprocess
attempt("fork", os.fork)
attempt("clone", lambda: syscall(56, 17, 0, 0, 0, 0))
attempt("spawn", lambda: os.posix_spawn("/bin/true", ["true"], {}))
attempt("exec", lambda: os.execv(sys.executable, [sys.executable, "-c", "print('GOT THROUGH: exec')"]))
attempt("kill", lambda: os.kill(SERVER, signal.SIGKILL))
attempt("ptrace", lambda: syscall(101, 16, SERVER, 0, 0))
attempt("memory", lambda: open(f"/proc/{SERVER}/mem", "rb").read(1))
""",
    "privileges": """
attempt("setuid", lambda: os.setuid(0) or 1 / int(os.getuid() != 0))
attempt("mount", lambda: syscall(165, b"none", b"/tmp", b"tmpfs", 0, 0))
attempt("unshare", lambda: syscall(272, 0x10000000))
attempt("bpf", lambda: syscall(321, 0, 0, 0))
attempt("keyctl", lambda: syscall(250, 0, 0, 0, 0, 0))
""",
}
"""One job for each class of escape; the complete matrix runs nightly."""


@pytest.mark.parametrize("kind", ATTACKS)
def test_no_escape(renderer: Sandbox, kind: str):
    """Nothing gets through, nothing is harmed, and the next figure is right."""
    bait = Bait()
    try:
        constants = "".join(f"{name} = {value!r}\n" for name, value in bait.names.items())
        answer = renderer.attack(constants + TRIES + ATTACKS[kind] + "\n" + LINE)
        output = printed(answer)
        assert "GOT THROUGH" not in output, output
        assert "stopped by" in output, (output, answer)
        bait.assert_unharmed()
        renderer.assert_well()
    finally:
        bait.close()


def test_no_secret_is_in_a_child(renderer: Sandbox):
    """Neither the worker's key nor its environment, in Python or in the C library."""
    code = f"""
import ctypes, os
libc = ctypes.CDLL(None)
libc.getenv.restype = ctypes.c_char_p
print(dict(os.environ), libc.getenv(b"{SECRET_NAME}"), libc.getenv(b"FIGSERVE_WORKER_KEY"))
"""
    output = renderer.render(code + LINE).output
    assert SECRET not in output
    assert "worker-key" not in output
    assert "FIGSERVE" not in output
