"""Live figures: their permanent identity, stored images and detached functions. Server process."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy.engine import Connection

from ...model.detached import KIND, DetachedFunction
from ...model.figures import EncodedImage, Identity, Source, sha256_hex
from ...model.live import LiveDeclaration, LiveFigureRecord
from ...model.live_images import LiveImage
from ...model.quotas import PublishLimits
from ...model.times import Clock
from ..catalog import detached, live_figures
from ..catalog.database import Catalog
from ..catalog.dialects import lock_owners
from ..files.blobs import BlobStore
from ..files.manifest_formats import LiveFigureManifest
from ..lifecycle.deletion import Deletion
from ..lifecycle.live_figures import LiveFigureAggregate
from ..lifecycle.trash import TrashEntry
from .blob_writer import BlobWriter
from .repository import Repository


class LiveFigureRepository(Repository):
    """Finds, records, deletes and restores live figures, and keeps their images and detached functions."""

    def __init__(
        self,
        catalog: Catalog,
        blobs: BlobStore,
        blob_writer: BlobWriter,
        aggregate: LiveFigureAggregate,
        deletion: Deletion[LiveFigureManifest],
        limits: PublishLimits,
        clock: Clock,
    ) -> None:
        super().__init__(catalog)
        self._blobs = blobs
        self._blob_writer = blob_writer
        self._aggregate = aggregate
        self._deletion = deletion
        self._limits = limits
        self._clock = clock

    async def find(self, live_id: str) -> LiveFigureRecord | None:
        return await self._read(live_figures.find, live_id)

    async def find_in_session(self, session: str, name: str) -> LiveFigureRecord | None:
        """Return the live figure that a session offers, or offered, under this name."""
        return await self._read(live_figures.find_in_session, session, name)

    async def list(self, owner: str, limit: int = 1_000) -> Sequence[LiveFigureRecord]:
        """Return an owner's live figures, latest offer first."""
        return await self._read(live_figures.list_for_owner, owner, limit)

    async def record_offers(
        self, session: str, offers: Mapping[Identity, LiveDeclaration]
    ) -> tuple[dict[Identity, LiveFigureRecord], set[str]]:
        """Record the live figures that a kernel offers, or offers with a new declaration.

        Returns
        -------
        dict
            Their records. One that was deleted as it is declared here stays deleted; its record is that of the trash.
        set of str
            Ids of the deleted ones.
        """
        now = self._clock()
        deleted: set[str] = set()

        def record(connection: Connection, identity: Identity, declaration: LiveDeclaration) -> LiveFigureRecord:
            if live_figures.find_by_identity(connection, identity) is None:
                for manifest in self._deletion.trash.find_by_identity(connection, identity, now):
                    if manifest.record.declaration.revision == declaration.revision:
                        deleted.add(manifest.record.id)
                        return manifest.record
            return live_figures.upsert(connection, identity, session, declaration, now)

        def change(connection: Connection) -> dict[Identity, LiveFigureRecord]:
            deleted.clear()
            # A deletion that is under way ends first: it decides whether they stay deleted.
            lock_owners(connection, *{identity.owner for identity in offers})
            return {identity: record(connection, identity, declaration) for identity, declaration in offers.items()}

        records = await self._write(change)
        # Not awaited: the next start writes the manifests that a kill leaves unwritten.
        written = [record.id for record in records.values() if record.id not in deleted]
        self._write_later(self._write_manifests, written)
        return records, deleted

    async def delete(self, record: LiveFigureRecord) -> bool:
        """Remove a live figure with its links and detached function, so that it can be restored for ``keep_deleted``
        seconds.

        Returns False when it is gone already.
        """
        return await self._run(lambda: self._deletion.delete(self._catalog, [record.id], self._clock())) == 1

    async def find_deleted(self, live_id: str) -> LiveFigureRecord | None:
        """Return the live figure as it was when it was deleted, None when none can be restored."""
        manifest = await self._read(self._deletion.trash.find, live_id, self._clock())
        return manifest.record if manifest else None

    async def find_deleted_in_session(self, session: str, name: str) -> LiveFigureRecord | None:
        """Return the deleted live figure that a session offered under this name, None when none can be restored."""
        live_id = await self._read(live_figures.find_offered_id, session, name)
        return await self.find_deleted(live_id) if live_id else None

    async def list_deleted(self, owner: str, limit: int) -> Sequence[TrashEntry[LiveFigureManifest]]:
        """Return the owner's deletions that can be undone, the newest first."""
        return await self._read(self._deletion.trash.list, self._clock(), owner, limit)

    async def restore(self, live_id: str) -> LiveFigureRecord:
        """Undo a deletion, with links and detached function; a live figure that exists is left alone.

        Raises
        ------
        NotFound
            When there is nothing to undo, or it is too late.
        Conflict
            When another live figure has taken its name.
        QuotaExceeded
            When there is no room for its detached function.
        """
        manifest = await self._read(self._deletion.trash.find, live_id, self._clock())
        digests = {manifest.detached.source.digest} if manifest and manifest.detached else set()
        missing = await asyncio.to_thread(self._blobs.find_missing, digests)
        restored = await self._run(lambda: self._deletion.undo(self._catalog, live_id, self._clock(), missing))
        return restored.record

    async def find_image(self, live_id: str, key: str) -> LiveImage | None:
        """Return the metadata of the image that answers a request, if one is stored."""
        return await self._read(live_figures.find_image, live_id, key)

    async def find_detached_ids(self, owner: str) -> set[str]:
        """Return the ids of an owner's live figures that are detached."""
        return await self._read(detached.find_ids, owner)

    async def find_images(self, keys: Collection[tuple[str, str]]) -> dict[str, LiveImage]:
        """Return a stored image of each live figure by its id, for ids with the key of a request."""
        return await self._read(live_figures.find_images, keys)

    async def keep_images(self, images: Sequence[tuple[LiveImage, EncodedImage]]) -> None:
        """Store images; the newest few of each live figure stay, and all frozen ones."""

        def change(connection: Connection) -> None:
            for image, _ in images:
                live_figures.keep_image(connection, image, self._clock())

        assert all(image.digest == sha256_hex(encoded.data) for image, encoded in images)
        blobs = [(image.digest, encoded.data) for image, encoded in images]
        await self._blob_writer.run_after(blobs, lambda: self._catalog.transact(change))

    async def find_detached(self, live_id: str) -> DetachedFunction | None:
        return await self._read(detached.find, live_id)

    async def list_detached(self, session: str | None = None) -> Sequence[LiveFigureRecord]:
        """Return detached live figures, latest first; of one session, or of all for None."""
        return await self._read(detached.list_records, session)

    async def attach_function(
        self, record: LiveFigureRecord, declaration: LiveDeclaration, data: bytes, libraries: Mapping[str, str]
    ) -> DetachedFunction:
        """Store a detached function, replacing an earlier one.

        Raises
        ------
        QuotaExceeded
            When the owner has no room for it; the earlier one stays.
        """
        source = Source(KIND, sha256_hex(data), len(data), dict(libraries))
        function = DetachedFunction(record.id, source, declaration)

        def change(connection: Connection) -> None:
            detached.put(connection, self._limits, record, function, self._clock())
            self._aggregate.write_manifest(connection, record.id)

        await self._blob_writer.run_after([(source.digest, data)], lambda: self._catalog.transact(change))
        return function

    async def remove_function(self, record: LiveFigureRecord) -> bool:
        """Remove the detached function; return False when there is none."""

        def change(connection: Connection) -> bool:
            is_removed = detached.remove(connection, record, self._clock())
            self._aggregate.write_manifest(connection, record.id)
            return is_removed

        return await self._write(change)

    def _write_manifests(self, connection: Connection, live_ids: Sequence[str]) -> None:
        for live_id in live_ids:
            self._aggregate.write_manifest(connection, live_id)
