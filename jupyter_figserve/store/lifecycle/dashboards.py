"""Dashboards, in the catalog and as manifests. Server process, writer's thread."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.engine import Connection

from ...model.dashboards import DashboardRecord
from ...model.figures import Identity
from ...model.links import DASHBOARD, Target
from ..catalog import dashboards, links, tables
from ..files.manifest_formats import DashboardManifest
from .aggregate import DeletableAggregate


class DashboardAggregate(DeletableAggregate[DashboardManifest]):
    """Dashboards with their links.

    The figures on a deleted dashboard are kept, also those that nothing else retains, until it cannot be restored.
    """

    table = tables.dashboards
    kind = DASHBOARD
    noun = "dashboard"

    def describe(self, connection: Connection, record_id: str) -> DashboardManifest | None:
        record = dashboards.find(connection, record_id)
        if record is None:
            return None
        return DashboardManifest(record, tuple(links.list_for_target(connection, Target(DASHBOARD, record_id))))

    def find_by_identity(self, connection: Connection, identity: Identity) -> DashboardRecord | None:
        return dashboards.find_by_identity(connection, identity)

    def remove(self, connection: Connection, manifest: DashboardManifest, now: float) -> None:
        dashboards.delete(connection, manifest.record, now)

    def restore(
        self, connection: Connection, manifest: DashboardManifest, now: float, missing: Collection[str]
    ) -> None:
        insert(connection, manifest)
        dashboards.emit_restored_event(connection, manifest.record, now)

    def release(self, connection: Connection, now: float) -> None:
        dashboards.release(connection, now)


def insert(connection: Connection, manifest: DashboardManifest) -> None:
    """Add a dashboard with its links, without an event."""
    dashboards.insert(connection, manifest.record)
    for link in manifest.links:
        links.add(connection, link)
