"""The store: repositories on one catalog with blobs and manifests; renames and garbage collection. Server process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, TypedDict

from sqlalchemy.engine import Connection

from ..model.links import DASHBOARD, FIGURE, LIVE, Target
from ..model.quotas import PublishLimits
from ..model.times import Clock, system_clock
from .catalog import sessions
from .catalog.database import Catalog
from .catalog.dialects import lock_files
from .catalog.identities import rename_notebook
from .databases import DataVersion
from .files.blobs import SHARDS, BlobStore
from .files.filesystem import DirectoryLock
from .files.manifest_formats import DashboardManifest, FigureManifest, LiveFigureManifest, Manifests
from .lifecycle import garbage_collection
from .lifecycle.aggregate import Aggregate
from .lifecycle.dashboards import DashboardAggregate
from .lifecycle.deletion import Deletion
from .lifecycle.figures import FigureAggregate
from .lifecycle.garbage_collection import GcReport
from .lifecycle.live_figures import LiveFigureAggregate
from .lifecycle.manifest_writer import ManifestWriter
from .lifecycle.trash import Trash
from .repositories.blob_writer import BlobWriter
from .repositories.dashboards import DashboardRepository
from .repositories.events import EventRepository
from .repositories.figures import FigureRepository
from .repositories.kernel_lines import KernelLineRepository
from .repositories.keys import KeyRepository
from .repositories.links import LinkRepository
from .repositories.live_figures import LiveFigureRepository
from .repositories.owners import OwnerRepository
from .repositories.repository import Repository
from .repositories.sessions import SessionRepository
from .startup import Startup

_NO_DIGEST = 64 * "0"


class StoreSettings(TypedDict, total=False):
    """Keyword arguments of a store.

    Parameters
    ----------
    limits
        Quotas and the number of kept versions; none by default.
    keep_session_plots
        Seconds for which unshared figures are kept after their session has ended; None, the default, forever.
    keep_deleted
        Seconds for which a deletion can be undone; None, the default, disables undo.
    clock
        Returns the time in seconds since the epoch.
    """

    limits: PublishLimits | None
    keep_session_plots: float | None
    keep_deleted: float | None
    clock: Clock


class Store(Repository):
    """All repositories of a data directory; opened by ``admin.opening.open_store``.

    Attributes
    ----------
    startup
        What is to be done before anything can be stored.
    check_claim
        Raises when the images belong to another catalog by now.
    """

    startup = Startup()

    def __init__(
        self,
        catalog: Catalog,
        blobs: BlobStore,
        manifests: Manifests,
        lock: DirectoryLock,
        directory: Path,
        *,
        limits: PublishLimits | None = None,
        keep_session_plots: float | None = None,
        keep_deleted: float | None = None,
        clock: Clock = system_clock,
    ) -> None:
        super().__init__(catalog)
        self.catalog = catalog
        self.blobs = blobs
        self.manifests = manifests
        self.directory = directory
        self.limits = limits = limits or PublishLimits()
        self.keep_session_plots = keep_session_plots
        self.clock = clock
        figures, live = FigureAggregate(manifests.figures, limits), LiveFigureAggregate(manifests.live_figures, limits)
        dashboards = DashboardAggregate(manifests.dashboards)
        self._aggregates: dict[str, Aggregate[Any]] = {FIGURE: figures, LIVE: live, DASHBOARD: dashboards}
        self.figure_deletion = Deletion(figures, Trash(FIGURE, FigureManifest), keep_deleted)
        self.live_deletion = Deletion(live, Trash(LIVE, LiveFigureManifest), keep_deleted)
        self.dashboard_deletion = Deletion(dashboards, Trash(DASHBOARD, DashboardManifest), keep_deleted)
        writer = BlobWriter(catalog, blobs, self._now, lambda: self.startup.check())
        self.figures = FigureRepository(catalog, blobs, writer, figures, self.figure_deletion, limits, self._now)
        self.links = LinkRepository(catalog, self._write_manifest_of)
        self.owners = OwnerRepository(catalog, self._write_manifest_of)
        self.live = LiveFigureRepository(catalog, blobs, writer, live, self.live_deletion, limits, self._now)
        self.dashboards = DashboardRepository(catalog, dashboards, self.dashboard_deletion, self._now)
        self.sessions = SessionRepository(catalog)
        self.keys = KeyRepository(catalog)
        self.kernel_lines = KernelLineRepository(catalog)
        self.events = EventRepository(catalog)
        self.manifest_writer = ManifestWriter(catalog, self._aggregates, self._now)
        self.check_claim: Callable[[], None] = lambda: None
        self._lock, self._shard = lock, 0

    @property
    def read_only_because(self) -> str | None:
        """Reason why the store is read-only, None when it can be written."""
        return self.catalog.read_only_because

    async def data_version(self) -> DataVersion:
        """Return a value that changes whenever any process changes the catalog."""
        return await self.catalog.data_version()

    def peek_data_version(self) -> DataVersion | None:
        """Return what ``data_version`` does where the database says it at once, else None."""
        return self.catalog.peek_data_version()

    @property
    def poll_seconds(self) -> float:
        """How often to compare ``data_version`` to learn about the changes of other processes, in seconds."""
        return self.catalog.poll_seconds

    def announce(self, text: str) -> None:
        """Send a text to the other servers without storing it, where the database can do so; it may be lost."""
        self.catalog.announce(text)

    def watch(self, on_change: Callable[[], Any], on_announcement: Callable[[str], Any]) -> Callable[[], None]:
        """Call back, in any thread, soon after another process has added events, and with each announcement.

        Where the database does not tell, nothing is called. Returns what ends it.
        """
        return self.catalog.watch(on_change, on_announcement)

    async def check_catalog(self) -> None:
        """Raise when the catalog does not answer."""
        await self.data_version()

    async def check_blobs(self) -> None:
        """Raise when the blob store does not answer, or cannot be written yet."""
        self.startup.check()
        await self.read_blob(_NO_DIGEST)

    async def rename_notebook(self, owner: str, scope: str, old: str, new: str) -> int:
        """Move the figures, live figures, dashboards and sessions of a notebook or directory to its new path.

        Returns
        -------
        int
            Number of figures that moved.
        """
        return await self._write(self._rename_notebook, owner, scope, old, new)

    async def read_blob(self, digest: str) -> bytes | None:
        """Return the bytes of a blob, None when there are none.

        Raises
        ------
        Unavailable
            When their store does not answer.
        """
        return await asyncio.wrap_future(self.blobs.start_find(digest))

    async def collect_garbage(self) -> GcReport:
        """Run one bounded round of garbage collection, unless another server is doing so.

        Raises
        ------
        Unavailable
            When the catalog or the store of the blobs does not answer.
        Conflict
            When the blobs belong to another catalog by now.
        """
        return await asyncio.to_thread(self._take_turn, self._collect_garbage)

    async def collect_all_garbage(self, progress: Callable[[int], None]) -> GcReport:
        """Collect the garbage of everything in bounded rounds; ``progress`` is called with 1 to 256.

        Rows are cleaned until a round finds nothing more, which takes most of the time of a round.
        """
        total = GcReport()
        for _ in range(SHARDS):
            removed = await asyncio.to_thread(self._take_turn, self._clean_rows)
            total += removed
            if not removed:
                break
        for shard in range(SHARDS):
            total += await asyncio.to_thread(self._take_turn, partial(self._clean_blobs, shard))
            progress(shard + 1)
        return total

    async def flush(self) -> None:
        """Write the manifests of all changes that were acknowledged."""
        self.startup.check()
        await self._run(self.catalog.finish_deferred)
        await asyncio.to_thread(self.manifest_writer.flush)

    def recover(self) -> Future[None]:
        """Remove the files that a killed server was writing, and write the manifests that it left unwritten."""
        return self._start_write(self._recover)

    def close(self) -> None:
        self.startup.close()
        self.manifest_writer.close()
        self.catalog.close()
        self.blobs.close()
        self._lock.release()

    def _now(self) -> float:
        return self.clock()

    def _rename_notebook(self, connection: Connection, owner: str, scope: str, old: str, new: str) -> int:
        sessions.rename_notebook(connection, owner, scope, old, new)
        counts = {}
        for kind, aggregate in self._aggregates.items():
            moved = rename_notebook(connection, aggregate.table, owner, scope, old, new)
            for record_id in moved:
                aggregate.write_manifest(connection, record_id)
            counts[kind] = len(moved)
        return counts[FIGURE]

    def _take_turn(self, step: Callable[[], GcReport]) -> GcReport:
        """Run one bounded step in this thread, with each change in a transaction of the writer's."""
        self.startup.check()
        self.check_claim()
        with self.catalog.taking_turns("cleaning") as is_mine:
            return step() if is_mine else GcReport()

    def _collect_garbage(self) -> GcReport:
        rows, shard = self._clean_rows(), self._shard
        self._shard += 1
        return rows + self._clean_blobs(shard)

    def _clean_rows(self) -> GcReport:
        now, delete_manifest = self._now(), self._aggregates[FIGURE].delete_manifest
        rows = self._start_write(garbage_collection.clean_rows, delete_manifest, now, self.keep_session_plots).result()
        for deletion in (self.figure_deletion, self.live_deletion, self.dashboard_deletion):
            while self._start_write(deletion.clean, now).result():
                pass
        return rows

    def _clean_blobs(self, shard: int) -> GcReport:
        now, trashes = self._now(), (self.figure_deletion.trash, self.live_deletion.trash)
        # A list shows that the blobs can be reached, before a transaction waits for their deletion.
        old = garbage_collection.find_old_blobs(self.blobs, now, shard)
        if old:
            self._start_write(garbage_collection.adopt_blobs, old).result()
        deleted = self._start_write(garbage_collection.find_deleted_blobs, trashes, now).result()
        removed = GcReport()
        while batch := self._start_write(garbage_collection.clean_blobs, self.blobs, deleted, now).result():
            removed += batch
        self.blobs.sweep(now - garbage_collection.BLOB_GRACE)
        return removed

    def _recover(self, connection: Connection) -> None:
        lock_files(connection)
        for aggregate in self._aggregates.values():
            aggregate.manifests.remove_leftover()
            aggregate.catch_up(connection)

    def _write_manifest_of(self, connection: Connection, target: Target) -> None:
        """Write the manifest of a link's target from the catalog."""
        self._aggregates[target.kind].write_manifest(connection, target.id)
