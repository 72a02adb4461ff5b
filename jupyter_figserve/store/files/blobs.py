"""Bytes by the name of their sha256, on the local disk. Server process; an acknowledged blob is on the disk."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from .filesystem import fsync_directory, make_private_directory

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PREFIXES = 256


class BlobStore(Protocol):
    """The seam: immutable bytes by digest."""

    def put(self, digest: str, data: bytes) -> None:
        """Keep ``data`` durably; a digest that is there already is left alone."""

    def find(self, digest: str) -> bytes | None: ...

    def has(self, digest: str) -> bool: ...

    def delete(self, digest: str) -> None:
        """Forget a blob; one that is not there is no error."""

    def list_shard(self, shard: int) -> Iterator[tuple[str, float]]:
        """Digest and modification time of one 256th of all blobs."""


class LocalBlobStore:
    """Files ``<root>/ab/abcd…``, mode 0600; written beside, synced, then linked to their name.

    A nameless file (``O_TMPFILE``) leaves nothing behind when the process is killed; where the file system has none,
    a named one in ``<root>/tmp`` is renamed, and ``sweep`` removes what a kill left there.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def make_directories(self) -> None:
        """All that blobs will lie in, at once: one by one, each would cost a publish a sync."""
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
            if not self._link_nameless(path, directory, data):
                self._rename_named(path, data)
            os.fsync(directory)
        finally:
            os.close(directory)

    def find(self, digest: str) -> bytes | None:
        try:
            # O_NOFOLLOW: a link that somebody put into the store is not ours to serve.
            descriptor = os.open(self._path(digest), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            return file.read()

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

    def _open_directory(self, path: Path) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        try:
            return os.open(path, flags)
        except FileNotFoundError:
            make_private_directory(path)
            fsync_directory(self.root)
            return os.open(path, flags)

    def _link_nameless(self, path: Path, directory: int, data: bytes) -> bool:
        """Write by ``O_TMPFILE`` (open(2)); False where that is not supported, or something has the name already.

        ``directory`` is the open directory; naming one is what makes Python call linkat(2), which follows ``/proc``.
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
        beside = self.root / "tmp" / f"{path.name}.{secrets.token_hex(4)}"
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _write_durably(descriptor, data)
            os.rename(beside, path)
        except BaseException:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise
        finally:
            os.close(descriptor)


class MemoryBlobStore:
    """The fake beside the real one: a dictionary, for tests."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def put(self, digest: str, data: bytes) -> None:
        self.held.setdefault(digest, data)

    def find(self, digest: str) -> bytes | None:
        return self.held.get(digest)

    def has(self, digest: str) -> bool:
        return digest in self.held

    def delete(self, digest: str) -> None:
        self.held.pop(digest, None)

    def list_shard(self, shard: int) -> Iterator[tuple[str, float]]:
        return iter([(digest, 0.0) for digest in list(self.held) if int(digest[:2], 16) == shard % _PREFIXES])


def _size(path: Path) -> int | None:
    """Of a regular file: a link that somebody put into the store is none of our blobs."""
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
