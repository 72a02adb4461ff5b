"""Live figures: their permanent identity, stored images and detached functions. Server process."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy.engine import Connection

from ...model.detached import KIND, Detached
from ...model.figures import EncodedImage, Identity, Source, sha256_hex
from ...model.live import LiveDeclaration, LiveFigureRecord
from ...model.live_images import LiveImage
from ...model.quotas import PublishLimits
from ...model.times import Clock
from ..catalog import detached, gallery_queries, live_figures
from ..catalog.database import Catalog
from ..lifecycle.live_figures import LiveFigureAggregate
from .blob_writer import BlobWriter
from .repository import Repository


class LiveFigureRepository(Repository):
    """Finds and records live figures, and keeps their images and detached functions."""

    def __init__(
        self,
        catalog: Catalog,
        blob_writer: BlobWriter,
        aggregate: LiveFigureAggregate,
        limits: PublishLimits,
        clock: Clock,
    ) -> None:
        super().__init__(catalog)
        self._blob_writer = blob_writer
        self._aggregate = aggregate
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
    ) -> dict[Identity, LiveFigureRecord]:
        """Record the live figures that a kernel offers, or offers with a new declaration."""
        now = self._clock()

        def change(connection: Connection) -> dict[Identity, LiveFigureRecord]:
            return {
                identity: live_figures.upsert(connection, identity, session, declaration, now)
                for identity, declaration in offers.items()
            }

        records = await self._write(change)
        # Not awaited: the next start writes the manifests that a kill leaves unwritten.
        self._write_later(self._write_manifests, [record.id for record in records.values()])
        return records

    async def find_image(self, live_id: str, key: str) -> LiveImage | None:
        """Return the metadata of the image that answers a request, if one is stored."""
        return await self._read(live_figures.find_image, live_id, key)

    async def find_detached_ids(self, owner: str) -> set[str]:
        """Return the ids of an owner's live figures that are detached."""
        return await self._read(gallery_queries.find_detached, owner)

    async def find_images(self, keys: Collection[tuple[str, str]]) -> dict[str, LiveImage]:
        """Return a stored image of each live figure by its id, for ids with the key of a request."""
        return await self._read(gallery_queries.find_live_images, keys)

    async def keep_images(self, images: Sequence[tuple[LiveImage, EncodedImage]]) -> None:
        """Store images; the newest few of each live figure stay, and all frozen ones."""

        def change(connection: Connection) -> None:
            for image, _ in images:
                live_figures.keep_image(connection, image)

        assert all(image.digest == sha256_hex(encoded.data) for image, encoded in images)
        async with self._blob_writer.stored([(image.digest, encoded.data) for image, encoded in images]):
            await self._write(change)

    async def find_detached(self, live_id: str) -> Detached | None:
        return await self._read(detached.find, live_id)

    async def list_detached(self, session: str | None = None) -> Sequence[LiveFigureRecord]:
        """Return detached live figures, latest first; of one session, or of all for None."""
        return await self._read(detached.list_records, session)

    async def attach_function(
        self, record: LiveFigureRecord, declaration: LiveDeclaration, data: bytes, libraries: Mapping[str, str]
    ) -> Detached:
        """Store a detached function, replacing an earlier one.

        Raises
        ------
        QuotaExceeded
            When the owner has no room for it; the earlier one stays.
        """
        source = Source(KIND, sha256_hex(data), len(data), dict(libraries))
        function = Detached(record.id, source, declaration)

        def change(connection: Connection) -> None:
            detached.put(connection, self._limits, record, function, self._clock())
            self._aggregate.write_manifest(connection, record.id)

        async with self._blob_writer.stored([(source.digest, data)]):
            await self._write(change)
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
