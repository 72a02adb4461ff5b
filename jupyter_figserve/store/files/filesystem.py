"""The file system under the data directory: modes, durable writes, locks, network mounts. Any process."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from filelock import lock_descriptor

from ...errors import Conflict
from ...model import open_flags

# SQLite's WAL needs memory shared by all writers, which these do not provide (sqlite.org/wal.html, section 1).
NETWORK_TYPES = frozenset(
    "9p afs beegfs ceph cifs coda fuse.ceph fuse.glusterfs fuse.s3fs fuse.sshfs gfs2 glusterfs gpfs lustre"
    " ncpfs nfs nfs4 ocfs2 orangefs panfs smb3 smbfs virtiofs".split()
)
_MOUNTS = Path("/proc/self/mountinfo")


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


@contextlib.contextmanager
def opened_directory(path: Path) -> Iterator[int]:
    """Open a directory, where the system can."""
    descriptor = os.open(path, os.O_RDONLY | open_flags.DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def fsync_directory(path: Path) -> None:
    """Make the names in a directory durable; Windows does so by itself, in the journal of its file system."""
    if open_flags.DIRECTORY:
        with opened_directory(path) as descriptor:
            os.fsync(descriptor)


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
    try:
        with os.fdopen(os.open(temporary, open_flags.PRIVATE_FILE | os.O_TRUNC, 0o600), "wb") as file:
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
        os.close(os.open(probe, open_flags.PRIVATE_FILE, 0o600))
        probe.unlink(missing_ok=True)
    except OSError:
        return False
    return True


class DirectoryLock:
    """Advisory lock on a data directory: shared by servers, exclusive for repairs and on network file systems.

    It is a transaction of SQLite on an empty database, which locks in the same way on every system, and between the
    hosts of a network file system.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / "catalog.lock"
        self._connection: sqlite3.Connection | None = None

    def acquire(self, *, exclusive: bool) -> None:
        """Acquire the lock without waiting.

        Raises
        ------
        Conflict
            When another process holds a lock that excludes this one.
        """
        if not self.path.exists():
            # With mode 0600. Closing a file that SQLite has open in this process would end its locks.
            os.close(os.open(self.path, open_flags.PRIVATE_FILE, 0o600))
        connection = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = MEMORY")
            connection.execute("BEGIN EXCLUSIVE" if exclusive else "BEGIN")
            # The lock of a reader begins with the first read.
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            connection.close()
            raise Conflict(
                f"Another figserve process is using {self.path.parent}; stop it first.", code="data_directory_in_use"
            ) from error
        self._connection = connection

    @contextlib.contextmanager
    def opening(self) -> Iterator[None]:
        """Exclude other processes that are opening the catalog: SQLite does not wait to enter WAL mode."""
        descriptor = os.open(self.path.with_name("catalog.opening.lock"), open_flags.PRIVATE_FILE, 0o600)
        try:
            lock_descriptor(descriptor)
            yield
        finally:
            os.close(descriptor)

    def release(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextlib.contextmanager
    def held(self, *, exclusive: bool) -> Iterator[None]:
        """Hold the lock while the block runs."""
        self.acquire(exclusive=exclusive)
        try:
            yield
        finally:
            self.release()
