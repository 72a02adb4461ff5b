"""The zygote as the parent sees it: a process, a channel to it, and its children. Sandbox, parent side."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from ...errors import SandboxUnavailable
from .child_process import ChildProcess

_MESSAGE_BYTES = 65_536
START_PATIENCE = 60.0
END_PATIENCE = 5.0
# The package itself is loaded by its path: the interpreter may be another environment's, which does not have it.
_BOOTSTRAP = """
import importlib.util, sys
where, control = sys.argv[1], int(sys.argv[2])
spec = importlib.util.spec_from_file_location(
    "jupyter_figserve", where + "/__init__.py", submodule_search_locations=[where]
)
sys.modules[spec.name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules[spec.name])
from jupyter_figserve.sandbox.jailed.zygote import main
main(control)
"""


class ZygoteProcess:
    """A running zygote.

    Parameters
    ----------
    process
        What was started; in namespaces it is the one that waits for the zygote itself.
    channel
        Messages with descriptors, see ``zygote``.
    ready
        Its first message.
    handle
        A pidfd of the zygote itself.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], channel: socket.socket, ready: Mapping[str, Any], handle: int
    ) -> None:
        self.ready = ready
        self._process, self._channel, self._handle = process, channel, handle
        self._loop = asyncio.get_running_loop()
        self._children: dict[int, ChildProcess] = {}
        self._last = 0
        self.is_ending: asyncio.Future[None] = self._loop.create_future()
        self.is_dead: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_reader(channel, self._read)

    @classmethod
    async def start(cls, command: Sequence[str], settings: Mapping[str, Any], cache: Path) -> ZygoteProcess:
        """Start one and wait until it is ready.

        Raises
        ------
        HalfBuilt
            When the host allowed only some of the namespaces' steps.
        SandboxUnavailable
            When it ended otherwise, or could not be started.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        # It waits in the socket for whoever comes; who ends at once is told by the other direction.
        ours.send(json.dumps({**settings, "control": theirs.fileno()}).encode())
        stderr_file = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process that writes into it
        try:
            process = _launch(command, theirs.fileno(), stderr_file, cache)
        except OSError as error:
            ours.close()
            stderr_file.close()
            raise SandboxUnavailable(f"{command[-1]} cannot be started: {error}.") from error
        finally:
            theirs.close()
        try:
            message, handle = await _first_message(ours)
            if message.get("event") != "ready" or handle is None:
                kind = PartialNamespaces if message.get("event") == "half built" else SandboxUnavailable
                raise kind(" ".join(message.get("why") or [_stderr_tail(command[-1], stderr_file)]))
        except BaseException:
            _end(process, ours)
            raise
        finally:
            stderr_file.close()
        return cls(process, ours, message, handle)

    def spawn(self, *, on_ready: Callable[[ChildProcess], None], result_bytes: int, output_bytes: int) -> ChildProcess:
        """Ask for a child; it becomes ready later, or is gone."""
        self._last += 1
        child = ChildProcess(self._last, result_bytes=result_bytes, output_bytes=output_bytes, on_ready=on_ready)
        request = {"event": "spawn", "child": child.number}
        try:
            socket.send_fds(self._channel, [json.dumps(request).encode()], child.descriptors)
        except OSError:
            # Full or closed: it does not read any more.
            child.ended(None)
            self.kill()
            return child
        child.close_child_ends()
        self._children[child.number] = child
        return child

    def kill(self) -> None:
        """End it and with it all its children."""
        if self.is_ending.done():
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        for child in self._children.values():
            child.kill()

    async def close(self) -> None:
        """Kill it and wait until nothing of it is left."""
        self.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_PATIENCE):
                await asyncio.shield(self.is_dead)

    def _read(self) -> None:
        while True:
            try:
                message, descriptors, _, _ = socket.recv_fds(self._channel, _MESSAGE_BYTES, 1)
            except BlockingIOError:
                return
            except OSError:
                message, descriptors = b"", []
            if not message:
                self._on_exit()
                return
            self._handle_event(json.loads(message), descriptors)

    def _handle_event(self, event: dict[str, Any], descriptors: list[int]) -> None:
        child = self._children.get(event["child"])
        if event["event"] == "spawned" and child is not None:
            child.forked(descriptors[0])
        elif child is not None:
            del self._children[child.number]
            child.ended(event.get("status"))

    def _on_exit(self) -> None:
        """It is dead or about to be, and what it had forked dies with it; when all has gone, ``is_dead``."""
        self._loop.remove_reader(self._channel)
        self._channel.close()
        self.is_ending.set_result(None)
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        handles = [self._handle]
        for child in self._children.values():
            child.kill()
            handle = child.take_handle()
            if handle is not None:
                handles.append(handle)
            child.ended(None)
        self._children = {}
        self._burial = self._loop.create_task(self._wait_for(handles))

    async def _wait_for(self, handles: list[int]) -> None:
        for handle in handles:
            await _ended(self._loop, handle)
            os.close(handle)
        self._process.kill()
        self._process.wait()
        if not self.is_dead.done():
            self.is_dead.set_result(None)


def _launch(command: Sequence[str], control: int, stderr_file: IO[bytes], cache: Path) -> subprocess.Popen[bytes]:
    """The interpreter, with the channel and nothing else that is ours."""
    package = str(Path(__file__).parents[2])
    return subprocess.Popen(
        [*command, "-I", "-B", "-c", _BOOTSTRAP, package, str(control)],
        env=_environment(cache),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr_file,
        pass_fds=(control,),
        start_new_session=True,
        cwd="/",
    )


async def _ended(loop: asyncio.AbstractEventLoop, handle: int) -> None:
    """A pidfd is readable when its process has ended: pidfd_open(2)."""
    is_readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(handle, _set, is_readable)
    try:
        await is_readable
    finally:
        loop.remove_reader(handle)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class PartialNamespaces(SandboxUnavailable):
    """The host allows namespaces, but not all that is to be done in them."""


async def _first_message(channel: socket.socket) -> tuple[dict[str, Any], int | None]:
    loop = asyncio.get_running_loop()
    is_readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(channel, _set, is_readable)
    try:
        async with asyncio.timeout(START_PATIENCE):
            await is_readable
        message, descriptors, _, _ = socket.recv_fds(channel, _MESSAGE_BYTES, 1)
    except TimeoutError:
        raise SandboxUnavailable(f"The sandbox did not start within {START_PATIENCE:g} seconds.") from None
    except OSError:
        message, descriptors = b"", []
    finally:
        loop.remove_reader(channel)
    return json.loads(message or b"{}"), descriptors[0] if descriptors else None


def _stderr_tail(program: str, stderr_file: IO[bytes]) -> str:
    stderr_file.seek(0)
    lines = stderr_file.read(_MESSAGE_BYTES).decode("utf-8", "replace").strip().splitlines()
    return f"{program} ended at once" + (f": {lines[-1]:.300}." if lines else ".")


def _end(process: subprocess.Popen[bytes], channel: socket.socket) -> None:
    """Kill and reap; the wait is for a process that is killed already."""
    channel.close()
    process.kill()
    process.wait()


def _environment(cache: Path) -> dict[str, str]:
    """Nothing of the server's: its environment may hold tokens and passwords."""
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")}
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/nonexistent",
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": str(cache),
        **threads,
    }
