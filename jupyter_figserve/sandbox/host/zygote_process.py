"""The zygote as its parent sees it: a process, a channel to it, and its children. Server process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
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
from .zygote_events import SPAWNED, ChildEvent, parse_child_event, parse_message, take_pidfd

_log = logging.getLogger(__name__)

_MESSAGE_BYTES = 65_536
START_TIMEOUT = 60.0
EXIT_TIMEOUT = 5.0
# The package is loaded by its path: the interpreter may belong to another environment, where it is not installed.
_BOOTSTRAP = """
import importlib.util, sys
path, control = sys.argv[1], int(sys.argv[2])
spec = importlib.util.spec_from_file_location(
    "jupyter_figserve", path + "/__init__.py", submodule_search_locations=[path]
)
sys.modules[spec.name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules[spec.name])
from jupyter_figserve.sandbox.jailed.zygote import main
main(control)
"""


class PartialNamespaces(SandboxUnavailable):
    """The host allows namespaces, but not every step of their set-up."""


class ZygoteProcess:
    """A running zygote.

    Parameters
    ----------
    process
        The process that was started; with namespaces it is the parent of the zygote itself.
    channel
        Messages with descriptors, see ``jailed.zygote``.
    ready
        The first message of the zygote.
    pidfd
        A pidfd of the zygote itself.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], channel: socket.socket, ready: Mapping[str, Any], pidfd: int
    ) -> None:
        self.ready = ready
        self._process, self._channel, self._pidfd = process, channel, pidfd
        self._loop = asyncio.get_running_loop()
        self._children: dict[int, ChildProcess] = {}
        self._last_number = 0
        self._is_retiring = False
        self.is_ending: asyncio.Future[None] = self._loop.create_future()
        self.is_dead: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_reader(channel, self._read)

    @classmethod
    async def start(cls, command: Sequence[str], settings: Mapping[str, Any], cache: Path) -> ZygoteProcess:
        """Start a zygote and wait until it is ready.

        Raises
        ------
        PartialNamespaces
            The host allows only some steps of the set-up of namespaces.
        SandboxUnavailable
            The process ended for another reason, or could not be started.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        # The message waits in the socket until the zygote reads it.
        ours.send(json.dumps({**settings, "control": theirs.fileno()}).encode())
        stderr_file = tempfile.TemporaryFile()  # noqa: SIM115  closed below; the process has its own copy
        try:
            process = _launch(command, theirs.fileno(), stderr_file, cache)
        except OSError as error:
            ours.close()
            stderr_file.close()
            raise SandboxUnavailable(f"Cannot start {command[-1]}: {error}.") from error
        finally:
            theirs.close()
        try:
            message, descriptors = await _receive_first_message(ours)
            if message.get("event") != "ready" or not descriptors:
                _close_all(descriptors)
                kind = PartialNamespaces if message.get("event") == "partial namespaces" else SandboxUnavailable
                raise kind(" ".join(message.get("reasons") or [_stderr_tail(command[-1], stderr_file)]))
        except BaseException:
            _kill(process, ours)
            raise
        finally:
            stderr_file.close()
        return cls(process, ours, message, descriptors[0])

    def spawn(self, *, on_ready: Callable[[ChildProcess], None], result_bytes: int, output_bytes: int) -> ChildProcess:
        """Request a child, which becomes ready later or ends."""
        self._last_number += 1
        child = ChildProcess(self._last_number, result_bytes=result_bytes, output_bytes=output_bytes, on_ready=on_ready)
        request = {"event": "spawn", "child": child.number}
        try:
            socket.send_fds(self._channel, [json.dumps(request).encode()], child.descriptors)
        except OSError:
            # The channel is full or closed: the zygote no longer reads.
            child.on_exit(None)
            self.kill()
            return child
        child.close_child_ends()
        self._children[child.number] = child
        return child

    def kill(self) -> None:
        """Kill the zygote and its children."""
        if self.is_ending.done():
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        for child in self._children.values():
            child.kill()

    def retire(self) -> None:
        """End when the running jobs have ended; children that wait for a job end now."""
        self._is_retiring = True
        for child in self._children.values():
            if child.state != "working":
                child.kill()
        self._end_if_retired()

    def _end_if_retired(self) -> None:
        if self._is_retiring and not self._children:
            self.kill()

    async def close(self) -> None:
        """Kill the zygote and wait until all its processes have ended."""
        self.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EXIT_TIMEOUT):
                await asyncio.shield(self.is_dead)

    def _read(self) -> None:
        while True:
            try:
                message, descriptors, _, _ = socket.recv_fds(self._channel, _MESSAGE_BYTES, 1)
            except BlockingIOError:
                return
            except OSError:
                message, descriptors = b"", []
            try:
                if not message:
                    self._on_exit()
                    return
                self._handle_event(parse_child_event(message), descriptors)
            except ValueError as error:
                # Whatever sent it, nothing that this process says can be relied on any more.
                _log.warning("The sandbox starts again, because its process sent an invalid message: %s.", error)
                self._on_exit()
                return
            finally:
                _close_all(descriptors)

    def _handle_event(self, event: ChildEvent, descriptors: list[int]) -> None:
        """Pass an event on to its child, which keeps a descriptor that it takes out of the list."""
        child = self._children.get(event.child)
        if child is None:
            return
        if event.kind == SPAWNED:
            if child.is_forked:
                raise ValueError("it reports a child twice")
            child.on_forked(take_pidfd(descriptors))
        else:
            del self._children[child.number]
            child.on_exit(event.status)
            self._end_if_retired()

    def _on_exit(self) -> None:
        """Kill the remaining processes; ``is_dead`` is set when all have ended."""
        self._loop.remove_reader(self._channel)
        self._channel.close()
        self.is_ending.set_result(None)
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        pidfds = [self._pidfd]
        for child in self._children.values():
            child.kill()
            pidfd = child.detach_pidfd()
            if pidfd is not None:
                pidfds.append(pidfd)
            child.on_exit(None)
        self._children = {}
        self._exit_task = self._loop.create_task(self._wait_for(pidfds))

    async def _wait_for(self, pidfds: list[int]) -> None:
        for pidfd in pidfds:
            await _wait_until_readable(self._loop, pidfd)
            os.close(pidfd)
        self._process.kill()
        self._process.wait()
        if not self.is_dead.done():
            self.is_dead.set_result(None)


def _launch(command: Sequence[str], control: int, stderr_file: IO[bytes], cache: Path) -> subprocess.Popen[bytes]:
    """Start the interpreter with the channel as its only inherited descriptor."""
    package = str(Path(__file__).parents[2])
    return subprocess.Popen(
        [*command, "-I", "-B", "-c", _BOOTSTRAP, package, str(control)],
        env=_clean_environment(cache),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr_file,
        pass_fds=(control,),
        start_new_session=True,
        cwd="/",
    )


async def _wait_until_readable(loop: asyncio.AbstractEventLoop, descriptor: socket.socket | int) -> None:
    """Wait for data, or for a pidfd, which is readable when its process has ended: pidfd_open(2)."""
    is_readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(descriptor, _resolve, is_readable)
    try:
        await is_readable
    finally:
        loop.remove_reader(descriptor)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _receive_first_message(channel: socket.socket) -> tuple[dict[str, Any], list[int]]:
    try:
        async with asyncio.timeout(START_TIMEOUT):
            await _wait_until_readable(asyncio.get_running_loop(), channel)
        message, descriptors, _, _ = socket.recv_fds(channel, _MESSAGE_BYTES, 1)
    except TimeoutError:
        raise SandboxUnavailable(f"The sandbox did not start within {START_TIMEOUT:g} s.") from None
    except OSError:
        message, descriptors = b"", []
    with contextlib.suppress(ValueError):
        return parse_message(message), descriptors
    return {}, descriptors


def _close_all(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _stderr_tail(program: str, stderr_file: IO[bytes]) -> str:
    stderr_file.seek(0)
    lines = stderr_file.read(_MESSAGE_BYTES).decode("utf-8", "replace").strip().splitlines()
    return f"{program} ended at once" + (f": {lines[-1]:.300}." if lines else ".")


def _kill(process: subprocess.Popen[bytes], channel: socket.socket) -> None:
    """Kill and reap a process; the wait is short."""
    channel.close()
    process.kill()
    process.wait()


def _clean_environment(cache: Path) -> dict[str, str]:
    """Return an environment without the server's variables, which may hold tokens and passwords."""
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")}
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/nonexistent",
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": str(cache),
        **threads,
    }
