"""Namespaces: a read-only root, no network, no other processes, no privileges outside. Zygote and jailed child.

Manual pages: namespaces(7), user_namespaces(7), mount_namespaces(7), pid_namespaces(7), pivot_root(2).
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Sequence

from .privileges import set_dumpable, set_not_dumpable, set_parent_death_signal
from .syscalls import call

SCRATCH = "/scratch"
"""The only writable directory; each child has its own."""
NOBODY = 65534
_HOST_NAME = b"sandbox"
"""Takes the place of the host's own name, which says who runs it."""

# linux/sched.h
_CLONE_NEWNS, _CLONE_NEWCGROUP, _CLONE_NEWUTS, _CLONE_NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
_CLONE_NEWUSER, _CLONE_NEWPID, _CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
# linux/mount.h
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 8, 0x1000, 0x4000, 0x40000
_MNT_DETACH = 2
_AT_RECURSIVE, _AT_FDCWD = 0x8000, -100
_MOUNT_ATTR_RDONLY, _MOUNT_ATTR_NOSUID, _MOUNT_ATTR_NODEV = 1, 2, 4


class _MountAttributes(ctypes.Structure):
    """struct mount_attr of mount_setattr(2)."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "user_namespace")]


class NamespaceSet:
    """The namespaces of the zygote, from which each child derives its own.

    Parameters
    ----------
    readable
        Absolute paths that are visible inside; missing ones are skipped.
    """

    def __init__(self, readable: Sequence[str]) -> None:
        self._readable = readable
        # There is no /proc inside, but the maps of user namespaces are written through it.
        self._proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._pids = -1

    def enter(self) -> None:
        """Move this process into new namespaces; returns in process 1 of the new pid namespace.

        Raises
        ------
        OSError
            The host does not allow a step. Earlier steps cannot be undone: the process has to exit.
        """
        new = _CLONE_NEWPID | _CLONE_NEWNET | _CLONE_NEWIPC | _CLONE_NEWUTS | _CLONE_NEWCGROUP
        if os.geteuid() == 0:
            # Mounts come first: paths that only root may read (a venv below /root) are opened as root.
            call("unshare", _CLONE_NEWNS)
            self._mount_root()
            # A user namespace that root creates would still own root's files; that of nobody does not.
            set_user(NOBODY)
            self._unshare_user(_CLONE_NEWNS | new)
        else:
            self._unshare_user(_CLONE_NEWNS | new)
            self._mount_root()
        call("sethostname", _HOST_NAME, len(_HOST_NAME))
        self._fork_into_pids()
        self._pids = os.open("self/ns/pid", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._proc)

    def fork(self) -> int:
        """Fork a child that is process 1 of its own pid namespace, and neither sees nor signals other processes."""
        call("unshare", _CLONE_NEWPID)
        pid = os.fork()
        if pid:
            call("setns", self._pids, _CLONE_NEWPID)
        return pid

    def enter_child(self, scratch_bytes: int, scratch_files: int) -> None:
        """Give this child its own namespaces and an empty scratch directory."""
        self._unshare_user(_CLONE_NEWNS | _CLONE_NEWIPC | _CLONE_NEWUTS)
        options = f"size={scratch_bytes},nr_inodes={scratch_files},mode=700"
        call("mount", b"tmpfs", SCRATCH.encode(), b"tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, options.encode())

    def _unshare_user(self, others: int) -> None:
        """Create a user namespace, and others that it owns; it maps the current user to itself and no other user."""
        user, group = os.geteuid(), os.getegid()
        call("unshare", _CLONE_NEWUSER | others)
        # After a change of user, root owns the files in /proc/self until the process is dumpable again.
        set_dumpable()
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            file = os.open(f"self/{name}", os.O_WRONLY, dir_fd=self._proc)
            try:
                os.write(file, text.encode())
            finally:
                os.close(file)
        set_not_dumpable()

    def _mount_root(self) -> None:
        """Replace the root by an empty tmpfs that contains the readable paths; all of it is read-only."""
        call("mount", b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)
        new = "/mnt" if os.path.isdir("/mnt") else "/tmp"  # noqa: S108  only a mount point
        real, links = _lay_out(self._readable)
        # Opened before the mount hides them.
        sources = [(path, os.open(path, os.O_PATH | os.O_CLOEXEC)) for path in real]
        call("mount", b"tmpfs", new.encode(), b"tmpfs", _MS_NOSUID | _MS_NODEV, b"size=1m,nr_inodes=4096,mode=755")
        for path, source in sources:
            _bind(source, path, new + path)
        for path, target in links:
            os.makedirs(os.path.dirname(new + path), exist_ok=True)
            os.symlink(target, new + path)
        for name in (SCRATCH, "/old"):
            os.makedirs(new + name, exist_ok=True)
        # Scripts write to /tmp; an installation may be there.
        tmp = new + "/tmp"  # noqa: S108  a link in the new root
        if not os.path.lexists(tmp):
            os.symlink(SCRATCH, tmp)
        os.chdir(new)
        call("pivot_root", b".", b"old")
        os.chdir("/")
        call("umount2", b"/old", _MNT_DETACH)
        os.rmdir("/old")
        _make_read_only("/", _MOUNT_ATTR_NOSUID)

    def _fork_into_pids(self) -> None:
        """Continue as process 1 of the new pid namespace; the outer process waits; each dies with the other."""
        pid = os.fork()
        if pid:
            set_parent_death_signal()
            os.closerange(0, 4096)
            _, status = os.waitpid(pid, 0)
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
        set_parent_death_signal()


def _lay_out(paths: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the real paths to mount, none below another, and symbolic links for the other names of these paths."""
    existing = sorted({os.path.abspath(path) for path in paths if os.path.exists(path)}, key=len)
    mounted: list[str] = []
    links: list[tuple[str, str]] = []
    for path in sorted({os.path.realpath(path) for path in existing}, key=len):
        if not _is_below(path, mounted):
            mounted.append(path)
    for path in existing:
        if os.path.realpath(path) != path and not _is_below(path, [*mounted, *(link for link, _ in links)]):
            links.append((path, os.path.realpath(path)))
    return mounted, links


def _is_below(path: str, others: Sequence[str]) -> bool:
    return any(path == other or path.startswith(other.rstrip("/") + "/") for other in others)


def _bind(source: int, path: str, target: str) -> None:
    """Bind-mount the path that ``source`` was opened on at ``target``, read-only."""
    if stat.S_ISDIR(os.fstat(source).st_mode):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600))
    call("mount", f"/proc/self/fd/{source}".encode(), target.encode(), None, _MS_BIND | _MS_REC, None)
    os.close(source)
    # Only the mounts below /dev, such as /dev/null, may contain devices.
    _make_read_only(target, _MOUNT_ATTR_NOSUID | (0 if path.startswith("/dev/") else _MOUNT_ATTR_NODEV))


def _make_read_only(path: str, others: int) -> None:
    """Make a mount read-only, with all mounts below it, which a remount would leave writable: mount_setattr(2)."""
    attributes = _MountAttributes(_MOUNT_ATTR_RDONLY | others, 0, 0, 0)
    recursive = 0 if path == "/" else _AT_RECURSIVE
    call("mount_setattr", _AT_FDCWD, path.encode(), recursive, ctypes.byref(attributes), ctypes.sizeof(attributes))


def set_user(user: int) -> None:
    """Switch to another user and group, without supplementary groups, irrevocably."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
