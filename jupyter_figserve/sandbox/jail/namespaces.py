"""Namespaces: a root of read-only mounts, no network, no other processes, no privileges outside. Sandbox, child side.

Manual pages: namespaces(7), user_namespaces(7), mount_namespaces(7), pid_namespaces(7), pivot_root(2).
"""

from __future__ import annotations

import ctypes
import os
import signal
import stat
from collections.abc import Sequence

from .syscalls import call, prctl

SCRATCH = "/scratch"
"""The one directory that is writable: each child's own."""
NOBODY = 65534

# linux/sched.h
_MOUNTS, _CGROUP, _NAMES, _IPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
_USER, _PIDS, _NETWORK = 0x10000000, 0x20000000, 0x40000000
# linux/mount.h
_NOSUID, _NODEV, _NOEXEC, _BIND, _RECURSIVE, _PRIVATE = 2, 4, 8, 0x1000, 0x4000, 0x40000
_DETACH = 2
_AT_RECURSIVE, _AT_FDCWD = 0x8000, -100
_ATTRIBUTE_READ_ONLY, _ATTRIBUTE_NOSUID, _ATTRIBUTE_NODEV = 1, 2, 4
# linux/prctl.h
_SET_DEATH_SIGNAL, _SET_DUMPABLE = 1, 4


class _MountAttributes(ctypes.Structure):
    """struct mount_attr of mount_setattr(2)."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "user_namespace")]


class NamespaceSet:
    """The zygote's namespaces, from which each child gets its own.

    Parameters
    ----------
    readable
        Absolute paths that are to be seen inside; missing ones are passed over.
    """

    def __init__(self, readable: Sequence[str]) -> None:
        self._readable = readable
        # Inside there is no /proc at all; maps of user namespaces can be written only through one.
        self._proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._pids = -1

    def enter(self) -> None:
        """Move this process in; returns in process 1 of the new pid namespace.

        Raises
        ------
        OSError
            When the host does not allow a step. Earlier steps stay, so the process is of no more use.
        """
        new = _PIDS | _NETWORK | _IPC | _NAMES | _CGROUP
        if os.geteuid() == 0:
            # Mounts first: what root alone may read (a venv below /root) is reached only as root.
            call("unshare", _MOUNTS)
            self._mount_root()
            # A user namespace made by root would still own root's files; nobody's does not.
            set_user(NOBODY)
            self._unshare_user(_MOUNTS | new)
        else:
            self._unshare_user(_MOUNTS | new)
            self._mount_root()
        self._fork_into_pids()
        self._pids = os.open("self/ns/pid", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._proc)

    def fork(self) -> int:
        """fork(2), where the child is process 1 of a pid namespace of its own: it sees and signals nobody else."""
        call("unshare", _PIDS)
        pid = os.fork()
        if pid:
            call("setns", self._pids, _PIDS)
        return pid

    def enter_child(self, scratch_bytes: int, scratch_files: int) -> None:
        """In a child: namespaces that it shares with no other child, and an empty scratch directory of its own."""
        self._unshare_user(_MOUNTS | _IPC | _NAMES)
        options = f"size={scratch_bytes},nr_inodes={scratch_files},mode=700"
        call("mount", b"tmpfs", SCRATCH.encode(), b"tmpfs", _NOSUID | _NODEV | _NOEXEC, options.encode())

    def _unshare_user(self, others: int) -> None:
        """A user namespace, with others that belong to it; this user is mapped to itself and nobody else is."""
        user, group = os.geteuid(), os.getegid()
        call("unshare", _USER | others)
        # After a change of user the files in /proc/self are root's, until the process is dumpable again.
        prctl(_SET_DUMPABLE, 1)
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            file = os.open(f"self/{name}", os.O_WRONLY, dir_fd=self._proc)
            try:
                os.write(file, text.encode())
            finally:
                os.close(file)
        prctl(_SET_DUMPABLE, 0)

    def _mount_root(self) -> None:
        """A root of its own: an empty tmpfs with the readable paths in it, all of it read-only."""
        call("mount", b"none", b"/", None, _RECURSIVE | _PRIVATE, None)
        new = "/mnt" if os.path.isdir("/mnt") else "/tmp"  # noqa: S108  only a place to mount on
        real, links = _lay_out(self._readable)
        # Opened before the mount hides what lies below it.
        sources = [(path, os.open(path, os.O_PATH | os.O_CLOEXEC)) for path in real]
        call("mount", b"tmpfs", new.encode(), b"tmpfs", _NOSUID | _NODEV, b"size=1m,nr_inodes=4096,mode=755")
        for path, source in sources:
            _bind(source, path, new + path)
        for path, target in links:
            os.makedirs(os.path.dirname(new + path), exist_ok=True)
            os.symlink(target, new + path)
        for name in (SCRATCH, "/old"):
            os.makedirs(new + name, exist_ok=True)
        # Where scripts write, unless an installation lies below it.
        usual = new + "/tmp"  # noqa: S108  a link in the new root
        if not os.path.lexists(usual):
            os.symlink(SCRATCH, usual)
        os.chdir(new)
        call("pivot_root", b".", b"old")
        os.chdir("/")
        call("umount2", b"/old", _DETACH)
        os.rmdir("/old")
        _make_read_only("/", _ATTRIBUTE_NOSUID)

    def _fork_into_pids(self) -> None:
        """Go on as process 1 of the new pid namespace; what stays behind waits, and ends with it as it ends with us."""
        pid = os.fork()
        if pid:
            prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
            os.closerange(0, 4096)
            _, status = os.waitpid(pid, 0)
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
        prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)


def _lay_out(paths: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Real paths to mount, none of them below another, and links for those that were named by another path."""
    there = sorted({os.path.abspath(path) for path in paths if os.path.exists(path)}, key=len)
    mounted: list[str] = []
    links: list[tuple[str, str]] = []
    for path in sorted({os.path.realpath(path) for path in there}, key=len):
        if not _is_below(path, mounted):
            mounted.append(path)
    for path in there:
        if os.path.realpath(path) != path and not _is_below(path, [*mounted, *(link for link, _ in links)]):
            links.append((path, os.path.realpath(path)))
    return mounted, links


def _is_below(path: str, others: Sequence[str]) -> bool:
    return any(path == other or path.startswith(other.rstrip("/") + "/") for other in others)


def _bind(source: int, path: str, target: str) -> None:
    """Show what ``source`` was opened on at ``target``, read-only."""
    if stat.S_ISDIR(os.fstat(source).st_mode):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600))
    call("mount", f"/proc/self/fd/{source}".encode(), target.encode(), None, _BIND | _RECURSIVE, None)
    os.close(source)
    # Devices are what /dev/null and its like are for; nothing else may hold any.
    _make_read_only(target, _ATTRIBUTE_NOSUID | (0 if path.startswith("/dev/") else _ATTRIBUTE_NODEV))


def _make_read_only(path: str, others: int) -> None:
    """mount_setattr(2), of Linux 5.12: with every mount below, which remounting would leave writable."""
    wanted = _MountAttributes(_ATTRIBUTE_READ_ONLY | others, 0, 0, 0)
    recursive = 0 if path == "/" else _AT_RECURSIVE
    call("mount_setattr", _AT_FDCWD, path.encode(), recursive, ctypes.byref(wanted), ctypes.sizeof(wanted))


def set_user(user: int) -> None:
    """Another user and group, with no other groups, for good."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
