"""Content-addressed blobs on the local disk. Server process."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from .filesystem import atomic_write, fsync_directory, make_private_directory

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PREFIXES = 256


class BlobStore(Protocol):
    """Immutable bytes by their sha256 digest."""

    def put(self, digest: str, data: bytes) -> None:
        """Store ``data`` durably; an existing blob is left alone."""

    def find(self, digest: str) -> bytes | None:
        """Return the bytes, None when there are none."""

    def read_range(self, digest: str, start: int, end: int) -> bytes | None:
        """Return the bytes from ``start`` up to ``end``, None when there are none."""

    def has(self, digest: str) -> bool:
        """Whether the blob is there."""

    def delete(self, digest: str) -> None:
        """Remove a blob; a missing one is no error."""

    def list_shard(self, shard: int) -> Iterator[tuple[str, float]]:
        """Yield digest and modification time of one 256th of all blobs."""


class LocalBlobStore:
    """Files ``<root>/ab/abcd…`` with mode 0600: written without a name, synced, then linked to it.

    An unnamed file (``O_TMPFILE``) leaves nothing behind when the process is killed. Where the file system has none, a
    named one in ``<root>/tmp`` is renamed, and ``sweep`` removes those left by a kill.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def make_directories(self) -> None:
        """Create all shards at once, so that no publish has to sync a new one."""
        last = self.root / f"{_PREFIXES - 1:02x}"
        if not last.exists():
            for prefix in range(_PREFIXES):
                make_private_directory(self.root / f"{prefix:02x}")
            fsync_directory(self.root)

    def put(self, digest: str, data: bytes) -> None:
        path = self._path(digest)
        if _size(path) == len(data):
            return
        directory = self._open_directory(path.parent)
        try:
            if not self._link_unnamed(path, directory, data):
                self._rename_named(path, data)
            os.fsync(directory)
        finally:
            os.close(directory)

    def find(self, digest: str) -> bytes | None:
        file = self._open(digest)
        if file is None:
            return None
        with file:
            return file.read()

    def read_range(self, digest: str, start: int, end: int) -> bytes | None:
        file = self._open(digest)
        if file is None:
            return None
        with file:
            file.seek(start)
            return file.read(end - start)

    def find_path(self, digest: str) -> Path | None:
        """Return the file of a blob for another program to send, None when it is missing."""
        path = self._path(digest)
        return None if _size(path) is None else path

    def has(self, digest: str) -> bool:
        return _size(self._path(digest)) is not None

    def delete(self, digest: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._path(digest).unlink()

    def list_shard(self, shard: int) -> Iterator[tuple[str, float]]:
        with contextlib.suppress(FileNotFoundError), os.scandir(self.root / f"{shard % _PREFIXES:02x}") as entries:
            for entry in entries:
                if _DIGEST.fullmatch(entry.name):
                    with contextlib.suppress(FileNotFoundError):
                        yield entry.name, entry.stat(follow_symlinks=False).st_mtime

    def sweep(self, older_than: float) -> int:
        """Remove unfinished files last written before ``older_than`` (seconds since the epoch)."""
        removed = 0
        for path in (self.root / "tmp").glob("*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < older_than:
                    path.unlink()
                    removed += 1
        return removed

    def _path(self, digest: str) -> Path:
        assert _DIGEST.fullmatch(digest), digest
        return self.root / digest[:2] / digest

    def _open(self, digest: str) -> BinaryIO | None:
        try:
            # O_NOFOLLOW: never serve a symbolic link that was put into the store.
            descriptor = os.open(self._path(digest), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        return os.fdopen(descriptor, "rb")

    def _open_directory(self, path: Path) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        try:
            return os.open(path, flags)
        except FileNotFoundError:
            make_private_directory(path)
            fsync_directory(self.root)
            return os.open(path, flags)

    def _link_unnamed(self, path: Path, directory: int, data: bytes) -> bool:
        """Write by ``O_TMPFILE`` (open(2)); return False where that is not supported, or the name is taken.

        ``directory`` is the open directory: passing it makes Python call linkat(2), which follows ``/proc``.
        """
        try:
            descriptor = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        except (OSError, AttributeError):
            return False
        with os.fdopen(descriptor, "wb") as file:
            _write_durably(file.fileno(), data)
            try:
                os.link(f"/proc/self/fd/{file.fileno()}", path, src_dir_fd=directory, follow_symlinks=True)
            except OSError:
                return False
        return True

    def _rename_named(self, path: Path, data: bytes) -> None:
        make_private_directory(self.root / "tmp")
        atomic_write(path, data, self.root / "tmp" / f"{path.name}.{secrets.token_hex(4)}")


class MemoryBlobStore:
    """In-memory implementation for tests."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def put(self, digest: str, data: bytes) -> None:
        self.held.setdefault(digest, data)

    def find(self, digest: str) -> bytes | None:
        return self.held.get(digest)

    def read_range(self, digest: str, start: int, end: int) -> bytes | None:
        data = self.held.get(digest)
        return None if data is None else data[start:end]

    def has(self, digest: str) -> bool:
        return digest in self.held

    def delete(self, digest: str) -> None:
        self.held.pop(digest, None)

    def list_shard(self, shard: int) -> Iterator[tuple[str, float]]:
        return iter([(digest, 0.0) for digest in list(self.held) if int(digest[:2], 16) == shard % _PREFIXES])


def _size(path: Path) -> int | None:
    """Return the size of a regular file; None for anything else, such as a symbolic link."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _write_durably(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.fsync(descriptor)
