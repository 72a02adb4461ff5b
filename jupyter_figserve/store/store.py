"""The store: what the server asks for, over catalog, blobs and manifests. Server process.

Reads are made at once, on the thread that opened the store; whatever changes anything returns a future that is done
when the change is on the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.engine import Connection

from ..errors import FigServeError, NotFound, QuotaExceeded, ReadOnly
from ..model.dashboards import DashboardRecord, Layout
from ..model.figures import EncodedImage, FigureRecord, Identity, Source, Version, sha256_hex
from ..model.links import DASHBOARD, FIGURE, LIVE, Link, Target
from ..model.new_version import NewVersion
from ..model.queries import DEFAULT_LIMIT, FigureQuery
from ..model.quotas import PublishLimits
from ..model.times import Clock, system_clock
from .admin import deletion, garbage_collection, rebuild
from .admin.boards import Boards
from .admin.garbage_collection import GcReport
from .catalog import figures, link_targets, links, publishing, tables
from .catalog.database import Catalog
from .catalog.identities import rename_notebook
from .catalog.pagination import Page
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
_INLINE_BLOB_BYTES = 2**20
"""Bytes of a version, up to which its blobs are written while its rows are."""
_PUTTERS = 2


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
        self.limits = limits
        self.keep_session_plots = keep_session_plots
        self.keep_deleted = keep_deleted
        self.trash = deletion.open_trash(directory)
        self.boards = Boards(directory, keep_deleted)
        self.clock = clock
        self.figures = FigureRepository(
            catalog, blobs, manifests, self.trash, limits=limits, keep_deleted=keep_deleted, clock=clock
        )
        self.links = LinkRepository(catalog, self._write_manifest_of)
        self.live = LiveFigureRepository(catalog, blobs, self.live_manifests, limits, clock)
        self.dashboards = DashboardRepository(catalog, self.boards, clock)
        self.sessions = SessionRepository(catalog)
        self.keys = KeyRepository(catalog)
        self.events = EventRepository(catalog)
        self._lock = lock
        self._shard = 0
        self._pending_manifests: set[str] = set()
        self._putters = ThreadPoolExecutor(_PUTTERS, "figserve-blobs")

    @property
    def read_only_because(self) -> str | None:
        """Why nothing can be written, None when it can."""
        return self.catalog.read_only_because

    async def data_version(self) -> int:
        """Return a number that changes whenever any process changes the catalog."""
        return self.catalog.data_version()

    def find_figure(self, figure_id: str, version: int | None = None) -> FigureRecord | None:
        return figures.find(self.catalog.reader, figure_id, version)

    def get_figure(self, figure_id: str, version: int | None = None) -> FigureRecord:
        """The figure.

        Raises
        ------
        NotFound
            When there is none of this id, or not this version of it.
        """
        record = self.find_figure(figure_id, version)
        if record is None:
            raise NotFound("There is no such figure." if version is None else f"There is no version {version} of it.")
        return record

    def versions(self, figure_id: str) -> Sequence[Version]:
        return figures.versions(self.catalog.reader, figure_id)

    def list_figures(self, which: FigureQuery, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> Future[Page]:
        """One page, newest first, and the cursor of the next; what looks at every figure is done aside.

        Raises
        ------
        InvalidInput
            At once or from the future: the cursor is not one that a page gave.
        """
        if which.is_slow:
            return self.catalog.read_in_thread(lambda connection: figures.list_page(connection, which, limit, cursor))
        page: Future[Page] = Future()
        page.set_result(figures.list_page(self.catalog.reader, which, limit, cursor))
        return page

    def publish(self, draft: NewVersion) -> Future[FigureRecord]:
        """Keep ``draft`` as a figure's newest version; done when all of it is on the disk.

        Raises
        ------
        QuotaExceeded
            From the future: no room; the old version is as it was.
        """
        return self._submit(lambda: self._publish(draft))

    def attach_source(
        self, record: FigureRecord, number: int, kind: str, data: bytes, libraries: dict[str, str]
    ) -> Future[bool]:
        """Give a version its source; False when it has one already or was replaced meanwhile."""

        source = Source(kind, sha256_hex(data), len(data), libraries)

        def enter(connection: Connection) -> bool:
            return publishing.attach_source(connection, self.limits, record, number, source, self.clock())

        return self._submit(lambda: self._add_to_version(record, (source.digest, data), enter))

    def add_representation(self, record: FigureRecord, number: int, payload: EncodedImage) -> Future[bool]:
        """Give a version one more encoding, behind those it has; False when it has one of this type or is gone."""
        part = payload.to_representation()

        def enter(connection: Connection) -> bool:
            return publishing.add_representation(connection, self.limits, record, number, part, self.clock())

        return self._submit(lambda: self._add_to_version(record, (part.digest, payload.data), enter))

    def change_words(self, record: FigureRecord, title: str, alt: str) -> Future[FigureRecord]:
        def work(connection: Connection) -> FigureRecord:
            newest = figures.find(connection, record.id)
            if newest is None:
                raise NotFound("There is no such figure.")
            now = self.clock()
            publishing.change_words(connection, newest, title, alt, now)
            self._write_manifest(connection, record.id)
            return replace(newest, updated=now, version=replace(newest.version, title=title, alt=alt))

        return self.write(work)

    def delete_figures(self, figure_ids: Sequence[str]) -> Future[int]:
        """Remove figures with their links, for ``keep_deleted`` seconds so that they can come back; how many."""

        def work(connection: Connection) -> int:
            found = [record for record in (figures.find(connection, one) for one in figure_ids) if record is not None]
            for record in found:
                deletion.delete(connection, record, self.trash, self.manifests, self.clock(), self.keep_deleted)
            return len(found)

        return self.write(work)

    def find_deleted(self, figure_id: str) -> FigureRecord | None:
        """The figure as it was when it was deleted, None when it was not or cannot come back any more."""
        manifest = self.trash.find(figure_id, self.clock())
        return manifest.record if manifest else None

    def restore_figure(self, figure_id: str) -> Future[FigureRecord]:
        """Undo a deletion, with versions and links; what hinders it comes from the future (``deleting.undelete``)."""

        def enter(connection: Connection) -> FigureRecord:
            record = deletion.undelete(connection, figure_id, self.trash, self.blobs, self.limits, self.clock())
            self._write_manifest(connection, record.id)
            return record

        def work() -> FigureRecord:
            record = self.catalog.transact(enter)
            self.catalog.transact(lambda _: self.trash.remove(figure_id))
            return record

        return self._submit(work)

    def add_link(self, link: Link) -> Future[None]:
        """Keep a new link; the future raises ``Conflict`` when its target is gone."""

        def work(connection: Connection) -> None:
            link_targets.check_exists(connection, link)
            links.add(connection, link)
            self._write_manifest_of(connection, link.target)

        return self.write(work)

    def change_link(self, link: Link, changes: dict[str, Any]) -> Future[Link]:
        """Change fields of a link; the future raises ``NotFound`` when it has been revoked."""

        def work(connection: Connection) -> Link:
            links.change(connection, link.id, changes)
            self._write_manifest_of(connection, link.target)
            return replace(link, **changes)

        return self.write(work)

    def revoke_link(self, link: Link) -> Future[None]:
        """Remove a link; one that is gone already is no error."""

        def work(connection: Connection) -> None:
            links.remove(connection, link.id)
            self._write_manifest_of(connection, link.target)

        return self.write(work)

    def publish_dashboard(self, identity: Identity, layout: Layout, session: str | None) -> Future[DashboardRecord]:
        """Keep ``layout`` as what the dashboard of this identity shows."""
        return self.write(lambda connection: self.boards.publish(connection, identity, layout, session, self.clock()))

    def delete_dashboard(self, record: DashboardRecord) -> Future[bool]:
        """Remove a dashboard with its links, for ``keep_deleted`` seconds so that it can come back; what it showed
        stays. False when it is gone already."""
        return self.write(lambda connection: self.boards.delete(connection, record, self.clock()))

    def find_deleted_dashboard(self, dashboard_id: str) -> DashboardRecord | None:
        """The dashboard as it was when it was deleted, None when it was not or cannot come back any more."""
        manifest = self.boards.trash.find(dashboard_id, self.clock())
        return manifest.record if manifest else None

    def restore_dashboard(self, dashboard_id: str) -> Future[DashboardRecord]:
        """Undo a deletion, with the links; what hinders it comes from the future (``Boards.undelete``)."""

        def work() -> DashboardRecord:
            record = self.catalog.transact(lambda c: self.boards.undelete(c, dashboard_id, self.clock()))
            self.catalog.transact(lambda _: self.boards.trash.remove(dashboard_id))
            return record

        return self._submit(work)

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

    def flush(self) -> Future[None]:
        """Done when the manifests say what the catalog says of all that was published before."""
        return self._submit(self.catalog.finish_deferred)

    def close(self) -> None:
        self.catalog.close()
        self.figures.close()
        self._putters.shutdown()
        self._lock.release()

    def _publish(self, draft: NewVersion) -> FigureRecord:
        version, held = draft.described(self.clock())
        if version.size > _INLINE_BLOB_BYTES:
            # Else the write lock would be held for long.
            self._put(held)

        def enter(connection: Connection) -> FigureRecord:
            with self._putting(held):
                return publishing.publish(connection, self.limits, draft.identity, draft.origin, version)

        try:
            record = self.catalog.transact(enter)
        except (QuotaExceeded, OSError):
            self._drop_unheld(held)
            raise
        self._schedule_manifest(record.id)
        return record

    def _add_to_version(
        self, record: FigureRecord, blob: tuple[str, bytes], enter: Callable[[Connection], bool]
    ) -> bool:
        """Keep a blob that ``enter`` notes in the catalog, unless it says that there is no place for it any more."""

        def work(connection: Connection) -> bool:
            # Cleaning may have taken the blob between its writing and this transaction, but not after.
            self._put([blob])
            if not enter(connection):
                return False
            self._write_manifest(connection, record.id)
            return True

        self._put([blob])
        is_entered = False
        try:
            is_entered = self.catalog.transact(work)
        finally:
            if not is_entered:
                self._drop_unheld([blob])
        return is_entered

    def _put(self, held: Sequence[tuple[str, bytes]]) -> None:
        for digest, data in held:
            self.blobs.put(digest, data)

    @contextlib.contextmanager
    def _putting(self, held: Sequence[tuple[str, bytes]]) -> Iterator[None]:
        """Write blobs beside what the block does, in its transaction: at its end they are on the disk.

        Cleaning may have taken a blob that was there before the transaction, but cannot take it in between.
        """
        writing = [self._putters.submit(self.blobs.put, digest, data) for digest, data in held]
        try:
            yield
        finally:
            wait(writing)
        for one in writing:
            one.result()

    def _drop_unheld(self, held: Sequence[tuple[str, bytes]]) -> None:
        """What was refused leaves nothing behind."""
        digests = [digest for digest, _ in held]
        self.catalog.transact(
            lambda connection: garbage_collection.delete_unreferenced(connection, self.blobs, digests)
        )

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

    def _schedule_manifest(self, figure_id: str) -> None:
        """After what waits: the catalog has it, and ``restoring.catch_up`` writes what a kill left unwritten."""

        def tell() -> None:
            self._pending_manifests.discard(figure_id)
            self.catalog.transact(lambda connection: self._write_manifest(connection, figure_id))

        if figure_id not in self._pending_manifests:
            self._pending_manifests.add(figure_id)
            self.catalog.defer(tell)

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
