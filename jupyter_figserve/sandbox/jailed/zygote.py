"""The zygote: a process that loads the libraries once, and forks a jailed child for each job.

It never reads a byte that a child wrote, and it holds no secret: code in a child can inspect the frames of the fork.
"""

from __future__ import annotations

import gc
import json
import os
import select
import socket
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, NoReturn

from ...errors import SandboxUnavailable
from ...plotting.libraries import loaded_versions
from ...plotting.raster import unsupported_formats
from ..jail import privileges
from ..jail.jail import Jail
from .jail_builder import JailBuilder

MESSAGE_BYTES = 65_536
FAILED = 70


def main(control: int) -> NoReturn:
    """Set up as the first message says, report the outcome, and serve until the channel is closed."""
    channel = socket.socket(fileno=control)
    settings: dict[str, Any] = json.loads(channel.recv(MESSAGE_BYTES))
    privileges.set_parent_death_signal()
    _set_oom_score()
    # What is imported stays: collections meanwhile find next to nothing, and take a tenth of the time.
    gc.disable()
    try:
        builder = JailBuilder(settings, partial(_report_partial, channel))
        builder.try_namespaces()
        # Imports inside the jail may fail: what a child runs is imported here.
        from . import job, preload  # noqa: F401

        if settings["probe"]:
            preload.find_libraries()
        else:
            preload.load_libraries(settings["preload"], settings["pixels"])
        unsupported = [] if settings["probe"] else unsupported_formats()
        resident = _memory_bytes(1)
        jail = builder.build(_memory_bytes(0))
    except Exception as error:
        reason = str(error) if isinstance(error, SandboxUnavailable) else f"{type(error).__name__}: {error}"
        _send(channel, {"event": "failed", "reasons": [reason]})
        sys.exit(FAILED)
    gc.collect()
    gc.freeze()
    gc.enable()
    privileges.set_not_dumpable()
    own = os.pidfd_open(os.getpid())
    found = {
        "reasons": builder.reasons,
        "libraries": loaded_versions(),
        "unsupported": unsupported,
        "resident": resident,
    }
    _send(channel, {"event": "ready", **found, **_layers_of(jail)}, [own])
    os.close(own)
    Zygote(channel, jail).serve()


class Zygote:
    """Forks a child for each request, and reports its end.

    Parameters
    ----------
    channel
        A SOCK_SEQPACKET socket: ``{"event": "spawn", "child": number}`` arrives with three descriptors, and the
        response ``spawned`` carries a pidfd of the child.
    """

    def __init__(self, channel: socket.socket, jail: Jail) -> None:
        self._channel = channel
        self._jail = jail
        self._poll = select.poll()
        self._poll.register(channel, select.POLLIN)
        self._children: dict[int, tuple[int, int]] = {}

    def serve(self) -> NoReturn:
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor in self._children:
                    self._reap(descriptor)
                else:
                    self._handle_event()

    def _handle_event(self) -> None:
        message, descriptors, _, _ = socket.recv_fds(self._channel, MESSAGE_BYTES, 3)
        if not message:
            os._exit(0)
        request = json.loads(message)
        try:
            self._spawn(request["child"], descriptors)
        except OSError as error:
            _send(self._channel, {"event": "failed", "child": request["child"], "reason": str(error)})
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _spawn(self, number: int, descriptors: list[int]) -> None:
        namespaces = self._jail.namespaces
        pid = os.fork() if namespaces is None else namespaces.fork()
        if pid == 0:
            _run_child(self._jail, number, descriptors)
        handle = os.pidfd_open(pid)
        self._children[handle] = (number, pid)
        self._poll.register(handle, select.POLLIN)
        _send(self._channel, {"event": "spawned", "child": number}, [handle])

    def _reap(self, handle: int) -> None:
        number, pid = self._children.pop(handle)
        self._poll.unregister(handle)
        os.close(handle)
        _, status = os.waitpid(pid, 0)
        _send(self._channel, {"event": "ended", "child": number, "status": os.waitstatus_to_exitcode(status)})


def _run_child(jail: Jail, number: int, descriptors: list[int]) -> NoReturn:
    """Jail the child and serve its job; no exception returns into the loop of the zygote."""
    try:
        job, result, output = descriptors
        jail.enter(number, (job, result, output))
    except BaseException as error:
        os.write(descriptors[2], f"{type(error).__name__}: {error}".encode())
        os._exit(FAILED)
    try:
        from .job import serve_one

        serve_one(jail.scratch)
    finally:
        os._exit(0)


def _report_partial(channel: socket.socket, reasons: Sequence[str]) -> None:
    _send(channel, {"event": "partial namespaces", "reasons": reasons})


def _layers_of(jail: Jail) -> dict[str, Any]:
    return {
        "namespaces": jail.namespaces is not None,
        "landlock": jail.landlock_version,
        "seccomp": jail.seccomp_filter is not None,
    }


def _memory_bytes(field: int) -> int:
    """Return the bytes of address space (field 0) or of resident memory (1), from /proc/self/statm: proc(5)."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[field]) * os.sysconf("SC_PAGE_SIZE")


def _set_oom_score() -> None:
    """Let the kernel kill a render before the server when memory runs out: proc(5), oom_score_adj."""
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")


def _send(channel: socket.socket, message: dict[str, Any], descriptors: list[int] | None = None) -> None:
    socket.send_fds(channel, [json.dumps(message).encode()], descriptors or [])
