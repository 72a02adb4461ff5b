"""Blobs in a bucket. Server process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator
from concurrent.futures import Future
from typing import TypeVar

from ...model.figures import DIGEST
from .blobs import SHARDS, BlobStore
from .object_storage import ObjectStorage

T = TypeVar("T")
_AT_ONCE = 16
_PREFIX = "blobs"
CLAIM = "catalog.json"
"""Object that says which catalog the blobs belong to."""


class RemoteBlobStore(BlobStore):
    """Objects ``blobs/ab/abcd…``, each created once: two servers that put the same one do not disturb each other."""

    def __init__(self, objects: ObjectStorage) -> None:
        self._objects = objects
        self.location = objects.url

    def start_put(self, digest: str, data: bytes) -> Future[bool]:
        return self._objects.start(self._objects.create(_key(digest), data))

    def start_find(self, digest: str, start: int = 0, end: int | None = None) -> Future[bytes | None]:
        return self._objects.start(self._objects.get(_key(digest), start, end))

    def find_missing(self, digests: Collection[str]) -> set[str]:
        written = self._objects.run(self._for_each(self._objects.find_written, digests))
        return {digest for digest, moment in written.items() if moment is None}

    def delete(self, *digests: str) -> None:
        if digests:
            self._objects.run(self._objects.delete([_key(digest) for digest in digests]))

    def delete_old(self, digests: Collection[str], before: float) -> None:
        written = self._objects.run(self._for_each(self._objects.find_written, digests))
        self.delete(*(digest for digest, moment in written.items() if moment is not None and moment < before))

    def list_shard(self, shard: int) -> Iterator[tuple[str, float]]:
        return self._list(f"{_PREFIX}/{shard % SHARDS:02x}")

    def list_digests(self) -> Iterator[str]:
        return (digest for digest, _ in self._list(_PREFIX))

    def prepare(self) -> None:
        self._objects.run(self._objects.check())

    def read_claim(self) -> bytes | None:
        """Return what says which catalog the blobs belong to, None where nothing does."""
        return self._objects.run(self._objects.get(CLAIM))

    def add_claim(self, claim: bytes) -> bool:
        """Say which catalog the blobs belong to; return False where something does already."""
        return self._objects.run(self._objects.create(CLAIM, claim))

    def replace_claim(self, claim: bytes) -> None:
        self._objects.run(self._objects.put(CLAIM, claim))

    def close(self) -> None:
        self._objects.close()

    def _list(self, prefix: str) -> Iterator[tuple[str, float]]:
        for key, written in self._objects.list(prefix):
            digest = key.rpartition("/")[2]
            if DIGEST.fullmatch(digest):
                yield digest, written

    async def _for_each(self, ask: Callable[[str], Awaitable[T]], digests: Collection[str]) -> dict[str, T]:
        """Ask the bucket about each blob, about several at a time."""
        slots = asyncio.Semaphore(_AT_ONCE)

        async def ask_in_turn(digest: str) -> T:
            async with slots:
                return await ask(_key(digest))

        unique = list(dict.fromkeys(digests))
        found = await asyncio.gather(*map(ask_in_turn, unique), return_exceptions=True)
        answers = {}
        for digest, one in zip(unique, found, strict=True):
            if isinstance(one, BaseException):
                raise one
            answers[digest] = one
        return answers


def _key(digest: str) -> str:
    assert DIGEST.fullmatch(digest), digest
    return f"{_PREFIX}/{digest[:2]}/{digest}"
