"""What the file system under the data directory allows: modes, locks, and whether it is a network's. Server process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path

from ...errors import Conflict

# SQLite's WAL wants memory that all writers share, which these do not give (sqlite.org/wal.html, section 1).
NETWORK_TYPES = frozenset(
    "9p afs beegfs ceph cifs coda fuse.ceph fuse.glusterfs fuse.s3fs fuse.sshfs gfs2 glusterfs gpfs lustre"
    " ncpfs nfs nfs4 ocfs2 orangefs panfs smb3 smbfs virtiofs".split()
)
_MOUNTS = Path("/proc/self/mountinfo")
# Length and start of the bytes of the lock file that stand for each lock.
_USE, _OPENING = (1, 0), (1, 1)


def find_network_type(directory: Path, mounts: Path = _MOUNTS) -> str | None:
    """The network file system's type that ``directory`` lies on; None for a local one or where it cannot be told.

    Source: proc(5), /proc/pid/mountinfo: field 5 is the mount point, odd characters in octal, and the type
    follows the ``-``.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    target, best, found = os.path.realpath(directory), "", None
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda escaped: chr(int(escaped[1], 8)), fields[4])
        if len(point) >= len(best) and os.path.commonpath([point, target]) == point:
            best, found = point, after.split(" ")[0]
    return found if found in NETWORK_TYPES else None


def make_private_directory(path: Path) -> None:
    """A directory for its owner alone, and so the missing ones above it; an existing one of ours is closed again."""
    if not path.parent.exists():
        make_private_directory(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    with contextlib.suppress(OSError):
        if path.stat().st_mode & 0o077:
            path.chmod(0o700)


def fsync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_writable(directory: Path) -> bool:
    """Whether a file can be made there, found by making one (a root user's ``access`` says nothing)."""
    # The same name each time: what a kill leaves of it must neither pile up nor stand in the way.
    probe = directory / ".probe"
    try:
        os.close(os.open(probe, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        probe.unlink(missing_ok=True)
    except OSError:
        return False
    return True


class DirectoryLock:
    """An advisory lock on a data directory: shared by servers, exclusive for repairs and on network file systems."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "catalog.lock"
        self._descriptor: int | None = None

    def acquire(self, *, exclusive: bool) -> None:
        """Take the lock at once or raise.

        Raises
        ------
        Conflict
            When another process holds it in a way that excludes ours.
        """
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Record locks, unlike flock(2), also hold between the hosts of a network file system.
            fcntl.lockf(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB, *_USE)
        except OSError as error:
            os.close(descriptor)
            raise Conflict(
                f"Another figserve process is using {self.path.parent}; stop it first.", code="data_directory_in_use"
            ) from error
        self._descriptor = descriptor

    @contextlib.contextmanager
    def opening(self) -> Iterator[None]:
        """One process at a time, while the lock is held: SQLite does not wait its turn to enter WAL mode."""
        assert self._descriptor is not None
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX, *_OPENING)
        try:
            yield
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, *_OPENING)

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @contextlib.contextmanager
    def held(self, *, exclusive: bool) -> Iterator[None]:
        self.acquire(exclusive=exclusive)
        try:
            yield
        finally:
            self.release()
