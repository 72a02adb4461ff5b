"""A file for each live figure, from which its lasting id, links and detached function come back. Server process.

Pictures that were kept are not in it: the next call draws them again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import InvalidInput
from ...model.detached import Detached
from ...model.figures import Identity, Source
from ...model.links import LIVE, Link, Target
from ...model.live import LiveDeclaration, LiveFigureRecord
from ..catalog import detached, links, live_figures, tables
from .blobs import BlobStore
from .manifests import made, write_beside

_FORMAT = 1
_LOOKED_AT = 500
"""Live figures, more than one server puts off at a time."""


@dataclass(frozen=True)
class LiveManifest:
    """All that is to come back of one live figure; the tokens of its links are hashed."""

    record: LiveFigureRecord
    links: tuple[Link, ...] = ()
    detached: Detached | None = None


class LiveManifests:
    """Files ``<root>/live/<id>.json``; written only while the catalog's write lock is held.

    Parameters
    ----------
    root
        Where the figures' manifests are, in directories with names of two letters.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, manifest: LiveManifest) -> None:
        """Replace a live figure's manifest: the old one or the new, never half of one."""
        write_beside(self._root, self._path(manifest.record.id), to_json(manifest))

    def read_all(self) -> Iterator[LiveManifest | Path]:
        """Every live figure's manifest; the path instead where one cannot be read."""
        for path in sorted((self._root / "live").glob("*.json")):
            try:
                yield from_json(json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError, LookupError, TypeError, RecursionError, InvalidInput):
                yield path

    def is_behind(self, record: LiveFigureRecord) -> bool:
        """Whether a manifest is missing, or was written before the last change of its live figure."""
        try:
            told = json.loads(self._path(record.id).read_text(encoding="utf-8"))
            return bool(told["updated"] < record.updated)
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return True

    def _path(self, live_id: str) -> Path:
        return self._root / "live" / f"{live_id}.json"


def write_manifest(connection: Connection, manifests: LiveManifests, live_id: str) -> None:
    """Bring a live figure's manifest to what the catalog says; called in a write transaction."""
    record = live_figures.find(connection, live_id)
    if record is not None:
        found = tuple(links.for_target(connection, Target(LIVE, live_id)))
        manifests.write(LiveManifest(record, found, detached.find(connection, live_id)))


def catch_up(connection: Connection, manifests: LiveManifests) -> int:
    """Write the manifests that a killed server, or one before there were any, did not write; how many."""
    query = sa.select(tables.live_figures.c.id).order_by(tables.live_figures.c.updated.desc()).limit(_LOOKED_AT)
    found = (live_figures.find(connection, live_id) for live_id in connection.execute(query).scalars().all())
    behind = [record.id for record in found if record is not None and manifests.is_behind(record)]
    for live_id in behind:
        write_manifest(connection, manifests, live_id)
    return len(behind)


def restore(connection: Connection, manifests: LiveManifests, blobs: BlobStore) -> tuple[int, tuple[Path, ...]]:
    """Enter every manifest into a catalog without live figures; how many, and the paths of the unreadable.

    Two of one identity were made when the catalog was lost and kernels went on: the first, whose address is older,
    stays, with the links of both and the function that was declared last.
    """
    whole: dict[Identity, LiveManifest] = {}
    unreadable: list[Path] = []
    for found in manifests.read_all():
        if isinstance(found, Path):
            unreadable.append(found)
        else:
            known = whole.get(found.record.identity)
            whole[found.record.identity] = found if known is None else _joined(known, found)
    for manifest in whole.values():
        _enter(connection, manifest, blobs)
    return len(whole), tuple(unreadable)


def _joined(one: LiveManifest, other: LiveManifest) -> LiveManifest:
    first, last = sorted((one, other), key=lambda manifest: manifest.record.created)
    kept, newest = first.record, max(first, last, key=lambda manifest: manifest.record.updated)
    record = replace(kept, declaration=newest.record.declaration, updated=newest.record.updated)
    moved = tuple(replace(link, target=Target(LIVE, kept.id)) for link in last.links)
    function = newest.detached or first.detached or last.detached
    return LiveManifest(record, first.links + moved, function and replace(function, live=kept.id))


def _enter(connection: Connection, manifest: LiveManifest, blobs: BlobStore) -> None:
    record, kept = manifest.record, manifest.detached
    live_figures.restore(connection, record)
    for link in manifest.links:
        links.add(connection, link)
    if kept is not None and blobs.has(kept.source.digest):
        detached.enter(connection, record, kept, record.updated)


def to_json(manifest: LiveManifest) -> dict[str, Any]:
    record, kept = manifest.record, manifest.detached
    source = kept and {"source": kept.source.__dict__, "declaration": kept.declaration.as_json()}
    return {
        "format": _FORMAT,
        "id": record.id,
        "identity": record.identity.__dict__,
        "declaration": record.declaration.as_json(),
        "created": record.created,
        "updated": record.updated,
        "links": [link.as_json() for link in manifest.links],
        "detached": source,
    }


def from_json(data: dict[str, Any]) -> LiveManifest:
    identity, declaration = made(Identity, data["identity"]), LiveDeclaration.from_json(data["declaration"])
    record = LiveFigureRecord(data["id"], identity, declaration, data["created"], data["updated"])
    found = tuple(Link.from_json(link) for link in data["links"])
    kept = data["detached"]
    if kept is not None:
        kept = Detached(record.id, made(Source, kept["source"]), LiveDeclaration.from_json(kept["declaration"]))
    return LiveManifest(record, found, kept)
