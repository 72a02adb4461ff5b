"""The cache of blobs: what it keeps, evicts and reads from the disk."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

import pytest

from jupyter_figserve.errors import Unavailable
from jupyter_figserve.model.figures import sha256_hex
from jupyter_figserve.store.files.blob_cache import BlobCache

from ...memory_blobs import MemoryBlobStore
from ..making import run


class FakeBlobs(MemoryBlobStore):
    """Blobs in memory that count the reads of each; they wait while ``held_up`` is a list."""

    def __init__(self, *blobs: bytes) -> None:
        super().__init__()
        self.held = {sha256_hex(data): data for data in blobs}
        self.reads: list[str] = []
        self.held_up: list[Future[bytes | None]] | None = None

    def start_find(self, digest: str, start: int = 0, end: int | None = None) -> Future[bytes | None]:
        self.reads.append(digest)
        if self.held_up is None:
            return super().start_find(digest, start, end)
        self.held_up.append(Future())
        return self.held_up[-1]


def get(cache: BlobCache, data: bytes) -> bytes:
    return run(cache.get(sha256_hex(data)))


def test_blob_is_read_once():
    """Later reads come from the cache."""
    blobs = FakeBlobs(b"a" * 10)
    cache = BlobCache(blobs, 1000)
    assert {get(cache, b"a" * 10) for _ in range(3)} == {b"a" * 10}
    assert len(blobs.reads) == 1


def test_least_recently_used_blobs_are_evicted():
    """The total size stays within the limit."""
    parts = [bytes([n]) * 100 for n in range(9)]
    blobs = FakeBlobs(*parts)
    cache = BlobCache(blobs, 800)
    for part in parts[:8]:
        get(cache, part)
    get(cache, parts[0])
    get(cache, parts[8])
    blobs.reads.clear()
    for part in (parts[0], parts[8], parts[1]):
        get(cache, part)
    assert blobs.reads == [sha256_hex(parts[1])]


def test_large_blob_is_not_cached():
    """It would evict all others."""
    blobs = FakeBlobs(b"a" * 200)
    cache = BlobCache(blobs, 800)
    for _ in range(2):
        get(cache, b"a" * 200)
    assert len(blobs.reads) == 2


def test_limit_of_zero_disables_the_cache():
    """With ``cache_bytes = 0`` each is read from the disk."""
    blobs = FakeBlobs(b"a")
    cache = BlobCache(blobs, 0)
    for _ in range(2):
        assert get(cache, b"a") == b"a"
    assert len(blobs.reads) == 2


def test_missing_blob_is_an_error():
    """Its absence is not cached."""
    blobs = FakeBlobs()
    cache = BlobCache(blobs, 800)
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            get(cache, b"a")
    assert caught.value.code == "blob_missing"
    assert len(blobs.reads) == 2


def test_concurrent_calls_read_once():
    """A client that goes away does not end the reading for the others."""
    blobs = FakeBlobs(b"a")
    blobs.held_up = []
    cache = BlobCache(blobs, 800)

    async def read() -> list[bytes]:
        first, *others = (asyncio.ensure_future(cache.get(sha256_hex(b"a"))) for _ in range(3))
        await asyncio.sleep(0)
        first.cancel()
        for _ in range(3):
            await asyncio.sleep(0)
        for one in blobs.held_up or ():
            one.set_result(b"a")
        return await asyncio.gather(*others)

    assert run(read()) == [b"a", b"a"]
    assert len(blobs.reads) == 1


def test_failed_read_is_tried_again():
    """The failure is everybody's who waited for it, and nobody's afterwards."""
    blobs = FakeBlobs(b"a")
    blobs.held_up = []
    cache = BlobCache(blobs, 800)

    async def read() -> bytes:
        reading = asyncio.ensure_future(cache.get(sha256_hex(b"a")))
        for _ in range(3):
            await asyncio.sleep(0)
        assert blobs.held_up
        blobs.held_up[0].set_exception(Unavailable("down"))
        with pytest.raises(Unavailable, match="down"):
            await reading
        blobs.held_up = None
        return await cache.get(sha256_hex(b"a"))

    assert run(read()) == b"a"
