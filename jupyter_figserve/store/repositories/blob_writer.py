"""Writes the blobs of a change, and removes them when the change is refused. Server process, writer's thread."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from sqlalchemy.engine import Connection

from ..files.blobs import BlobStore
from ..lifecycle import garbage_collection

NamedBytes = tuple[str, bytes]
"""A digest and the bytes that it names."""
_THREADS = 2


class BlobWriter:
    """Puts blobs, also while a transaction runs."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._threads = ThreadPoolExecutor(_THREADS, "figserve-blobs")

    def put(self, held: Sequence[NamedBytes]) -> None:
        for digest, data in held:
            self._blobs.put(digest, data)

    @contextlib.contextmanager
    def putting(self, held: Sequence[NamedBytes]) -> Iterator[None]:
        """Write blobs in threads while the block runs, inside a transaction; they are on the disk when it ends.

        Garbage collection may have taken an existing blob before the transaction, but cannot take it during it.
        """
        writing = [self._threads.submit(self._blobs.put, digest, data) for digest, data in held]
        try:
            yield
        finally:
            wait(writing)
        for one in writing:
            one.result()

    def drop_unreferenced(self, connection: Connection, held: Sequence[NamedBytes]) -> None:
        """Remove those of a refused change that nothing refers to."""
        garbage_collection.delete_unreferenced(connection, self._blobs, [digest for digest, _ in held])

    def close(self) -> None:
        self._threads.shutdown()
