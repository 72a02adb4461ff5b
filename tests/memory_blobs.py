"""Blobs in memory, for tests that need no disk."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import Future
from typing import TypeVar

from jupyter_figserve.store.files.blobs import SHARDS, BlobStore

T = TypeVar("T")
_WRITTEN = 0.0
"""When all of them were written."""


class MemoryBlobStore(BlobStore):
    """A dictionary."""

    location = "memory"

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def start_put(self, digest: str, data: bytes) -> Future[bool]:
        is_new = digest not in self.held
        self.held.setdefault(digest, data)
        return _done(is_new)

    def start_find(self, digest: str, start: int = 0, end: int | None = None) -> Future[bytes | None]:
        data = self.held.get(digest)
        return _done(None if data is None else data[start:end])

    def find_missing(self, digests: Collection[str]) -> set[str]:
        return set(digests) - set(self.held)

    def delete(self, *digests: str) -> None:
        for digest in digests:
            self.held.pop(digest, None)

    def delete_old(self, digests: Collection[str], before: float) -> None:
        if before > _WRITTEN:
            self.delete(*digests)

    def list_shard(self, shard: int) -> Iterator[tuple[str, float]]:
        return iter([(digest, _WRITTEN) for digest in list(self.held) if int(digest[:2], 16) == shard % SHARDS])

    def prepare(self) -> None:
        """Do nothing: a dictionary needs nothing."""

    def close(self) -> None:
        """Do nothing: there are no threads."""


def _done(result: T) -> Future[T]:
    """Return a future that has a result."""
    future: Future[T] = Future()
    future.set_result(result)
    return future
