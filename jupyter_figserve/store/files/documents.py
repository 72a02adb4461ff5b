"""Small files that are replaced as a whole, by name: the interface, and the files on the local disk. Server process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from .filesystem import atomic_write, fsync_directory, make_private_directory

_TEMPORARY = "writing.tmp"
"""A fixed name, so that kills leave one file at most; all writers hold the catalog's write lock."""


class Documents(Protocol):
    """Named documents, which their writers replace one at a time."""

    is_remote: bool
    """Whether a write may take long, or fail for a while: then it must not hold up a transaction."""

    def read(self, name: str) -> bytes | None:
        """Return a document, None when there is none."""

    def replace(self, name: str, data: bytes) -> None:
        """Replace a document; it is durable when this returns."""

    def delete(self, name: str) -> None:
        """Remove a document; a missing one is no error."""

    def read_all(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield name and contents of each document; None for one that cannot be read."""

    def remove_leftover(self) -> None:
        """Remove what a killed process was writing; no other one may be writing."""

    def location_of(self, name: str) -> str:
        """Return where a document is, for people."""


class LocalDocuments:
    """Files ``<root>/<name>.json``; changed only while the catalog's write lock is held.

    Parameters
    ----------
    is_sharded
        Whether files are in subdirectories named by the first two characters of the name.
    """

    is_remote = False

    def __init__(self, root: Path, *, is_sharded: bool = False) -> None:
        self.root = root
        self._is_sharded = is_sharded

    def read(self, name: str) -> bytes | None:
        return _read(self.path_of(name))

    def replace(self, name: str, data: bytes) -> None:
        path = self.path_of(name)
        for directory in (self.root, path.parent):
            if not directory.exists():
                make_private_directory(directory)
                fsync_directory(directory.parent)
        atomic_write(path, data, self.root / _TEMPORARY)

    def delete(self, name: str) -> None:
        path = self.path_of(name)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
            fsync_directory(path.parent)

    def read_all(self) -> Iterator[tuple[str, bytes | None]]:
        for path in sorted(self.root.glob("??/*.json" if self._is_sharded else "*.json")):
            yield path.stem, _read(path)

    def remove_leftover(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            (self.root / _TEMPORARY).unlink()

    def location_of(self, name: str) -> str:
        return str(self.path_of(name))

    def path_of(self, name: str) -> Path:
        directory = self.root / name[:2] if self._is_sharded else self.root
        return directory / f"{name}.json"


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
