"""In-memory cache of small blobs. Server process."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from ...errors import Unavailable
from .blobs import BlobStore

if TYPE_CHECKING:
    pass


class BlobCache:
    """The newest read blobs in memory; they never change, so nothing can be stale.

    Parameters
    ----------
    limit
        Bytes in all; a blob of more than an eighth of it is not kept.
    """

    def __init__(self, blobs: BlobStore, limit: int) -> None:
        self._blobs = blobs
        self._limit = limit
        self._size = 0
        self._held: OrderedDict[str, bytes] = OrderedDict()

    def get(self, digest: str) -> bytes:
        """The bytes.

        Raises
        ------
        Unavailable
            When the catalog names a blob that is not there (another process is just deleting it, or it was lost).
        """
        held = self._held.get(digest)
        if held is not None:
            self._held.move_to_end(digest)
            return held
        data = self._blobs.find(digest)
        if data is None:
            raise Unavailable("The figure's bytes are missing from the store; publish it again.", code="blob_missing")
        if len(data) <= self._limit // 8:
            self._held[digest] = data
            self._size += len(data)
            while self._size > self._limit:
                self._size -= len(self._held.popitem(last=False)[1])
        return data
