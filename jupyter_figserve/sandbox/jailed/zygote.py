"""The zygote: a process that loads the libraries once, and forks a jailed child for each job.

It never reads a byte that a child wrote, and it holds no secret: code in a child can inspect the frames of the fork.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import select
import socket
import sys
from typing import Any, NoReturn

from ...errors import SandboxUnavailable
from ...plotting.describe import libraries
from ...plotting.raster import unsupported_formats
from ..jail import landlock, rlimits, seccomp
from ..jail.jail import FIRST_USER, Jail, ResourceLimits
from ..jail.namespaces import NamespaceSet, set_user
from ..jail.syscalls import architecture
from .readable_paths import readable_paths

MESSAGE_BYTES = 65_536
PARTIAL_NAMESPACES = 75
"""Exit code: the host allowed only some steps, so that a fresh process has to try the next lower tier."""
FAILED = 70


def main(control: int) -> NoReturn:
    """Set up as the first message says, report the outcome, and serve until the channel is closed."""
    channel = socket.socket(fileno=control)
    settings: dict[str, Any] = json.loads(channel.recv(MESSAGE_BYTES))
    rlimits.set_parent_death_signal()
    _set_oom_score()
    # What is imported stays: collections meanwhile find next to nothing, and take a tenth of the time.
    gc.disable()
    try:
        _try_namespaces(settings)
        # Imports inside the jail may fail: what a child runs is imported here.
        from . import job, preload  # noqa: F401

        if settings["probe"]:
            preload.find_libraries()
        else:
            preload.load_libraries(settings["preload"], settings["pixels"])
        unsupported = [] if settings["probe"] else unsupported_formats()
        resident = _memory_bytes(1)
        jail, reasons = _build_jail(settings)
    except Exception as error:
        reason = str(error) if isinstance(error, SandboxUnavailable) else f"{type(error).__name__}: {error}"
        _send(channel, {"event": "failed", "reasons": [reason]})
        sys.exit(FAILED)
    gc.collect()
    gc.freeze()
    gc.enable()
    rlimits.set_not_dumpable()
    own = os.pidfd_open(os.getpid())
    ready = {
        "event": "ready",
        "reasons": reasons,
        "libraries": libraries(),
        "unsupported": unsupported,
        "resident": resident,
        **_layers_of(jail),
    }
    _send(channel, ready, [own])
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


def _build_jail(settings: dict[str, Any]) -> tuple[Jail, list[str]]:
    """Return the jail with the requested layers that the host has, and sentences about what it lacks.

    Raises
    ------
    SandboxUnavailable
        The process has more than one thread, whose locks a forked child would never see released.
    """
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise SandboxUnavailable(f"the libraries have started {threads - 1} threads, which makes forking unsafe")
    reasons: list[str] = []
    zygote_bytes = _memory_bytes(0)
    program = _find_filter(settings, reasons)
    readable = tuple(readable_paths())
    namespaces = _enter_namespaces(settings, readable, reasons)
    version = landlock.find_version() if settings["landlock"] else 0
    if settings["landlock"] and not version:
        reasons.append("Landlock: not available in this kernel (it needs Linux 5.13 and lsm=landlock).")
    users = namespaces is None and _can_change_user(readable)
    if program is not None and namespaces is None:
        reasons.append(
            "Posted code has no scratch directory, and can see the size and times of files that it cannot read."
        )
        program = seccomp.build_filter(None)
    limits = ResourceLimits(settings["memory"], settings["scratch"], settings["seconds"])
    return Jail(namespaces, version, program, readable, users, zygote_bytes, limits), reasons


def _find_filter(settings: dict[str, Any], reasons: list[str]) -> bytes | None:
    """Return the filter if a throw-away child can load it: building one proves nothing."""
    if not settings["seccomp"]:
        return None
    try:
        architecture()
        program = seccomp.build_filter(1)
    except SandboxUnavailable as error:
        reasons.append(f"{error}.")
        return None
    pid = os.fork()
    if pid == 0:
        try:
            rlimits.set_no_new_privs()
            seccomp.load_filter(program)
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    if status:
        reasons.append(
            "seccomp: the filter cannot be loaded (CONFIG_SECCOMP_FILTER is off, or an outer filter denies it)."
        )
        return None
    return program


def _try_namespaces(settings: dict[str, Any]) -> None:
    """Enter namespaces in a throw-away child, and end where that fails: loading the libraries first takes a second."""
    if not settings["namespaces"]:
        return
    pid = os.fork()
    if pid == 0:
        try:
            _enter_namespaces(settings, tuple(readable_paths()), [])
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    if os.waitstatus_to_exitcode(status) == PARTIAL_NAMESPACES:
        os._exit(PARTIAL_NAMESPACES)


def _enter_namespaces(settings: dict[str, Any], readable: tuple[str, ...], reasons: list[str]) -> NamespaceSet | None:
    """Enter namespaces; if that fails after some steps, report it and exit."""
    if not settings["namespaces"]:
        return None
    namespaces = NamespaceSet(readable)
    try:
        namespaces.enter()
    except OSError as error:
        reasons.append(
            f"namespaces: {error} (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns,"
            " or the container's policy)."
        )
        channel = socket.socket(fileno=settings["control"])
        _send(channel, {"event": "partial namespaces", "reasons": reasons})
        os._exit(PARTIAL_NAMESPACES)
    # It remembers the name of the host with the rest of uname(2).
    vars(platform)["_uname_cache"] = None
    return namespaces


def _can_change_user(readable: tuple[str, ...]) -> bool:
    """Whether a child can switch to another user and still read the libraries.

    If not (root is the only user of the container, or the environment is below /root), the child keeps its user,
    without capabilities, and with no files but those that Landlock allows.
    """
    if os.geteuid() != 0:
        return False
    pid = os.fork()
    if pid == 0:
        try:
            set_user(FIRST_USER)
            is_readable = all(os.access(path, os.R_OK) for path in readable)
        except BaseException:
            os._exit(1)
        os._exit(0 if is_readable else 1)
    _, status = os.waitpid(pid, 0)
    return status == 0


def _layers_of(jail: Jail) -> dict[str, Any]:
    return {
        "namespaces": jail.namespaces is not None,
        "landlock": jail.landlock,
        "seccomp": jail.filter is not None,
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
