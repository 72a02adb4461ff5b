"""Manifests: a JSON file for each record, from which a lost catalog is rebuilt. Server process."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

from ...errors import InvalidInput
from ...model.figures import Identity
from ...model.links import Link
from .field_types import check_record
from .filesystem import atomic_write, fsync_directory, make_private_directory

_TEMPORARY = "writing.tmp"
"""A fixed name, so that kills leave one file at most; all writers hold the catalog's write lock."""
_UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, InvalidInput)


class Record(Protocol):
    """A figure, live figure or dashboard."""

    @property
    def id(self) -> str: ...

    @property
    def identity(self) -> Identity: ...

    @property
    def updated(self) -> float: ...


class Manifest(Protocol):
    """Everything about a record that must survive the loss of the catalog."""

    @property
    def record(self) -> Record: ...

    @property
    def links(self) -> tuple[Link, ...]: ...

    def as_json(self) -> dict[str, Any]: ...

    @classmethod
    def from_json(cls, data: dict[str, Any], /) -> Self: ...


M = TypeVar("M", bound=Manifest)


class ManifestStore(Generic[M]):
    """Files ``<root>/<id>.json``; changed only while the catalog's write lock is held.

    Parameters
    ----------
    kind
        Class of the manifests.
    is_sharded
        Whether files are in subdirectories named by the first two characters of the id.
    """

    def __init__(self, root: Path, kind: type[M], *, is_sharded: bool = False) -> None:
        self.root = root
        self._kind = kind
        self._is_sharded = is_sharded

    def write(self, manifest: M) -> None:
        """Replace a record's manifest; it is on the disk when this returns."""
        path = self.path_of(manifest.record.id)
        for directory in (self.root, path.parent):
            if not directory.exists():
                make_private_directory(directory)
                fsync_directory(directory.parent)
        write_manifest(path, manifest, self.root)

    def is_behind(self, record: Record) -> bool:
        """Whether a record's manifest is missing, or older than the last change of the record."""
        try:
            data = json.loads(self.path_of(record.id).read_text(encoding="utf-8"))
            return bool(data["updated"] < record.updated)
        except _UNREADABLE:
            return True

    def has(self, record_id: str) -> bool:
        return self.path_of(record_id).exists()

    def delete(self, record_id: str) -> None:
        """Remove a manifest; a missing one is no error."""
        path = self.path_of(record_id)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
            fsync_directory(path.parent)

    def read_all(self) -> Iterator[M | Path]:
        """Yield every manifest, or the path of one that cannot be read."""
        for path in sorted(self.root.glob("??/*.json" if self._is_sharded else "*.json")):
            manifest = read_manifest(path, self._kind)
            yield path if manifest is None else manifest

    def remove_leftover(self) -> None:
        """Remove a file that a killed process was writing; the caller holds the catalog's write lock."""
        remove_leftover(self.root)

    def path_of(self, record_id: str) -> Path:
        directory = self.root / record_id[:2] if self._is_sharded else self.root
        return directory / f"{record_id}.json"


def write_manifest(path: Path, manifest: Manifest, root: Path) -> None:
    """Replace the file at ``path``, which is below ``root``; it is on the disk when this returns."""
    text = json.dumps(manifest.as_json(), ensure_ascii=False, separators=(",", ":"))
    atomic_write(path, text.encode(), root / _TEMPORARY)


def read_manifest(path: Path, kind: type[M]) -> M | None:
    """Return the manifest in a file, None when it cannot be read."""
    try:
        return parse_manifest(path.read_text(encoding="utf-8"), kind, path.stem)
    except _UNREADABLE:
        return None


def parse_manifest(text: str, kind: type[M], record_id: str) -> M | None:
    """Return the manifest of a record, None when a damaged disk or another program has changed it."""
    try:
        manifest = kind.from_json(json.loads(text))
        check_record(manifest)
        is_own = manifest.record.id == record_id and all(link.target.id == record_id for link in manifest.links)
        return manifest if is_own else None
    except _UNREADABLE:
        return None


def remove_leftover(root: Path) -> None:
    """Remove the file that ``write_manifest`` leaves when the process is killed."""
    with contextlib.suppress(FileNotFoundError):
        (root / _TEMPORARY).unlink()
