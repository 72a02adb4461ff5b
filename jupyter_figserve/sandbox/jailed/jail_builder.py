"""The layers of the jail that a host has, found by trying them. Zygote."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...errors import SandboxUnavailable
from ..jail import landlock, privileges, seccomp
from ..jail.jail import FIRST_USER, Jail, ResourceLimits
from ..jail.namespaces import NamespaceSet, set_user
from ..jail.syscalls import architecture
from .readable_paths import readable_paths

_PARTIAL_NAMESPACES = 75
"""Exit code: the host allowed only some steps, so that a fresh process has to try the next lower tier."""


class JailBuilder:
    """Builds the jail with the requested layers that the host has.

    Parameters
    ----------
    settings
        The first message of the server.
    report_partial
        Takes sentences about namespaces of which the host allowed only some steps, before the process ends.
    """

    def __init__(self, settings: Mapping[str, Any], report_partial: Callable[[Sequence[str]], None]) -> None:
        self._settings = settings
        self._report_partial = report_partial
        self.reasons: list[str] = []
        """Sentences about what the host lacks."""

    def try_namespaces(self) -> None:
        """Enter namespaces in a throw-away child, and end where that fails: loading the libraries takes a second."""
        if not self._settings["namespaces"]:
            return
        pid = os.fork()
        if pid == 0:
            try:
                self._enter_namespaces(tuple(readable_paths()))
            finally:
                os._exit(0)
        _, status = os.waitpid(pid, 0)
        if os.waitstatus_to_exitcode(status) == _PARTIAL_NAMESPACES:
            os._exit(_PARTIAL_NAMESPACES)

    def build(self, zygote_bytes: int) -> Jail:
        """Return the jail of the children of this process, which has so many bytes of address space.

        Raises
        ------
        SandboxUnavailable
            The process has more than one thread, whose locks a forked child would never see released.
        """
        threads = len(os.listdir("/proc/self/task"))
        if threads != 1:
            raise SandboxUnavailable(f"the libraries have started {threads - 1} threads, which makes forking unsafe")
        program = self._find_filter()
        readable = tuple(readable_paths())
        namespaces = self._enter_namespaces(readable)
        version = landlock.find_version() if self._settings["landlock"] else 0
        if self._settings["landlock"] and not version:
            self.reasons.append("Landlock: not available in this kernel (it needs Linux 5.13 and lsm=landlock).")
        changes_user = namespaces is None and _can_change_user(readable)
        if program is not None and namespaces is None:
            self.reasons.append(
                "Posted code has no scratch directory, and can see the size and times of files that it cannot read."
            )
            program = seccomp.build_filter(None)
        limits = ResourceLimits(*(self._settings[name] for name in ("memory", "scratch", "seconds")))
        return Jail(namespaces, version, program, readable, changes_user, zygote_bytes, limits)

    def _find_filter(self) -> bytes | None:
        """Return the filter if a throw-away child can load it: building one proves nothing."""
        if not self._settings["seccomp"]:
            return None
        try:
            architecture()
            program = seccomp.build_filter(1)
        except SandboxUnavailable as error:
            self.reasons.append(f"{error}.")
            return None

        def load() -> bool:
            privileges.set_no_new_privs()
            seccomp.load_filter(program)
            return True

        if _succeeds_in_a_child(load):
            return program
        self.reasons.append(
            "seccomp: the filter cannot be loaded (CONFIG_SECCOMP_FILTER is off, or an outer filter denies it)."
        )
        return None

    def _enter_namespaces(self, readable: tuple[str, ...]) -> NamespaceSet | None:
        """Enter namespaces; if that fails after some steps, report it and exit."""
        if not self._settings["namespaces"]:
            return None
        namespaces = NamespaceSet(readable)
        try:
            namespaces.enter()
        except OSError as error:
            self.reasons.append(
                f"namespaces: {error} (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns,"
                " or the container's policy)."
            )
            self._report_partial(self.reasons)
            os._exit(_PARTIAL_NAMESPACES)
        # It remembers the name of the host with the rest of uname(2).
        vars(platform)["_uname_cache"] = None
        return namespaces


def _can_change_user(readable: tuple[str, ...]) -> bool:
    """Whether a child can switch to another user and still read the libraries.

    If not (root is the only user of the container, or the environment is below /root), the child keeps its user,
    without capabilities, and with no files but those that Landlock allows.
    """

    def change_user() -> bool:
        set_user(FIRST_USER)
        return all(os.access(path, os.R_OK) for path in readable)

    return os.geteuid() == 0 and _succeeds_in_a_child(change_user)


def _succeeds_in_a_child(step: Callable[[], bool]) -> bool:
    """Whether a step, which cannot be undone, returns true in a throw-away child."""
    pid = os.fork()
    if pid == 0:
        try:
            is_done = step()
        except BaseException:
            os._exit(1)
        os._exit(0 if is_done else 1)
    _, status = os.waitpid(pid, 0)
    return status == 0
