"""The file system under the data directory: modes, durable writes, locks, network mounts. Any process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path

from ...errors import Conflict

# SQLite's WAL needs memory shared by all writers, which these do not provide (sqlite.org/wal.html, section 1).
NETWORK_TYPES = frozenset(
    "9p afs beegfs ceph cifs coda fuse.ceph fuse.glusterfs fuse.s3fs fuse.sshfs gfs2 glusterfs gpfs lustre"
    " ncpfs nfs nfs4 ocfs2 orangefs panfs smb3 smbfs virtiofs".split()
)
_MOUNTS = Path("/proc/self/mountinfo")
# Length and start of the byte range of the lock file for each lock.
_USE, _OPENING = (1, 0), (1, 1)


def find_network_type(directory: Path, mounts: Path = _MOUNTS) -> str | None:
    """Return the type of the network file system that holds ``directory``; None for a local or an unknown one.

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
    """Create a directory with mode 0700, and its missing parents too; an existing one loses access for others."""
    if not path.parent.exists():
        make_private_directory(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    with contextlib.suppress(OSError):
        if path.stat().st_mode & 0o077:
            path.chmod(0o700)


def fsync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def atomic_write(path: Path, data: bytes, temporary: Path, *, is_durable: bool = True) -> None:
    """Replace the file at ``path``, so that readers see the old contents or the new, never a part.

    Parameters
    ----------
    temporary
        Path on the same file system that is written first. A fixed one cannot accumulate when processes are killed,
        but its writers must exclude each other.
    is_durable
        Whether the file is on the disk when this returns.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
            file.write(data)
            if is_durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if is_durable:
        fsync_directory(path.parent)


def is_writable(directory: Path) -> bool:
    """Whether a file can be created there, found by creating one (``access`` says nothing to root)."""
    # Always the same name: probes left by a kill must neither accumulate nor get in the way.
    probe = directory / ".probe"
    try:
        os.close(os.open(probe, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        probe.unlink(missing_ok=True)
    except OSError:
        return False
    return True


class DirectoryLock:
    """Advisory lock on a data directory: shared by servers, exclusive for repairs and on network file systems."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "catalog.lock"
        self._descriptor: int | None = None

    def acquire(self, *, exclusive: bool) -> None:
        """Acquire the lock without waiting.

        Raises
        ------
        Conflict
            When another process holds a lock that excludes this one.
        """
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Record locks, unlike flock(2), also work between the hosts of a network file system.
            fcntl.lockf(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB, *_USE)
        except OSError as error:
            os.close(descriptor)
            raise Conflict(
                f"Another figserve process is using {self.path.parent}; stop it first.", code="data_directory_in_use"
            ) from error
        self._descriptor = descriptor

    @contextlib.contextmanager
    def opening(self) -> Iterator[None]:
        """Exclude other processes that are opening the catalog: SQLite does not wait to enter WAL mode."""
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
        """Hold the lock while the block runs."""
        self.acquire(exclusive=exclusive)
        try:
            yield
        finally:
            self.release()
