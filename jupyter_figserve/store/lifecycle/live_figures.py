"""Live figures, in the catalog and as manifests. Server process, writer's thread."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...model.figures import Identity
from ...model.links import LIVE, Target
from ...model.live import LiveFigureRecord
from ...model.quotas import PublishLimits
from ..catalog import detached, links, live_figures, tables
from ..files.manifest_formats import LiveFigureManifest
from ..files.manifests import ManifestStore
from .aggregate import MAX_UNWRITTEN, DeletableAggregate


class LiveFigureAggregate(DeletableAggregate[LiveFigureManifest]):
    """Live figures with their links and detached functions.

    The images of a deleted live figure are kept until it cannot be restored.
    """

    table = tables.live_figures
    kind = LIVE
    noun = "live figure"

    def __init__(self, manifests: ManifestStore[LiveFigureManifest], limits: PublishLimits) -> None:
        super().__init__(manifests)
        self._limits = limits

    def describe(self, connection: Connection, record_id: str) -> LiveFigureManifest | None:
        record = live_figures.find(connection, record_id)
        if record is None:
            return None
        shown = tuple(links.list_for_target(connection, Target(LIVE, record_id)))
        return LiveFigureManifest(record, shown, detached.find(connection, record_id))

    def list_recent(self, connection: Connection) -> Iterable[LiveFigureRecord]:
        columns = tables.live_figures.c
        query = sa.select(columns.id).order_by(columns.updated.desc()).limit(MAX_UNWRITTEN)
        found = [live_figures.find(connection, live_id) for live_id in connection.execute(query).scalars().all()]
        return [record for record in found if record is not None]

    def find_by_identity(self, connection: Connection, identity: Identity) -> LiveFigureRecord | None:
        return live_figures.find_by_identity(connection, identity)

    def remove(self, connection: Connection, manifest: LiveFigureManifest, now: float) -> None:
        detached.remove(connection, manifest.record, now)
        live_figures.delete(connection, manifest.record, now)

    def restore(
        self, connection: Connection, manifest: LiveFigureManifest, now: float, missing: Collection[str]
    ) -> None:
        record, function = manifest.record, manifest.detached
        insert(connection, replace(manifest, detached=None), ())
        if function is not None and function.source.digest not in missing:
            detached.put(connection, self._limits, record, function, now)
        live_figures.emit_restored_event(connection, record, now)

    def release(self, connection: Connection, now: float) -> None:
        live_figures.release(connection, now)


def insert(connection: Connection, manifest: LiveFigureManifest, digests: Container[str]) -> None:
    """Add a live figure with its links, and with its detached function unless its digest is not among the blobs'."""
    record, function = manifest.record, manifest.detached
    live_figures.insert(connection, record)
    for link in manifest.links:
        links.add(connection, link)
    if function is not None and function.source.digest in digests:
        detached.insert(connection, record, function, record.updated)
