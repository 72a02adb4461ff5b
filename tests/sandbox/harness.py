"""A renderer with its own event loop in a thread, and bait for attacks: files, listeners, variables and processes."""

from __future__ import annotations

import asyncio
import hashlib
import os
import select
import socket
import sys
import tempfile
import threading
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import psutil

from jupyter_figserve.errors import FigServeError
from jupyter_figserve.model.rendering import DrawOptions, RenderJob, RenderResult
from jupyter_figserve.sandbox.host.pool import LocalRenderer

from ..waiting import wait_until

T = TypeVar("T")
POOR_HOST = [sys.executable, str(Path(__file__).with_name("poor_host.py"))]
HOSTS = {"FULL": (), "STRICT": ("container",), "NS": ("no-landlock",)}
"""What a host must lack to be left with a tier."""
LINE = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.title('still here')\n"
TRIES = '''
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)

def syscall(number, *arguments):
    result = libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result

def attempt(name, function):
    """Say what came of it: an error's name is a defence that held."""
    try:
        value = function()
    except BaseException as error:
        print(name, "stopped by", type(error).__name__, getattr(error, "errno", ""), flush=True)
    else:
        print(name, "GOT THROUGH:", repr(value)[:200], flush=True)
'''
"""Before hostile code: attempts, each of which says what came of it."""
SECRET = "canary-" + hashlib.sha256(os.urandom(16)).hexdigest()
SECRET_NAME = "FIGSERVE_TEST_CANARY"


def poor_host(*lacking: str) -> list[str]:
    """A command prefix that removes a feature from the command behind it."""
    return [*POOR_HOST, *lacking, "--"] if lacking else []


class Sandbox:
    """A started renderer; ``render`` waits for the result."""

    def __init__(self, tier: str, **settings: Any) -> None:
        self.tier = tier
        # Other tests of this process may share a server that runs on.
        self._others = set(psutil.Process().children(recursive=True))
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        settings.setdefault("wrap", poor_host(*HOSTS[tier]))
        self.renderer = self.run(self._start(settings))
        self.reference = b""

    async def _start(self, settings: dict[str, Any]) -> Any:
        renderer = self.make_renderer(settings)
        await renderer.start()
        return renderer

    def make_renderer(self, settings: dict[str, Any]) -> Any:
        return LocalRenderer(**settings)

    def run(self, work: Coroutine[Any, Any, T], timeout: float = 120) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout)

    def render(self, code: str | bytes, *, timeout: float = 20, **fields: Any) -> RenderResult:
        source = code if isinstance(code, bytes) else code.encode()
        names = DrawOptions.__dataclass_fields__
        options = DrawOptions(**{name: fields.pop(name) for name in list(fields) if name in names})
        job = replace(RenderJob("code", source, options, timeout=timeout), **fields)
        return self.run(self._render(job))

    async def _render(self, job: RenderJob) -> RenderResult:
        """Return when the job's process has ended, too: it counts as running for a moment after its answer."""
        try:
            return await self.renderer.render(job)
        finally:
            while endings := self._find_endings():
                await asyncio.wait(endings)
                await asyncio.sleep(0)

    def _find_endings(self) -> set[asyncio.Future[None]]:
        """Return the ends of the processes that run jobs; a renderer of other machines does not tell."""
        running = self.renderer._running if isinstance(self.renderer, LocalRenderer) else ()
        return {child.is_gone for child in running}

    def attack(self, code: str, **fields: Any) -> RenderResult | FigServeError:
        """Return the image of hostile code, or its error."""
        try:
            return self.render(code, **fields)
        except FigServeError as error:
            return error

    def assert_well(self) -> None:
        """Check that the next figure has the same bytes as before all attacks."""
        image = self.render(LINE).images[0].data
        self.reference = self.reference or image
        assert image == self.reference

    def processes(self) -> list[psutil.Process]:
        of_server = {child for one in self._others for child in _find_children(one)}
        return [one for one in psutil.Process().children(recursive=True) if one not in self._others | of_server]

    def zygote(self) -> psutil.Process:
        """The process that forks: in namespaces, the child of the one that was started. None is about to replace it."""
        if threading.current_thread() is not self._thread:
            self.run(self._finish_learning())
            # The one that it has replaced may still be ending.
            wait_until(lambda: len(self._find_started()) == 1)
        (outer,) = self._find_started()
        return outer.children()[0] if self.tier != "STRICT" else outer

    def _find_started(self) -> list[psutil.Process]:
        return [one for one in psutil.Process().children() if one not in self._others and is_started(one)]

    async def _finish_learning(self) -> None:
        while (learning := self.renderer._learning) is not None:
            await asyncio.wait({learning})
            await asyncio.sleep(0)

    def close(self) -> None:
        self.run(self.renderer.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


def is_started(process: psutil.Process) -> bool:
    """Whether it was started for a zygote, and has not ended."""
    try:
        return "-B" in process.cmdline()
    except psutil.Error:
        return False


def _find_children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        # It has ended.
        return []


def printed(answer: RenderResult | FigServeError) -> str:
    return getattr(answer, "output", "")


class Bait:
    """Targets that an attack could harm; ``assert_unharmed`` checks all of them."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="figserve-bait-")
        self.directory = Path(self._directory.name)
        # Permissions allow others to enter, so that only the sandbox keeps them out.
        self.directory.chmod(0o755)
        self.token = self.directory / "token"
        self.token.write_text(SECRET, encoding="ascii")
        self.token.chmod(0o600)
        self.open_file = self.directory / "open to all"
        self.open_file.write_text(SECRET, encoding="ascii")
        self.open_file.chmod(0o666)
        self._listeners = self._listen()
        self._before = self._seen()

    def _listen(self) -> list[socket.socket]:
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        unix, abstract = (socket.socket(socket.AF_UNIX) for _ in range(2))
        unix.bind(str(self.directory / "socket"))
        (self.directory / "socket").chmod(0o666)
        abstract.bind(f"\0figserve-{SECRET}")
        for listener in (unix, abstract):
            listener.listen()
        return [tcp, udp, unix, abstract]

    @property
    def names(self) -> dict[str, object]:
        """Constants for the source code of attacks."""
        tcp, udp, _, _ = self._listeners
        return {
            "TOKEN": str(self.token),
            "OPEN_FILE": str(self.open_file),
            "DIRECTORY": str(self.directory),
            "TCP": tcp.getsockname()[1],
            "UDP": udp.getsockname()[1],
            "UNIX": str(self.directory / "socket"),
            "ABSTRACT": f"\0figserve-{SECRET}",
            "SERVER": os.getpid(),
            "VARIABLE": SECRET_NAME,
        }

    def assert_unharmed(self) -> None:
        ready, _, _ = select.select(self._listeners, [], [], 0)
        assert not ready, "something reached a listener"
        assert self._seen() == self._before

    def _seen(self) -> list[tuple[object, ...]]:
        rows: list[tuple[object, ...]] = []
        for path in sorted(self.directory.iterdir()):
            status = path.stat()
            content = path.read_bytes() if path.is_file() else b""
            facts = (status.st_mode, status.st_ino, status.st_nlink, status.st_size, status.st_mtime_ns, status.st_uid)
            rows.append((path.name, content, os.listxattr(path), *facts))
        return rows

    def close(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._directory.cleanup()
