"""Content-addressed blobs: the interface, and the store on the local disk. Server process."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import threading
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, ClassVar

from ...model import open_flags
from ...model.figures import DIGEST
from .filesystem import fsync_directory, make_private_directory, opened_directory

SHARDS = 256
_THREADS = 4


class BlobStore(ABC):
    """Immutable bytes by their sha256 digest.

    Reading and writing start at once and end in another thread, so that they never block an event loop.
    """

    location: str
    """Where the blobs are, for people: a directory, or a URL without credentials."""
    is_local: ClassVar[bool] = False
    """Whether they are files of this machine."""

    @abstractmethod
    def start_put(self, digest: str, data: bytes) -> Future[bool]:
        """Store ``data`` durably; the result is False when the blob existed, which is then left alone.

        Of those that store it at the same time, also in other processes, at most one gets True: it alone may take it
        back. Where the first cannot be told, as on a file system without links, nobody does.
        """

    @abstractmethod
    def start_find(self, digest: str, start: int = 0, end: int | None = None) -> Future[bytes | None]:
        """Read the bytes from ``start`` up to ``end``, None for all; the result is None when there is no blob."""

    @abstractmethod
    def find_missing(self, digests: Collection[str]) -> set[str]:
        """Return those of the digests that have no blob."""

    @abstractmethod
    def delete(self, *digests: str) -> None:
        """Remove blobs; missing ones are no error."""

    @abstractmethod
    def delete_old(self, digests: Collection[str], before: float) -> None:
        """Remove those of these blobs that were written before a moment, in seconds since the epoch.

        What was written since may be about to be referred to by those who wrote it.
        """

    @abstractmethod
    def list_shard(self, shard: int) -> Iterator[tuple[str, float]]:
        """Yield digest and modification time of one 256th of all blobs."""

    def list_digests(self) -> Iterator[str]:
        """Yield the digests of all blobs."""
        for shard in range(SHARDS):
            for digest, _ in self.list_shard(shard):
                yield digest

    def put(self, digest: str, data: bytes) -> bool:
        """Store ``data`` and wait for it; for threads that may wait."""
        return self.start_put(digest, data).result()

    def find(self, digest: str) -> bytes | None:
        """Return the bytes, None when there are none; for threads that may wait."""
        return self.start_find(digest).result()

    @abstractmethod
    def prepare(self) -> None:
        """Create or check what the first put needs.

        Raises
        ------
        Conflict
            When the store must not be used.
        """

    def sweep(self, older_than: float) -> int:
        """Remove unfinished files last written before ``older_than`` (seconds since the epoch)."""
        return 0

    @abstractmethod
    def close(self) -> None:
        """End the threads."""


class LocalBlobStore(BlobStore):
    """Files ``<root>/ab/abcd…`` with mode 0600: written without a name, synced, then linked to it.

    An unnamed file (``O_TMPFILE``) leaves nothing behind when the process is killed. Where the file system has none, a
    named one in ``<root>/tmp`` is linked, and ``sweep`` removes those left by a kill.
    """

    is_local = True

    def __init__(self, root: Path) -> None:
        self.root = root
        self.location = str(root)
        self._threads = ThreadPoolExecutor(_THREADS, "figserve-blobs")
        self._locks = [threading.Lock() for _ in range(SHARDS)]

    def prepare(self) -> None:
        """Create all shards at once, so that no publish has to sync a new one."""
        last = self.root / f"{SHARDS - 1:02x}"
        if not last.exists():
            make_private_directory(self.root)
            for prefix in range(SHARDS):
                path = f"{self.root}/{prefix:02x}"
                try:
                    os.mkdir(path, 0o700)
                except FileExistsError:
                    make_private_directory(Path(path))
            fsync_directory(self.root)

    def start_put(self, digest: str, data: bytes) -> Future[bool]:
        return self._threads.submit(self._put, self._path(digest), data)

    def start_find(self, digest: str, start: int = 0, end: int | None = None) -> Future[bytes | None]:
        return self._threads.submit(self._find, self._path(digest), start, end)

    def find_path(self, digest: str) -> Path | None:
        """Return the file of a blob for another program to send, None when it is missing."""
        path = self._path(digest)
        return None if _size(path) is None else path

    def find_missing(self, digests: Collection[str]) -> set[str]:
        return {digest for digest in digests if _size(self._path(digest)) is None}

    def delete(self, *digests: str) -> None:
        for digest in digests:
            try:
                self._path(digest).unlink()
            except FileNotFoundError:
                pass
            except PermissionError:
                if open_flags.DIRECTORY:
                    raise
                # On Windows, somebody reads it; a later collection finds it without references.

    def delete_old(self, digests: Collection[str], before: float) -> None:
        self.delete(*(digest for digest in digests if _is_older(self._path(digest), before)))

    def list_shard(self, shard: int) -> Iterator[tuple[str, float]]:
        directory = self.root / f"{shard % SHARDS:02x}"
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(directory) as entries:
            for entry in entries:
                if DIGEST.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    with contextlib.suppress(FileNotFoundError):
                        yield entry.name, entry.stat(follow_symlinks=False).st_mtime

    def sweep(self, older_than: float) -> int:
        removed = 0
        for path in (self.root / "tmp").glob("*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < older_than:
                    path.unlink()
                    removed += 1
        return removed

    def close(self) -> None:
        self._threads.shutdown()

    def _put(self, path: Path, data: bytes) -> bool:
        with self._locks[int(path.name[:2], 16)]:
            if _size(path) == len(data):
                return False
            if not path.parent.is_dir():
                make_private_directory(path.parent)
                fsync_directory(self.root)
            is_new = _put_unnamed(path, data)
            return self._put_named(path, data) if is_new is None else is_new

    def _find(self, path: Path, start: int, end: int | None) -> bytes | None:
        file = _open(path)
        if file is None:
            return None
        with file:
            file.seek(start)
            return file.read() if end is None else file.read(end - start)

    def _path(self, digest: str) -> Path:
        assert DIGEST.fullmatch(digest), digest
        return self.root / digest[:2] / digest

    def _put_named(self, path: Path, data: bytes) -> bool:
        make_private_directory(self.root / "tmp")
        temporary = self.root / "tmp" / f"{path.name}.{secrets.token_hex(4)}"
        try:
            with os.fdopen(os.open(temporary, open_flags.PRIVATE_FILE, 0o600), "wb") as file:
                _write_durably(file.fileno(), data)
            try:
                os.link(temporary, path)
            except OSError:
                if _size(path) == len(data):
                    return False
                # The file system has no links, or what has the name is damaged. Another process may do the same now, so
                # that nobody may take it back.
                os.replace(temporary, path)
                fsync_directory(path.parent)
                return False
            fsync_directory(path.parent)
            return True
        finally:
            # One that stays is swept later.
            with contextlib.suppress(OSError):
                temporary.unlink()


def _put_unnamed(path: Path, data: bytes) -> bool | None:
    """Write by ``O_TMPFILE`` (open(2)); return None where that is not supported, or what has the name is damaged."""
    if not open_flags.TMPFILE:
        return None
    try:
        descriptor = os.open(path.parent, open_flags.TMPFILE | os.O_WRONLY, 0o600)
    except OSError:
        return None
    with os.fdopen(descriptor, "wb") as file, opened_directory(path.parent) as directory:
        _write_durably(file.fileno(), data)
        try:
            # With a descriptor, Python calls linkat(2), which follows /proc.
            os.link(f"/proc/self/fd/{file.fileno()}", path, src_dir_fd=directory, follow_symlinks=True)
        except OSError:
            # Another process may have stored it meanwhile.
            return False if _size(path) == len(data) else None
        os.fsync(directory)
    return True


def _open(path: Path) -> BinaryIO | None:
    try:
        # O_NOFOLLOW: never serve a symbolic link that was put into the store.
        descriptor = os.open(path, open_flags.READ_FILE)
    except OSError:
        return None
    return os.fdopen(descriptor, "rb")


def _size(path: Path) -> int | None:
    """Return the size of a regular file; None for anything else, such as a symbolic link."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _is_older(path: Path, moment: float) -> bool:
    """Whether a file was written before a moment; False where there is none."""
    try:
        return os.lstat(path).st_mtime < moment
    except OSError:
        return False


def _write_durably(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.fsync(descriptor)
