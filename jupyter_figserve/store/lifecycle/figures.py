"""Figures, in the catalog and as manifests. Server process, writer's thread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from sqlalchemy.engine import Connection

from ...errors import NotFound
from ...model.events import FIGURE_RESTORED
from ...model.figures import FigureRecord, Identity, Version
from ...model.links import FIGURE, Target
from ...model.quotas import PublishLimits
from ...model.sessions import Session
from ..catalog import events, figures, links, publishing, quotas, references, sessions, tables
from ..files.manifest_formats import FigureManifest
from ..files.manifests import ManifestStore
from .aggregate import MAX_UNWRITTEN, DeletableAggregate
from .trash import Trash


class FigureAggregate(DeletableAggregate[FigureManifest]):
    """Figures with their versions and links."""

    table = tables.figures
    kind = FIGURE
    noun = "figure"

    def __init__(self, manifests: ManifestStore[FigureManifest], limits: PublishLimits) -> None:
        super().__init__(manifests)
        self._limits = limits

    def describe(self, connection: Connection, record_id: str) -> FigureManifest | None:
        record = figures.find(connection, record_id)
        if record is None:
            return None
        versions = figures.list_versions(connection, record_id)
        return FigureManifest(
            record, tuple(versions), tuple(links.list_for_target(connection, Target(FIGURE, record_id)))
        )

    def list_recent(self, connection: Connection) -> Iterable[FigureRecord]:
        # A publish is acknowledged before its manifest is written, so only figures of the newest events can lack one.
        ids = {str(event.data.get("figure")) for event in events.newest(connection, MAX_UNWRITTEN)}
        return [record for figure_id in ids if (record := figures.find(connection, figure_id))]

    def find_by_identity(self, connection: Connection, identity: Identity) -> FigureRecord | None:
        return figures.find_by_identity(connection, identity)

    def remove(self, connection: Connection, manifest: FigureManifest, now: float) -> None:
        publishing.delete(connection, manifest.record, now)

    def restore(self, connection: Connection, manifest: FigureManifest, now: float, missing: Collection[str]) -> None:
        versions = find_complete_versions(manifest, lambda digest: digest not in missing)
        if not versions:
            raise NotFound("The images of this figure are gone; publish it again.")
        _check_quotas(connection, self._limits, manifest.record.owner, versions)
        record = insert(connection, manifest, versions)
        events.add(connection, now, record.owner, FIGURE_RESTORED, publishing.event_data(record))


def find_complete_versions(manifest: FigureManifest, has_blob: Callable[[str], bool]) -> tuple[Version, ...]:
    """Return the versions whose images all exist."""
    return tuple(
        version for version in manifest.versions if all(has_blob(part.digest) for part in version.representations)
    )


def insert(connection: Connection, manifest: FigureManifest, versions: tuple[Version, ...]) -> FigureRecord:
    """Add a figure with these of its versions (newest first) and the links that show one of them."""
    record = replace(manifest.record, version=versions[0])
    publishing.restore(connection, record, versions)
    for version in versions:
        if version.session:
            _record_session(connection, record.identity, version.session, version.created)
    numbers = {version.number for version in versions}
    for link in manifest.links:
        if link.version is None or link.version in numbers:
            links.add(connection, link)
    return record


def track_deleted_blobs(connection: Connection, trash: Trash[FigureManifest], now: float) -> None:
    """Add the blobs of figures that can be restored to a rebuilt catalog, so that garbage collection keeps them."""
    for entry in trash.list(connection, now):
        for version in entry.manifest.versions if entry.manifest else ():
            references.track_unreferenced(connection, {part.digest: part.size for part in version.parts}, entry.deleted)


def _record_session(connection: Connection, identity: Identity, session_id: str, seen: float) -> None:
    """Add the session of a version as one that has ended, unless it is known; it was last seen when it published."""
    known = sessions.find(connection, session_id)
    if known is None or (known.ended is not None and known.seen < seen):
        session = Session(session_id, identity.owner, identity.scope, identity.notebook, seen, seen, ended=seen)
        sessions.record(connection, session)


def _check_quotas(connection: Connection, limits: PublishLimits, owner: str, versions: tuple[Version, ...]) -> None:
    """Raise ``QuotaExceeded`` unless the owner and the session of each version have room for it."""
    sizes: Counter[tuple[str, str]] = Counter()
    for version in versions:
        sizes["owner", owner] += version.size
        if version.session:
            sizes["session", version.session] += version.size
    by_kind = {"owner": limits.owner_quota, "session": limits.session_quota}
    for (kind, key), size in sizes.items():
        quotas.check(connection, {kind: by_kind[kind]}, {kind: key}, size, {kind})
