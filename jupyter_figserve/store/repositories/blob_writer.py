"""Writes the blobs of a change before its transaction, and removes them when it is rejected. Server process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence

from ...errors import FigServeError
from ...model.times import Clock
from ..call_observer import BLOB_WRITE
from ..catalog import references
from ..catalog.database import Catalog
from ..files.blobs import BlobStore
from ..lifecycle import garbage_collection
from .repository import Repository, translate_os_error

NamedBytes = tuple[str, bytes]
"""A digest and the bytes with this digest."""


class BlobWriter(Repository):
    """Stores blobs outside of every transaction, where a slow disk or bucket holds up nobody else.

    Garbage collection leaves a new blob alone for a while. One that existed without a reference may be about to be
    removed, so its row is touched, which excludes garbage collection, and then it is put once more.

    Parameters
    ----------
    check
        Raises while nothing can be stored yet.
    """

    def __init__(self, catalog: Catalog, blobs: BlobStore, clock: Clock, check: Callable[[], None]) -> None:
        super().__init__(catalog)
        self._blobs = blobs
        self._clock = clock
        self._check = check

    @contextlib.asynccontextmanager
    async def stored(self, blobs: Sequence[NamedBytes]) -> AsyncGenerator[None]:
        """Store blobs, then run the block, which refers to them in a transaction; when it fails, remove the new ones.

        Raises
        ------
        ReadOnly
            When the catalog cannot be written.
        QuotaExceeded
            When the disk is full.
        Unavailable
            When the blobs cannot be stored.
        """
        self._catalog.check_writable()
        self._check()
        new: list[str] = []
        try:
            existing = await self._put(blobs, new)
            if existing:
                await self._put(await self._touch(existing), new)
            yield
        except BaseException:
            await self._drop(new)
            raise

    async def _put(self, blobs: Sequence[NamedBytes], new: list[str]) -> list[NamedBytes]:
        """Store blobs at the same time; add the digests of new ones to ``new``, and return those that existed."""
        putting = [self._catalog.calls.watch(BLOB_WRITE, self._blobs.start_put(digest, data)) for digest, data in blobs]
        results = await asyncio.gather(*putting, return_exceptions=True)
        new += [digest for (digest, _), result in zip(blobs, results, strict=True) if result is True]
        for result in results:
            if isinstance(result, OSError):
                raise translate_os_error(result) from result
            if isinstance(result, BaseException):
                raise result
        return [blob for blob, result in zip(blobs, results, strict=True) if not result]

    async def _touch(self, blobs: Sequence[NamedBytes]) -> list[NamedBytes]:
        """Touch the rows of those to which nothing refers, and return them."""
        sizes = {digest: len(data) for digest, data in blobs}
        touched = await self._write(references.touch_unreferenced, sizes, self._clock())
        return [blob for blob in blobs if blob[0] in touched]

    async def _drop(self, digests: Sequence[str]) -> None:
        """Remove blobs to which nothing refers; what cannot be removed is left to garbage collection."""
        if digests:
            with contextlib.suppress(FigServeError):
                await self._write(garbage_collection.delete_unreferenced, self._blobs, digests)
