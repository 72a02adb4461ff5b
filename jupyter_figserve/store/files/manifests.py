"""Manifests: a JSON document for each record, from which a lost catalog is rebuilt. Server process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

from ...errors import InvalidInput
from ...model.figures import Identity
from ...model.links import Link
from .documents import Documents
from .field_types import check_record

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


@dataclass(frozen=True)
class Unreadable:
    """A manifest that is damaged, and where it is."""

    location: str


class ManifestStore(Generic[M]):
    """The manifests of one kind of records.

    Parameters
    ----------
    manifest_class
        Class of the manifests.
    """

    def __init__(self, files: Documents, manifest_class: type[M]) -> None:
        self.files = files
        self._manifest_class = manifest_class

    def write(self, manifest: M) -> None:
        """Replace a record's manifest; it is durable when this returns."""
        self.files.replace(manifest.record.id, _serialize_manifest(manifest))

    def is_behind(self, record: Record) -> bool:
        """Whether a record's manifest is missing, or older than the last change of the record."""
        try:
            data = json.loads(self.files.read(record.id) or b"")
            return bool(data["updated"] < record.updated)
        except _UNREADABLE:
            return True

    def delete(self, record_id: str) -> None:
        """Remove a manifest; a missing one is no error."""
        self.files.delete(record_id)

    def read_all(self) -> Iterator[M | Unreadable]:
        """Yield every manifest, or the place of one that cannot be read."""
        for name, data in self.files.read_all():
            manifest = None if data is None else parse_manifest(data, self._manifest_class, name)
            yield Unreadable(self.location_of(name)) if manifest is None else manifest

    def remove_leftover(self) -> None:
        """Remove a file that a killed process was writing; the caller holds the catalog's write lock."""
        self.files.remove_leftover()

    def location_of(self, record_id: str) -> str:
        """Return where a record's manifest is, for people."""
        return self.files.location_of(record_id)


def _serialize_manifest(manifest: Manifest) -> bytes:
    return json.dumps(manifest.as_json(), ensure_ascii=False, separators=(",", ":")).encode()


def parse_manifest(text: str | bytes, manifest_class: type[M], record_id: str) -> M | None:
    """Return the manifest of a record, None when a damaged disk or another program has changed it."""
    try:
        manifest = manifest_class.from_json(json.loads(text))
        check_record(manifest)
        is_own = manifest.record.id == record_id and all(link.target.id == record_id for link in manifest.links)
        return manifest if is_own else None
    except _UNREADABLE:
        return None
