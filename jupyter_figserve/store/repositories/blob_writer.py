"""Writes the blobs of a change, and removes them when the change is rejected. Server process, writer's thread."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from sqlalchemy.engine import Connection

from ..files.blobs import BlobStore
from ..lifecycle import garbage_collection

NamedBytes = tuple[str, bytes]
"""A digest and the bytes with this digest."""
_THREADS = 2


class BlobWriter:
    """Stores blobs, also while a transaction runs."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._threads = ThreadPoolExecutor(_THREADS, "figserve-blobs")

    def put(self, blobs: Sequence[NamedBytes]) -> None:
        for digest, data in blobs:
            self._blobs.put(digest, data)

    @contextlib.contextmanager
    def putting(self, blobs: Sequence[NamedBytes]) -> Iterator[None]:
        """Write blobs in threads while the block runs, inside a transaction; they are on the disk when it ends.

        Garbage collection may have removed an existing blob before the transaction, but cannot remove it during it.
        """
        writing = [self._threads.submit(self._blobs.put, digest, data) for digest, data in blobs]
        try:
            yield
        finally:
            wait(writing)
        for one in writing:
            one.result()

    def drop_unreferenced(self, connection: Connection, blobs: Sequence[NamedBytes]) -> None:
        """Remove the blobs of a rejected change to which nothing refers."""
        garbage_collection.delete_unreferenced(connection, self._blobs, [digest for digest, _ in blobs])

    def close(self) -> None:
        self._threads.shutdown()
