"""A catalog from manifests, for a lost or damaged one, and manifests from the catalog. Server process, or the command
line's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...model.figures import FigureRecord, Identity, Version
from ...model.links import FIGURE, Target
from ...model.sessions import Session
from ..catalog import events, figures, links, publishing, sessions, tables
from ..files import live_manifests
from ..files.blobs import BlobStore
from ..files.live_manifests import LiveManifests
from ..files.manifests import Manifest, Manifests

_LOOKED_AT = 500
"""Events, more than the figures that one server puts off at a time."""


@dataclass(frozen=True)
class RebuildReport:
    """What came back, and what did not.

    Parameters
    ----------
    links
        Onto figures and live figures.
    live
        Live figures.
    unreadable
        Manifests that could not be read.
    incomplete
        Ids of figures of which at least one version's blobs are missing.
    doubled
        Ids of figures that gave way to another of the same identity: they were published while the catalog was lost,
        or a kill came before they were acknowledged.
    """

    figures: int = 0
    versions: int = 0
    links: int = 0
    live: int = 0
    unreadable: tuple[Path, ...] = ()
    incomplete: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    dashboards: int = 0


def restore(
    connection: Connection, manifests: Manifests, blobs: BlobStore, progress: Callable[[int], None] = lambda _: None
) -> RebuildReport:
    """Enter every manifest into an empty catalog; ``progress`` hears how many figures are done."""
    done = RebuildReport()
    for found in manifests.read_all():
        if isinstance(found, Path):
            done = replace(done, unreadable=(*done.unreadable, found))
            continue
        whole = whole_versions(found, blobs)
        if len(whole) < len(found.versions):
            done = replace(done, incomplete=(*done.incomplete, found.record.id))
        if not whole:
            continue
        beaten = _beaten(connection, found)
        if beaten is not None:
            done = replace(done, doubled=(*done.doubled, beaten.id))
        if beaten is found.record:
            continue
        if beaten is not None:
            publishing.delete(connection, beaten, beaten.updated)
        enter(connection, found, whole)
        done = replace(done, figures=_count(connection, tables.figures))
        progress(done.figures)
    known, unreadable = live_manifests.restore(connection, LiveManifests(manifests.root), blobs)
    return replace(
        done,
        versions=_count(connection, tables.versions),
        links=_count(connection, tables.links),
        live=known,
        unreadable=(*done.unreadable, *unreadable),
    )


def write_manifest(connection: Connection, manifests: Manifests, figure_id: str) -> None:
    """Bring a figure's manifest to what the catalog says; called in a write transaction."""
    record = figures.find(connection, figure_id)
    if record is not None:
        manifests.write(manifest_of(connection, record))


def catch_up(connection: Connection, manifests: Manifests) -> int:
    """Write the manifests that a killed server did not come to; how many there were.

    They are written after the publish is acknowledged, so only figures of the newest events can lack theirs.
    """
    named = {str(event.data.get("figure")) for event in events.newest(connection, _LOOKED_AT)}
    behind = [id for id in named if (record := figures.find(connection, id)) and manifests.is_behind(record)]
    for figure_id in behind:
        write_manifest(connection, manifests, figure_id)
    return len(behind)


def _beaten(connection: Connection, found: Manifest) -> FigureRecord | None:
    """Which of two figures of one identity is left out: the one without links, else the older; None without two."""
    known = figures.find_by_identity(connection, found.record.identity)
    if known is None:
        return None
    ranked = (
        (bool(links.for_target(connection, Target(FIGURE, known.id))), known.updated),
        (bool(found.links), found.record.updated),
    )
    return known if ranked[0] < ranked[1] else found.record


def manifest_of(connection: Connection, record: FigureRecord) -> Manifest:
    """All that the catalog knows of a figure."""
    versions, shown = figures.versions(connection, record.id), links.for_target(connection, Target(FIGURE, record.id))
    return Manifest(record, tuple(versions), tuple(shown))


def enter(connection: Connection, manifest: Manifest, whole: tuple[Version, ...]) -> FigureRecord:
    """Enter a figure with these of its versions (newest first) and the links that show one of them."""
    record = replace(manifest.record, version=whole[0])
    publishing.restore(connection, record, whole)
    for version in whole:
        if version.session:
            _note_session(connection, record.identity, version.session, version.created)
    numbers = {version.number for version in whole}
    for link in manifest.links:
        if link.version is None or link.version in numbers:
            links.add(connection, link)
    return record


def whole_versions(manifest: Manifest, blobs: BlobStore) -> tuple[Version, ...]:
    """Those versions whose bytes are all there."""
    return tuple(version for version in manifest.versions if _is_whole(version, blobs))


def _note_session(connection: Connection, identity: Identity, session_id: str, seen: float) -> None:
    """A session that is not known to be alive ended, for all that manifests tell, when it last published."""
    known = sessions.find(connection, session_id)
    if known is None or (known.ended is not None and known.seen < seen):
        session = Session(session_id, identity.owner, identity.scope, identity.notebook, seen, seen, ended=seen)
        sessions.note(connection, session)


def _count(connection: Connection, table: sa.Table) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def _is_whole(version: Version, blobs: BlobStore) -> bool:
    return all(blobs.has(part.digest) for part in version.representations)
