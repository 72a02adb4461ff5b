"""A file beside the blobs for each dashboard, from which a lost catalog is rebuilt. Server process."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ...errors import InvalidInput
from ...model.dashboards import DashboardRecord, Layout
from ...model.figures import Identity
from ...model.links import Link
from .filesystem import fsync_directory, make_private_directory

_FORMAT = 1


@dataclass(frozen=True)
class BoardManifest:
    """All that is known of one dashboard: what it shows and its links, whose tokens are hashed."""

    record: DashboardRecord
    links: tuple[Link, ...]


class BoardManifests:
    """Files ``<root>/<dashboard id>.json``; written only while the catalog's write lock is held."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, manifest: BoardManifest) -> None:
        """Replace a dashboard's manifest: the old one or the new, never half of one."""
        make_private_directory(self.root)
        # One name is enough and cannot be left in numbers: whoever writes holds the catalog's lock.
        beside = self.root / "writing.tmp"
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(to_json(manifest), file, ensure_ascii=False, separators=(",", ":"))
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self._path(manifest.record.id))
        fsync_directory(self.root)

    def delete(self, dashboard_id: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._path(dashboard_id).unlink()
            fsync_directory(self.root)

    def has(self, dashboard_id: str) -> bool:
        return self._path(dashboard_id).exists()

    def remove_leftover(self) -> None:
        """What a kill left half-written; the caller holds the catalog's write lock."""
        with contextlib.suppress(FileNotFoundError):
            (self.root / "writing.tmp").unlink()

    def read_all(self) -> Iterator[BoardManifest | Path]:
        """Every dashboard's manifest; the path instead where one cannot be read."""
        for path in sorted(self.root.glob("*.json")):
            try:
                yield from_json(json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError, LookupError, TypeError, RecursionError, InvalidInput):
                yield path

    def _path(self, dashboard_id: str) -> Path:
        return self.root / f"{dashboard_id}.json"


def to_json(manifest: BoardManifest) -> dict[str, Any]:
    record = manifest.record
    return {
        "format": _FORMAT,
        "identity": record.identity.__dict__,
        "layout": record.layout.as_json(),
        **{name: getattr(record, name) for name in ("id", "version", "session", "created", "updated")},
        "links": [link.as_json() for link in manifest.links],
    }


def from_json(data: dict[str, Any]) -> BoardManifest:
    """Of the fields that we know: a newer version of this package may have written more."""
    identity = Identity(**{field.name: data["identity"][field.name] for field in fields(Identity)})
    layout = Layout.from_json(data["layout"])
    told = [data[name] for name in ("version", "session", "created", "updated")]
    links = tuple(Link.from_json(link) for link in data["links"])
    return BoardManifest(DashboardRecord(data["id"], identity, layout, *told), links)
