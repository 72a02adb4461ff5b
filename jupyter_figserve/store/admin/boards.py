"""Dashboards with their files: published, deleted and brought back, in write transactions. Server process."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import Connection

from ...errors import Conflict, NotFound
from ...model.dashboards import DashboardRecord, Layout
from ...model.figures import Identity
from ...model.links import DASHBOARD, Target
from ..catalog import dashboards, links, tables
from ..files.board_manifests import BoardManifest, BoardManifests, from_json, to_json
from ..files.trash import Trash
from . import garbage_collection


class Boards:
    """The dashboards of a data directory: each has a manifest, and a deleted one waits in the trash.

    Parameters
    ----------
    directory
        The data directory.
    keep_deleted
        Seconds for which a deletion can be undone; None when it cannot.
    """

    def __init__(self, directory: Path, keep_deleted: float | None = None) -> None:
        self.manifests = BoardManifests(directory / "dashboards")
        self.trash = Trash(directory / "trash" / "dashboards", to_json, from_json)
        self._keep_deleted = keep_deleted

    def publish(
        self, connection: Connection, identity: Identity, layout: Layout, session: str | None, now: float
    ) -> DashboardRecord:
        """Keep ``layout`` as what the dashboard of this identity shows."""
        record = dashboards.publish(connection, identity, layout, session, now)
        self.write_manifest(connection, record.id)
        return record

    def delete(self, connection: Connection, record: DashboardRecord, now: float) -> bool:
        """Remove a dashboard with its links; False when it is gone already.

        What it showed stays, also figures that are there for it alone, until it cannot come back any more.
        """
        known = self._manifest_of(connection, record.id)
        if known is None:
            return False
        if self._keep_deleted is not None:
            self.trash.put(record.id, known, now, now + self._keep_deleted)
        gone = dashboards.delete(connection, record, now)
        self._release(connection, now)
        self.manifests.delete(record.id)
        return gone

    def undelete(self, connection: Connection, dashboard_id: str, now: float) -> DashboardRecord:
        """Enter a deleted dashboard again, with its links; one that is there already is left alone.

        Raises
        ------
        NotFound
            There is nothing (any more) to undo.
        Conflict
            Another dashboard has its name by now.
        """
        alive = dashboards.find(connection, dashboard_id)
        if alive is not None:
            return alive
        manifest = self.trash.find(dashboard_id, now)
        if manifest is None:
            raise NotFound("There is no deleted dashboard of this id that could come back.")
        record = manifest.record
        if dashboards.find_by_identity(connection, record.identity) is not None:
            raise Conflict(
                f"The notebook has made a new dashboard {record.name!r} since; delete that one first, then undo."
            )
        _enter(connection, manifest)
        dashboards.emit_restored_event(connection, record, now)
        self.write_manifest(connection, record.id)
        return record

    def write_manifest(self, connection: Connection, dashboard_id: str) -> None:
        """Bring a dashboard's manifest to what the catalog says."""
        manifest = self._manifest_of(connection, dashboard_id)
        if manifest is not None:
            self.manifests.write(manifest)

    def restore(self, connection: Connection) -> tuple[int, tuple[Path, ...]]:
        """Enter every dashboard into an empty catalog; how many, and which manifests could not be read.

        Of two of one identity (one was published while the catalog was lost), the one that is met first stays.
        """
        done, unreadable = 0, []
        for found in self.manifests.read_all():
            if isinstance(found, Path):
                unreadable.append(found)
            elif dashboards.find_by_identity(connection, found.record.identity) is None:
                _enter(connection, found)
                done += 1
        return done, tuple(unreadable)

    def clean(self, connection: Connection, now: float) -> None:
        """Forget deletions that can be undone no more, and mend what a kill in the middle of one left."""
        for dashboard_id in garbage_collection.clean_trash(
            connection, self.trash, self.manifests, tables.dashboards, now
        ):
            self.write_manifest(connection, dashboard_id)
        self._release(connection, now)

    def remove_leftover(self) -> None:
        """What a kill left half-written."""
        self.manifests.remove_leftover()
        self.trash.remove_leftover()

    def _release(self, connection: Connection, now: float) -> None:
        dashboards.release(connection, [one.id for one in self.trash.list() if now < one.expires])

    def _manifest_of(self, connection: Connection, dashboard_id: str) -> BoardManifest | None:
        record = dashboards.find(connection, dashboard_id)
        shown = links.for_target(connection, Target(DASHBOARD, dashboard_id))
        return BoardManifest(record, tuple(shown)) if record else None


def _enter(connection: Connection, manifest: BoardManifest) -> None:
    dashboards.enter(connection, manifest.record)
    for link in manifest.links:
        links.add(connection, link)
