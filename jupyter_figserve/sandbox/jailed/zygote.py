"""The zygote: libraries loaded once, its own jail, and a fork for each child. A process of its own; child side.

It never reads a byte that a child wrote, and holds nothing secret: code in a child can look into its frames.
"""

from __future__ import annotations

import gc
import json
import os
import select
import socket
import sys
from typing import Any, NoReturn

from ...errors import SandboxUnavailable
from ..jail import landlock, rlimits, seccomp
from ..jail.jail import FIRST_USER, Jail, ResourceLimits
from ..jail.namespaces import NamespaceSet, set_user
from ..jail.syscalls import architecture
from .readable_paths import readable_paths

MESSAGE_BYTES = 65_536
HALF_BUILT = 75
"""Exit code: the host allowed only some of the steps, so that a fresh process has to begin one tier lower."""
BROKEN = 70


def main(control: int) -> NoReturn:
    """Set up as the first message says, tell what came of it, then serve until the other end is closed."""
    channel = socket.socket(fileno=control)
    settings: dict[str, Any] = json.loads(channel.recv(MESSAGE_BYTES))
    rlimits.set_parent_death_signal()
    _set_oom_score()
    try:
        from . import job

        if settings["probe"]:
            job.find_libraries()
        else:
            job.load_libraries(settings["preload"], settings["pixels"])
        jail, why = _build_jail(settings)
    except Exception as error:
        words = str(error) if isinstance(error, SandboxUnavailable) else f"{type(error).__name__}: {error}"
        _send(channel, {"event": "broken", "why": [words]})
        sys.exit(BROKEN)
    gc.collect()
    gc.freeze()
    rlimits.set_not_dumpable()
    own = os.pidfd_open(os.getpid())
    _send(channel, {"event": "ready", "why": why, **_described(jail), "libraries": job.libraries()}, [own])
    os.close(own)
    Zygote(channel, jail).serve()


class Zygote:
    """Forks a child for each request, and tells when it has ended.

    Parameters
    ----------
    channel
        A socket that keeps messages whole; ``{"event": "spawn", "child": number}`` comes with three
        descriptors, and ``spawned`` goes back with one by which the child can be killed.
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
            _send(self._channel, {"event": "failed", "child": request["child"], "why": str(error)})
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _spawn(self, number: int, descriptors: list[int]) -> None:
        enclosure = self._jail.enclosure
        pid = os.fork() if enclosure is None else enclosure.fork()
        if pid == 0:
            _live(self._jail, number, descriptors)
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


def _live(jail: Jail, number: int, descriptors: list[int]) -> NoReturn:
    """A child's whole life. It returns nowhere: no exception leads back into the zygote's loop."""
    try:
        job, answer, output = descriptors
        jail.enter(number, (job, answer, output))
    except BaseException as error:
        os.write(descriptors[2], f"{type(error).__name__}: {error}".encode())
        os._exit(BROKEN)
    try:
        from .job import serve_one

        serve_one(jail.scratch)
    finally:
        os._exit(0)


def _build_jail(settings: dict[str, Any]) -> tuple[Jail, list[str]]:
    """The layers that were asked for, as far as the host has them, and what it lacks.

    Raises
    ------
    SandboxUnavailable
        When the process has more threads than one, whose locks a fork would keep for ever.
    """
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise SandboxUnavailable(f"the libraries have started {threads - 1} threads, so that no child can be forked")
    why: list[str] = []
    base = _address_space()
    program = _find_filter(settings, why)
    readable = tuple(readable_paths())
    enclosure = _enclose(settings, readable, why)
    version = landlock.find_version() if settings["landlock"] else 0
    if settings["landlock"] and not version:
        why.append("Landlock: this kernel has none, or does not offer it (Linux 5.13, lsm=landlock).")
    users = enclosure is None and _can_change_user(readable)
    if program is not None and enclosure is None:
        why.append("Posted code has no scratch directory, and sees the size and times of files that it cannot read.")
        program = seccomp.build_filter(None)
    bounds = ResourceLimits(settings["memory"], settings["scratch"], settings["seconds"])
    return Jail(enclosure, version, program, readable, users, base, bounds), why


def _find_filter(settings: dict[str, Any], why: list[str]) -> bytes | None:
    """The filter, after a throw-away child has loaded it: building one proves nothing."""
    if not settings["seccomp"]:
        return None
    try:
        architecture()
        program = seccomp.build_filter(1)
    except SandboxUnavailable as error:
        why.append(f"{error}.")
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
        why.append("seccomp: a filter cannot be loaded (CONFIG_SECCOMP_FILTER, or a filter around this process).")
        return None
    return program


def _enclose(settings: dict[str, Any], readable: tuple[str, ...], why: list[str]) -> NamespaceSet | None:
    """Move into namespaces; where that fails half-way, this process says so and ends."""
    if not settings["namespaces"]:
        return None
    enclosure = NamespaceSet(readable)
    try:
        enclosure.enter()
    except OSError as error:
        why.append(
            f"namespaces: {error} (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns,"
            " or the container's policy)."
        )
        channel = socket.socket(fileno=settings["control"])
        _send(channel, {"event": "half built", "why": why})
        os._exit(HALF_BUILT)
    return enclosure


def _can_change_user(readable: tuple[str, ...]) -> bool:
    """Whether a child can become a user of its own and still read the libraries.

    If not (in a container whose root is the only user; with an environment below /root), it stays who it is: without
    capabilities, and with no file but those that Landlock names.
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


def _described(jail: Jail) -> dict[str, Any]:
    return {
        "namespaces": jail.enclosure is not None,
        "landlock": jail.landlock,
        "seccomp": jail.filter is not None,
    }


def _address_space() -> int:
    """Bytes, as proc(5) has them in statm."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _set_oom_score() -> None:
    """When memory is out, the kernel takes a render and never the server: proc(5), oom_score_adj."""
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")


def _send(channel: socket.socket, message: dict[str, Any], descriptors: list[int] | None = None) -> None:
    socket.send_fds(channel, [json.dumps(message).encode()], descriptors or [])
