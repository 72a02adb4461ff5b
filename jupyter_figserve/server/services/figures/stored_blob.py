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

    async def read(self) -> bytes:
        return await self.cache.get(self.digest)

    async def check_readable(self) -> None:
        """Raise ``Unavailable`` where the blob cannot be read at the moment; keep it in memory if it is small."""
        await (self.read() if self.is_cacheable else self.read_range(0, 1))

    async def read_range(self, start: int, end: int) -> bytes:
        """Return the bytes from ``start`` up to ``end``."""
        return await self.cache.read_range(self.digest, start, end)
