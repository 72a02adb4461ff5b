"""The cache of blobs: what it keeps, evicts and reads from the disk."""

from __future__ import annotations

import pytest

from jupyter_figserve.errors import Unavailable
from jupyter_figserve.model.figures import sha256_hex
from jupyter_figserve.store.files.blob_cache import BlobCache


class FakeBlobs:
    """Blobs in memory that count the reads of each."""

    def __init__(self, *blobs: bytes) -> None:
        self.blobs = {sha256_hex(data): data for data in blobs}
        self.reads: list[str] = []

    def find(self, digest: str) -> bytes | None:
        self.reads.append(digest)
        return self.blobs.get(digest)


def test_blob_is_read_once():
    """Later reads come from the cache."""
    blobs = FakeBlobs(b"a" * 10)
    cache = BlobCache(blobs, 1000)
    assert {cache.get(sha256_hex(b"a" * 10)) for _ in range(3)} == {b"a" * 10}
    assert len(blobs.reads) == 1


def test_least_recently_used_blobs_are_evicted():
    """The total size stays within the limit."""
    parts = [bytes([n]) * 100 for n in range(9)]
    blobs = FakeBlobs(*parts)
    cache = BlobCache(blobs, 800)
    for part in parts[:8]:
        cache.get(sha256_hex(part))
    cache.get(sha256_hex(parts[0]))
    cache.get(sha256_hex(parts[8]))
    blobs.reads.clear()
    for part in (parts[0], parts[8], parts[1]):
        cache.get(sha256_hex(part))
    assert blobs.reads == [sha256_hex(parts[1])]


def test_large_blob_is_not_cached():
    """It would evict all others."""
    blobs = FakeBlobs(b"a" * 200)
    cache = BlobCache(blobs, 800)
    for _ in range(2):
        cache.get(sha256_hex(b"a" * 200))
    assert len(blobs.reads) == 2


def test_limit_of_zero_disables_the_cache():
    """With ``cache_bytes = 0`` each is read from the disk."""
    blobs = FakeBlobs(b"a")
    cache = BlobCache(blobs, 0)
    for _ in range(2):
        assert cache.get(sha256_hex(b"a")) == b"a"
    assert len(blobs.reads) == 2


def test_missing_blob_is_an_error():
    """Its absence is not cached."""
    blobs = FakeBlobs()
    cache = BlobCache(blobs, 800)
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            cache.get(sha256_hex(b"a"))
    assert caught.value.code == "blob_missing"
    assert len(blobs.reads) == 2
