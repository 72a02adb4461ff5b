"""Live figures, in the catalog and as manifests. Server process, writer's thread."""

from __future__ import annotations

from collections.abc import Container, Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...model.links import LIVE, Target
from ...model.live import LiveFigureRecord
from ..catalog import detached, links, live_figures, tables
from ..files.manifest_formats import LiveFigureManifest
from .aggregate import MAX_UNWRITTEN, Aggregate


class LiveFigureAggregate(Aggregate[LiveFigureManifest]):
    """Live figures with their links and detached functions."""

    table = tables.live_figures
    kind = LIVE

    def describe(self, connection: Connection, record_id: str) -> LiveFigureManifest | None:
        record = live_figures.find(connection, record_id)
        if record is None:
            return None
        shown = tuple(links.for_target(connection, Target(LIVE, record_id)))
        return LiveFigureManifest(record, shown, detached.find(connection, record_id))

    def list_recent(self, connection: Connection) -> Iterable[LiveFigureRecord]:
        columns = tables.live_figures.c
        query = sa.select(columns.id).order_by(columns.updated.desc()).limit(MAX_UNWRITTEN)
        found = [live_figures.find(connection, live_id) for live_id in connection.execute(query).scalars().all()]
        return [record for record in found if record is not None]


def insert(connection: Connection, manifest: LiveFigureManifest, digests: Container[str]) -> None:
    """Add a live figure with its links, and with its detached function unless its digest is not among the blobs'."""
    record, function = manifest.record, manifest.detached
    live_figures.insert(connection, record)
    for link in manifest.links:
        links.add(connection, link)
    if function is not None and function.source.digest in digests:
        detached.insert(connection, record, function, record.updated)
