"""Dashboards. Server process."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.engine import Connection

from ...model.dashboards import DashboardRecord, Layout
from ...model.figures import Identity
from ...model.queries import DEFAULT_LIMIT, DashboardQuery
from ...model.times import Clock
from ..catalog import dashboards
from ..catalog.database import Catalog
from ..files.manifest_formats import DashboardManifest
from ..lifecycle.dashboards import DashboardAggregate
from ..lifecycle.deletion import Deletion
from ..lifecycle.trash import TrashEntry
from .repository import Repository


class DashboardRepository(Repository):
    """Finds, publishes, deletes and restores dashboards."""

    def __init__(
        self, catalog: Catalog, aggregate: DashboardAggregate, deletion: Deletion[DashboardManifest], clock: Clock
    ) -> None:
        super().__init__(catalog)
        self._aggregate = aggregate
        self._deletion = deletion
        self._clock = clock

    async def find(self, dashboard_id: str) -> DashboardRecord | None:
        return await self._read(dashboards.find, dashboard_id)

    async def find_by_identity(self, identity: Identity) -> DashboardRecord | None:
        return await self._read(dashboards.find_by_identity, identity)

    async def find_deleted(self, dashboard_id: str) -> DashboardRecord | None:
        """Return the dashboard as it was when it was deleted, None when there is none that can be restored."""
        manifest = await self._read(self._deletion.trash.find, dashboard_id, self._clock())
        return manifest.record if manifest else None

    async def list_deleted(self, owner: str, limit: int) -> Sequence[TrashEntry[DashboardManifest]]:
        """Return the owner's deletions that can be undone, the newest first."""
        return await self._read(self._deletion.trash.list, self._clock(), owner, limit)

    async def list_page(
        self, query: DashboardQuery, limit: int = DEFAULT_LIMIT, cursor: str | None = None
    ) -> tuple[Sequence[DashboardRecord], str | None]:
        """Return one page of dashboards, newest first, and the cursor of the next (None at the end).

        Raises
        ------
        InvalidInput
            When the cursor is not valid.
        """
        return await self._read(dashboards.list_page, query, limit, cursor)

    async def publish(self, identity: Identity, layout: Layout, session: str | None) -> DashboardRecord:
        """Make ``layout`` the newest version of the dashboard of this identity."""

        def change(connection: Connection) -> DashboardRecord:
            record = dashboards.publish(connection, identity, layout, session, self._clock())
            self._aggregate.write_manifest(connection, record.id)
            return record

        return await self._write(change)

    async def delete(self, record: DashboardRecord) -> bool:
        """Remove a dashboard with its links, so that it can be restored for ``keep_deleted`` seconds; its figures stay.

        Returns False when it is gone already.
        """
        return await self._run(lambda: self._deletion.delete(self._catalog, [record.id], self._clock())) == 1

    async def restore(self, dashboard_id: str) -> DashboardRecord:
        """Undo a deletion, with the links.

        Raises
        ------
        NotFound
            When there is nothing to undo, or it is too late.
        Conflict
            When another dashboard has taken its name.
        """
        manifest = await self._run(lambda: self._deletion.undo(self._catalog, dashboard_id, self._clock()))
        return manifest.record
