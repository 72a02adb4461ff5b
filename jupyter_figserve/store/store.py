"""The store: what the server asks for, over catalog, blobs and manifests. Server process.

Reads are made at once, on the thread that opened the store; whatever changes anything returns a future that is done
when the change is on the disk.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from sqlalchemy.engine import Connection

from ..errors import FigServeError, QuotaExceeded, ReadOnly
from ..model.links import DASHBOARD, FIGURE, LIVE, Target
from ..model.quotas import PublishLimits
from ..model.times import Clock, system_clock
from .admin import deletion, garbage_collection, rebuild
from .admin.boards import Boards
from .admin.garbage_collection import GcReport
from .catalog import tables
from .catalog.database import Catalog
from .catalog.identities import rename_notebook
from .files import live_manifests
from .files.blobs import BlobStore, LocalBlobStore
from .files.filesystem import DirectoryLock
from .files.live_manifests import LiveManifests
from .files.manifests import Manifests
from .repositories.dashboards import DashboardRepository
from .repositories.events import EventRepository
from .repositories.figures import FigureRepository
from .repositories.keys import KeyRepository
from .repositories.links import LinkRepository
from .repositories.live_figures import LiveFigureRepository
from .repositories.sessions import SessionRepository

T = TypeVar("T")


class Store:
    """Opened by ``store.opening.open_store``."""

    def __init__(
        self,
        catalog: Catalog,
        blobs: BlobStore,
        manifests: Manifests,
        *,
        directory: Path,
        limits: PublishLimits,
        keep_session_plots: float | None,
        keep_deleted: float | None,
        lock: DirectoryLock,
        clock: Clock = system_clock,
    ) -> None:
        self.catalog = catalog
        self.blobs = blobs
        self.manifests = manifests
        self.live_manifests = LiveManifests(manifests.root)
        self.directory = directory
        self.keep_session_plots = keep_session_plots
        self.keep_deleted = keep_deleted
        self.trash = deletion.open_trash(directory)
        self.boards = Boards(directory, keep_deleted)
        self.clock = clock
        self.figures = FigureRepository(
            catalog, blobs, manifests, self.trash, limits=limits, keep_deleted=keep_deleted, clock=self._now
        )
        self.links = LinkRepository(catalog, self._write_manifest_of)
        self.live = LiveFigureRepository(catalog, blobs, self.live_manifests, limits, self._now)
        self.dashboards = DashboardRepository(catalog, self.boards, self._now)
        self.sessions = SessionRepository(catalog)
        self.keys = KeyRepository(catalog)
        self.events = EventRepository(catalog)
        self._lock = lock
        self._shard = 0

    def _now(self) -> float:
        return self.clock()

    @property
    def limits(self) -> PublishLimits:
        return self.figures.limits

    @property
    def read_only_because(self) -> str | None:
        """Why nothing can be written, None when it can."""
        return self.catalog.read_only_because

    async def data_version(self) -> int:
        """Return a number that changes whenever any process changes the catalog."""
        return self.catalog.data_version()

    def follow_rename(self, owner: str, scope: str, old: str, new: str) -> Future[int]:
        """A notebook or directory moved: its figures go with it."""

        def work(connection: Connection) -> int:
            moved = rename_notebook(connection, tables.figures, owner, scope, old, new)
            for live_id in rename_notebook(connection, tables.live_figures, owner, scope, old, new):
                self._write_live_manifest(connection, live_id)
            for dashboard_id in rename_notebook(connection, tables.dashboards, owner, scope, old, new):
                self.boards.write_manifest(connection, dashboard_id)
            for figure_id in moved:
                self._write_manifest(connection, figure_id)
            return len(moved)

        return self.write(work)

    async def rename_notebook(self, owner: str, scope: str, old: str, new: str) -> int:
        """Move the figures, live figures and dashboards of a notebook or directory to its new path.

        Returns
        -------
        int
            How many figures moved.
        """
        return await asyncio.wrap_future(self.follow_rename(owner, scope, old, new))

    async def collect_garbage(self) -> GcReport:
        """Run one bounded round of garbage collection."""
        return await asyncio.wrap_future(self.clean())

    def clean(self) -> Future[GcReport]:
        """One bounded round of cleaning; call it now and then."""

        def work() -> GcReport:
            now, shard = self.clock(), self._shard
            self._shard += 1
            done = self.catalog.transact(
                lambda c: garbage_collection.clean_rows(c, self.manifests, now, self.keep_session_plots)
            )
            self.catalog.transact(lambda c: self._clean_trash(c, now))
            self.catalog.transact(lambda c: self.boards.clean(c, now))
            done += self.catalog.transact(lambda c: garbage_collection.clean_blobs(c, self.blobs, self.trash, now))
            done += self.catalog.transact(lambda c: garbage_collection.clean_shard(c, self.blobs, now, shard))
            if isinstance(self.blobs, LocalBlobStore):
                self.blobs.sweep(now - garbage_collection.BLOB_GRACE)
            return done

        return self._submit(work)

    def write_live(self, live_ids: Sequence[str]) -> Future[None]:
        """Bring the manifests of these live figures to what the catalog says."""

        def work(connection: Connection) -> None:
            for live_id in live_ids:
                self._write_live_manifest(connection, live_id)

        return self.write(work)

    def write(self, work: Callable[[Connection], T]) -> Future[T]:
        """Run ``work`` in one write transaction."""
        return self._submit(lambda: self.catalog.transact(work))

    def close(self) -> None:
        self.catalog.close()
        self.figures.close()
        self._lock.release()

    def _clean_trash(self, connection: Connection, now: float) -> None:
        for figure_id in garbage_collection.clean_trash(connection, self.trash, self.manifests, tables.figures, now):
            self._write_manifest(connection, figure_id)

    def _write_manifest(self, connection: Connection, figure_id: str) -> None:
        rebuild.write_manifest(connection, self.manifests, figure_id)

    def _write_live_manifest(self, connection: Connection, live_id: str) -> None:
        live_manifests.write_manifest(connection, self.live_manifests, live_id)

    def _write_manifest_of(self, connection: Connection, target: Target) -> None:
        """Write the manifest of a link's target from the catalog."""
        writers = {
            FIGURE: self._write_manifest,
            LIVE: self._write_live_manifest,
            DASHBOARD: self.boards.write_manifest,
        }
        writers[target.kind](connection, target.id)

    def _submit(self, work: Callable[[], T]) -> Future[T]:
        return self.catalog.submit(lambda: _explaining(work))


def _explaining(work: Callable[[], T]) -> T:
    """Run ``work``; what the file system refuses becomes an error that says what to do."""
    try:
        return work()
    except FigServeError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise QuotaExceeded(
                "The server's disk is full; nothing was changed. Free some space and try again."
            ) from error
        raise ReadOnly(f"The store could not be written ({error.strerror}); nothing was changed.") from error
