"""Figures: queries, and changes to what is published. Server process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy.engine import Connection

from ...errors import NotFound
from ...model.figures import CellCode, EncodedImage, FigureRecord, Source, Version, sha256_hex
from ...model.new_version import NewVersion
from ...model.queries import DEFAULT_LIMIT, Collection, FigureQuery, Neighbour
from ...model.quotas import PublishLimits, Usage
from ...model.source_check import SourceCheck
from ...model.times import Clock
from ..catalog import figures, publishing, quotas, tables, version_parts
from ..catalog.database import Catalog
from ..catalog.dialects import lock_owner_of
from ..files.blobs import BlobStore
from ..files.manifest_formats import FigureManifest
from ..lifecycle.deletion import Deletion
from ..lifecycle.figures import FigureAggregate
from ..lifecycle.trash import TrashEntry
from .blob_writer import BlobWriter, NamedBytes
from .repository import Repository


class FigureRepository(Repository):
    """Finds, lists, publishes, changes, deletes and restores figures."""

    def __init__(
        self,
        catalog: Catalog,
        blobs: BlobStore,
        blob_writer: BlobWriter,
        aggregate: FigureAggregate,
        deletion: Deletion[FigureManifest],
        limits: PublishLimits,
        clock: Clock,
    ) -> None:
        super().__init__(catalog)
        self.limits = limits
        self._blobs = blobs
        self._blob_writer = blob_writer
        self._aggregate = aggregate
        self._deletion = deletion
        self._clock = clock
        self._pending_manifests: set[str] = set()

    async def find(self, figure_id: str, version: int | None = None) -> FigureRecord | None:
        """Return the figure with its newest version, or with the one given."""
        return await self._read(figures.find, figure_id, version)

    async def get(self, figure_id: str, version: int | None = None) -> FigureRecord:
        """Return the figure with its newest version, or with the one given.

        Raises
        ------
        NotFound
            When there is no figure of this id, or no such version of it.
        """
        record = await self.find(figure_id, version)
        if record is None:
            raise NotFound("There is no such figure." if version is None else f"There is no version {version} of it.")
        return record

    async def list_versions(self, figure_id: str) -> Sequence[Version]:
        """Return all kept versions, newest first."""
        return await self._read(figures.list_versions, figure_id)

    async def list_page(
        self, query: FigureQuery, limit: int = DEFAULT_LIMIT, cursor: str | None = None
    ) -> tuple[Sequence[FigureRecord], str | None]:
        """Return one page of figures, newest first, and the cursor of the next (None at the end).

        A query that no index serves runs in another thread.

        Raises
        ------
        InvalidInput
            When the cursor is not valid.
        """
        read = self._read_in_thread if query.is_slow else self._read
        return await read(figures.list_page, query, limit, cursor)

    async def list_ids(self, query: FigureQuery) -> Sequence[str]:
        return await self._read(figures.list_ids, query)

    async def find_neighbours(self, record: FigureRecord) -> tuple[Neighbour | None, Neighbour | None]:
        """Return the next newer and the next older figure of its owner."""
        return await self._read(figures.find_neighbours, record)

    async def list_collections(self, owner: str, limit: int) -> Sequence[Collection]:
        """Return collections in the order of their names, with their counts of figures."""
        return await self._read(figures.list_collections, owner, limit)

    async def count_in_notebook(self, owner: str, scope: str, notebook: str) -> int:
        """Count the figures of a notebook, up to a thousand."""
        return await self._read(figures.count_in_notebook, owner, scope, notebook)

    async def count_in_notebooks(self, owner: str, notebooks: Sequence[tuple[str, str]]) -> Sequence[int]:
        """Count the figures of each notebook, which is named by its scope and path, up to a thousand."""
        return await self._read(figures.count_in_notebooks, owner, notebooks)

    async def measure(
        self, query: FigureQuery, after: str | None = None, limit: int = 2_000
    ) -> tuple[Usage, str | None]:
        """Count figures and the bytes of their newest versions.

        Parameters
        ----------
        after
            Measure ``limit`` figures after this id (``""`` for the first ones), so that a million of them block nobody;
            the second value is then where to continue, None at the end. None measures all at once.
        """
        return await self._read(figures.measure, query, after, limit)

    async def find_usage(self, owner: str) -> Usage:
        """Return an owner's usage, which counts against the quota."""
        return await self._read(quotas.read, "owner", owner)

    async def publish(self, draft: NewVersion) -> FigureRecord:
        """Make ``draft`` the newest version of its figure.

        Raises
        ------
        QuotaExceeded
            When there is no room for it; nothing has changed.
        """
        self._catalog.check_writable()
        version, blobs = draft.to_version(self._clock())
        if not self._blob_writer.is_quick(blobs):
            # Before they are stored, which may take long; the transaction checks again.
            await self._read(publishing.check_room, self.limits, draft, version)
        return await self._blob_writer.run_with(blobs, lambda finish: self._publish(draft, version, finish))

    async def attach_source(
        self,
        record: FigureRecord,
        number: int,
        kind: str,
        data: bytes,
        libraries: dict[str, str],
        *,
        replaces: bool = False,
    ) -> bool:
        """Add the source to a version; return False when it has one already, unless ``replaces``, or is gone."""
        source = Source(kind, sha256_hex(data), len(data), libraries)

        def insert(connection: Connection) -> bool:
            return version_parts.attach_source(
                connection, self.limits, record, number, source, self._clock(), replaces=replaces
            )

        return await self._extend_version(record, (source.digest, data), insert)

    async def attach_code(self, record: FigureRecord, number: int, text: str) -> bool:
        """Add the code of its cell to a version; return False when it has one already or is gone."""
        data = text.encode("utf-8", "replace")
        code = CellCode(sha256_hex(data), len(data))

        def insert(connection: Connection) -> bool:
            return version_parts.attach_code(connection, self.limits, record, number, code, self._clock())

        return await self._extend_version(record, (code.digest, data), insert)

    async def add_representation(self, record: FigureRecord, number: int, image: EncodedImage) -> bool:
        """Append an encoding to a version; return False when it has one of this type and width, or is gone."""
        part = image.to_representation()

        def insert(connection: Connection) -> bool:
            return version_parts.add_representation(connection, self.limits, record, number, part, self._clock())

        return await self._extend_version(record, (part.digest, image.data), insert)

    async def record_source_problem(self, record: FigureRecord, number: int, reason: str) -> None:
        """Record why a version has no source, unless it has one by now."""

        def change(connection: Connection) -> None:
            version_parts.record_source_problem(connection, record.id, number, reason)
            self._aggregate.write_manifest(connection, record.id)

        await self._write(change)

    async def record_source_check(self, record: FigureRecord, check: SourceCheck) -> None:
        """Record whether the source of a record's version could be rendered; manifests leave it out."""
        await self._write(version_parts.record_source_check, record.id, record.version, check)

    async def change_text(
        self, record: FigureRecord, title: str | None = None, alt: str | None = None, caption: str | None = None
    ) -> FigureRecord:
        """Replace title, alternative text and caption of the newest version; None leaves one as it is.

        Raises
        ------
        NotFound
            When the figure is gone.
        """
        given = {"title": title, "alt": alt, "caption": caption}
        changes = {name: text for name, text in given.items() if text is not None}
        return await self._write(self._change_text, record.id, changes)

    async def delete(self, figure_ids: Sequence[str]) -> int:
        """Remove figures with their links, so that they can be restored for ``keep_deleted`` seconds; return how many
        there were."""
        return await self._run(lambda: self._deletion.delete(self._catalog, figure_ids, self._clock()))

    async def find_deleted(self, figure_id: str) -> FigureRecord | None:
        """Return the figure as it was when it was deleted, None when none can be restored."""
        manifest = await self._read(self._deletion.trash.find, figure_id, self._clock())
        return manifest.record if manifest else None

    async def list_deleted(self, owner: str, limit: int) -> Sequence[TrashEntry[FigureManifest]]:
        """Return the owner's deletions that can be undone, the newest first."""
        return await self._read(self._deletion.trash.list, self._clock(), owner, limit)

    async def restore(self, figure_id: str) -> FigureRecord:
        """Undo a deletion, with versions and links; a figure that exists is left alone.

        Raises
        ------
        NotFound
            When there is nothing to undo, or it is too late.
        Conflict
            When another figure has taken its name.
        QuotaExceeded
            When there is no room for it.
        """
        deleted = await self._read(self._deletion.trash.find, figure_id, self._clock())
        parts = [part for version in deleted.versions for part in version.representations] if deleted else []
        missing = await asyncio.to_thread(self._blobs.find_missing, {part.digest for part in parts})
        manifest = await self._run(lambda: self._deletion.undo(self._catalog, figure_id, self._clock(), missing))
        return manifest.record

    def _publish(self, draft: NewVersion, version: Version, finish_blobs: Callable[[], None]) -> FigureRecord:
        """Add a version whose blobs are being stored, and see to its manifest; called from the writer's thread."""

        def insert(connection: Connection) -> FigureRecord:
            record = publishing.publish(connection, self.limits, draft, replace(version, created=self._clock()))
            if self._aggregate.is_queued:
                self._aggregate.write_manifest(connection, record.id)
            finish_blobs()
            return record

        record = self._catalog.transact(insert)
        if not self._aggregate.is_queued:
            self._defer_manifest(record.id)
        return record

    async def _extend_version(
        self, record: FigureRecord, blob: NamedBytes, insert: Callable[[Connection], bool]
    ) -> bool:
        """Store a blob that ``insert`` adds to the catalog, unless it returns False."""

        def change(connection: Connection, finish_blob: Callable[[], None]) -> None:
            if not insert(connection):
                raise _NotInserted
            finish_blob()
            self._aggregate.write_manifest(connection, record.id)

        try:
            await self._blob_writer.run_with([blob], lambda finish: self._catalog.transact(change, finish))
        except _NotInserted:
            return False
        return True

    def _change_text(self, connection: Connection, figure_id: str, changes: dict[str, str]) -> FigureRecord:
        lock_owner_of(connection, tables.figures, figure_id)
        newest = figures.find(connection, figure_id)
        if newest is None:
            raise NotFound("There is no such figure.")
        now = self._clock()
        version = newest.version
        text = {"title": version.title, "alt": version.alt, "caption": version.caption} | changes
        publishing.change_text(connection, newest, text, now)
        self._aggregate.write_manifest(connection, figure_id)
        title, alt, caption = text.values()
        return replace(newest, updated=now, version=replace(version, title=title, alt=alt, caption=caption))

    def _defer_manifest(self, figure_id: str) -> None:
        """Write a manifest when no other work waits; a kill before then leaves it to ``Aggregate.catch_up``."""

        def write() -> None:
            self._pending_manifests.discard(figure_id)
            self._catalog.transact(self._aggregate.write_manifest, figure_id)

        if figure_id not in self._pending_manifests:
            self._pending_manifests.add(figure_id)
            self._catalog.defer(write)


class _NotInserted(Exception):
    """Nothing was added, so that the blob is removed again."""
