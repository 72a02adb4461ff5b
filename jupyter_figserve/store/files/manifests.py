"""A file beside the blobs for each figure, from which a lost catalog is rebuilt. Server process."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from ...model.figures import FigureRecord, Identity, Representation, Source, Version
from ...model.links import Link
from .filesystem import fsync_directory, make_private_directory

T = TypeVar("T")
_FORMAT = 1


@dataclass(frozen=True)
class Manifest:
    """All that is known of one figure: its versions (newest first) and its links, whose tokens are hashed."""

    record: FigureRecord
    versions: tuple[Version, ...]
    links: tuple[Link, ...]


class Manifests:
    """Files ``<root>/Ab/<figure id>.json``; written only while the catalog's write lock is held."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, manifest: Manifest) -> None:
        """Replace a figure's manifest: the old one or the new, never half of one."""
        write_beside(self.root, self._path(manifest.record.id), to_json(manifest))

    def is_behind(self, record: FigureRecord) -> bool:
        """Whether a figure's manifest is missing, or was written before the figure's last change."""
        try:
            told = json.loads(self._path(record.id).read_text(encoding="utf-8"))
            return bool(told["updated"] < record.updated)
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return True

    def delete(self, figure_id: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._path(figure_id).unlink()
            fsync_directory(self._path(figure_id).parent)

    def remove_leftover(self) -> None:
        """What a kill left half-written; the caller holds the catalog's write lock."""
        with contextlib.suppress(FileNotFoundError):
            (self.root / "writing.tmp").unlink()

    def read_all(self) -> Iterator[Manifest | Path]:
        """Every figure's manifest; the path instead where one cannot be read."""
        for path in sorted(self.root.glob("??/*.json")):
            try:
                yield from_json(json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError, LookupError, TypeError, RecursionError):
                yield path

    def has(self, figure_id: str) -> bool:
        return self._path(figure_id).exists()

    def _path(self, figure_id: str) -> Path:
        return self.root / figure_id[:2] / f"{figure_id}.json"


def write_beside(root: Path, path: Path, data: dict[str, Any]) -> None:
    """Put JSON in the place of what is at ``path``, a directory below ``root``."""
    if not path.parent.exists():
        make_private_directory(path.parent)
        fsync_directory(root)
    # One name is enough and cannot be left in numbers: whoever writes holds the catalog's lock.
    beside = root / "writing.tmp"
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    fsync_directory(path.parent)


def to_json(manifest: Manifest) -> dict[str, Any]:
    record = manifest.record
    return {
        "format": _FORMAT,
        "id": record.id,
        "identity": record.identity.__dict__,
        "origin": record.origin,
        "created": record.created,
        "updated": record.updated,
        "versions": [_version_to_json(version) for version in manifest.versions],
        "links": [link.as_json() for link in manifest.links],
    }


def _version_to_json(version: Version) -> dict[str, Any]:
    # By hand: ``asdict`` copies every value of twenty versions for each publish.
    parts = {
        "representations": [part.__dict__ for part in version.representations],
        "thumbnail": version.thumbnail and version.thumbnail.__dict__,
        "source": version.source and version.source.__dict__,
    }
    return version.__dict__ | parts


def from_json(data: dict[str, Any]) -> Manifest:
    versions = tuple(_version(version) for version in data["versions"])
    record = FigureRecord(
        data["id"], made(Identity, data["identity"]), data["origin"], data["created"], data["updated"], versions[0]
    )
    return Manifest(record, versions, tuple(Link.from_json(link) for link in data["links"]))


def _version(data: dict[str, Any]) -> Version:
    parts = {
        "representations": tuple(made(Representation, part) for part in data["representations"]),
        "thumbnail": made(Representation, data["thumbnail"]) if data["thumbnail"] else None,
        "source": made(Source, data["source"]) if data["source"] else None,
    }
    return made(Version, data | parts)


def made(kind: type[T], data: dict[str, Any]) -> T:
    """A value of the fields that we know: a newer version of this package may have written more."""
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]  # all that come are dataclasses
    return kind(**{name: value for name, value in data.items() if name in known})
