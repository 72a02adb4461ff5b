"""A stored blob as the body of a response. Server process."""

from __future__ import annotations

from dataclasses import dataclass

from ....store.files.blob_cache import BlobCache


@dataclass(frozen=True)
class StoredBlob:
    """A blob that has not been read yet."""

    cache: BlobCache
    digest: str
    size: int

    @property
    def is_cacheable(self) -> bool:
        """Whether it is small enough to be kept in memory."""
        return self.cache.is_cacheable(self.size)

    def read(self) -> bytes:
        return self.cache.get(self.digest)

    async def read_range(self, start: int, end: int) -> bytes:
        """Return the bytes from ``start`` up to ``end``, read in a thread."""
        return await self.cache.read_range(self.digest, start, end)
