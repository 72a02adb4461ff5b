"""In-memory cache of small blobs, and the way to read the others. Server process, its event loop."""

from __future__ import annotations

import asyncio

from cachetools import LRUCache

from ...errors import Unavailable
from ..call_observer import BLOB_READ, CallObserver
from .blobs import BlobStore


class BlobCache:
    """Least recently used cache of blobs; they never change, so it is never stale.

    Parameters
    ----------
    limit
        Maximum total size in bytes; a blob larger than an eighth of it is not cached.
    """

    def __init__(self, blobs: BlobStore, limit: int) -> None:
        self._blobs = blobs
        self._cached: LRUCache[str, bytes] = LRUCache(limit, getsizeof=len)
        self._reading: dict[str, asyncio.Future[bytes]] = {}
        self.hits = self.misses = 0
        self.calls = CallObserver()

    async def get(self, digest: str) -> bytes:
        """Return the bytes; concurrent calls for the same ones read them once.

        Raises
        ------
        Unavailable
            When the catalog names a blob that is missing: it was lost, or another process is deleting it. Or when the
            store of the blobs does not answer.
        """
        cached = self._cached.get(digest)
        if cached is not None:
            self.hits += 1
            return cached
        self.misses += 1
        if digest not in self._reading:
            self._reading[digest] = reading = asyncio.ensure_future(self._read(digest))
            reading.add_done_callback(lambda _: self._reading.pop(digest))
        # A client that goes away must not end the reading for the others.
        return await asyncio.shield(self._reading[digest])

    def peek(self, digest: str) -> bytes | None:
        """Return the bytes if they are in memory."""
        cached = self._cached.get(digest)
        if cached is not None:
            self.hits += 1
        return cached

    async def _read(self, digest: str) -> bytes:
        data = _found(await self.calls.watch(BLOB_READ, self._blobs.start_find(digest)))
        if self.is_cacheable(len(data)):
            self._cached[digest] = data
        return data

    def is_cacheable(self, size: int) -> bool:
        """Whether a blob of this size is kept in memory."""
        return size <= self._cached.maxsize // 8

    async def read_range(self, digest: str, start: int, end: int) -> bytes:
        """Return the bytes from ``start`` up to ``end``.

        Raises
        ------
        Unavailable
            When the blob is missing, or its store does not answer.
        """
        return _found(await self.calls.watch(BLOB_READ, self._blobs.start_find(digest, start, end)))


def _found(data: bytes | None) -> bytes:
    if data is None:
        raise Unavailable("The figure's bytes are missing from the store; publish it again.", code="blob_missing")
    return data
