"""The stale-if-error cache: the newest image of each request, bounded in memory, and on disk before the end."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest
from tornado.ioloop import IOLoop

from jupyter_figserve.errors import QuotaExceeded
from jupyter_figserve.model.figures import EncodedImage
from jupyter_figserve.model.live import LiveRequest
from jupyter_figserve.model.live_images import MAX_LIVE_IMAGES
from jupyter_figserve.server.services.live import image_cache
from jupyter_figserve.server.services.live.image_cache import CachedImage, StaleImageCache

from ....waiting import PATIENCE, until
from ...making import offer_live


def make_image(data: bytes = b"image", **fields: object) -> CachedImage:
    return CachedImage(EncodedImage("image/png", data, 3, 2, 100.0), "A bear", "r", "v", **fields)


def request(name: str = "k", **fields: object) -> LiveRequest:
    return LiveRequest({"name": name}, **fields)


ENTRY_BYTES = image_cache._ENTRY_BYTES


@pytest.fixture(autouse=True)
def _count_bytes_alone(monkeypatch):
    """Limits of these tests are those of the images' bytes."""
    monkeypatch.setattr(image_cache, "_ENTRY_BYTES", 0)


@pytest.fixture
def images(context) -> StaleImageCache:
    return StaleImageCache(context.store, 20)


async def test_newest_image_of_a_request_is_kept(images, clock):
    """With its time, and with the version that it shows."""
    images.put("a", request(), make_image(b"old"))
    clock.advance(5)
    put = images.put("a", request(), make_image(b"new"))
    found = images.find_in_memory("a", request().key)
    assert found is put
    assert (found.content.data, found.rendered, found.version) == (b"new", clock(), "v")
    assert images.find_in_memory("a", request("other").key) is None
    clock.advance(5)
    assert images.refresh(found).rendered == images.find_in_memory("a", request().key).rendered == clock()
    await images.flush()


async def test_memory_is_bounded(images):
    """The least recently used go first; an image that is too large is not kept at all."""

    def kept(names: str) -> list[bool]:
        return [images.find_in_memory("x", request(name).key) is not None for name in names]

    for name in "abc":
        images.put("x", request(name), make_image(b"1234567"))
    assert kept("abc") == [False, True, True]
    assert kept("b") == [True]
    images.put("x", request("d"), make_image(b"1234567"))
    assert kept("bcd") == [True, False, True]
    images.put("x", request("e"), make_image(b"1" * 21))
    assert kept("e") == [False]
    await images.flush()


async def test_memory_of_tiny_images_is_bounded(context, monkeypatch):
    """A visitor who asks for data of one byte with ever other parameters takes no more memory than others."""
    monkeypatch.setattr(image_cache, "_ENTRY_BYTES", ENTRY_BYTES)
    monkeypatch.setattr(image_cache, "_MAX_UNWRITTEN", 20_000)
    images = StaleImageCache(context.store, 20_000)
    tracemalloc.start()
    try:
        for number in range(1_000):
            images.put("x", request(str(number)), make_image(b"1"))
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0 < len(images._in_memory) == len(images._unwritten) < 20
    assert used < 3 * 20_000
    await images.flush()


async def test_flushed_images_are_found_by_another_server(images, context):
    """Those dropped from memory too; without a revision, so that they are only ever served as stale."""
    live_id = await offer_live(context)
    images.put(live_id, request("large"), make_image(b"1" * 21))
    images.put(live_id, request(), make_image())
    await images.flush()
    other = StaleImageCache(context.store, 20)
    assert other.find_in_memory(live_id, request().key) is None
    found = await other.find(live_id, request().key)
    assert (found.content.data, found.alt, found.revision, found.version) == (b"image", "A bear", "", None)
    assert (await other.find(live_id, request("large").key)).content.data == b"1" * 21
    assert (await other.find(live_id, "none")) is None


async def test_last_image_is_on_disk_at_once(images, context, monkeypatch):
    """A server that is killed has it in its next life; of many images, the newest is written."""
    live_id = await offer_live(context)
    written = asyncio.Event()
    keep, store = context.store.live.keep_images, []

    async def note(rows: list) -> None:
        await keep(rows)
        store.append(len(rows))
        written.set()

    monkeypatch.setattr(context.store.live, "keep_images", note)
    monkeypatch.setattr(image_cache, "_FLUSH_SECONDS", 2 * PATIENCE)
    for number in range(3):
        images.put(live_id, request(), make_image(b"%d" % number))
    await until(written.is_set)
    assert (await StaleImageCache(context.store, 20).find(live_id, request().key)).content.data == b"2"
    images.put(live_id, request("later"), make_image())
    assert images._timer is not None
    await images.flush()
    assert store == [1, 1]


async def test_writes_are_few_and_slow(images, context, clock, monkeypatch):
    """Visitors choose what is drawn: only what the store keeps is written, and large images follow after a pause."""
    live_id = await offer_live(context)
    written: list[bytes] = []

    async def note(rows: list) -> None:
        written.extend(content.data for _, content in rows)

    monkeypatch.setattr(context.store.live, "keep_images", note)
    monkeypatch.setattr(image_cache, "_WRITE_RATE", 10)
    for number in range(MAX_LIVE_IMAGES + 5):
        clock.advance(1)
        images.put(live_id, request(str(number)), make_image(b"%04d" % number))
    before = IOLoop.current().time()
    images._on_timer()
    assert images._next_write >= before + (MAX_LIVE_IMAGES + 5) * 4 / 10
    await images.flush()
    assert written == [b"%04d" % number for number in range(5, MAX_LIVE_IMAGES + 5)]


async def test_images_that_wait_are_bounded(context, clock, monkeypatch):
    """By their bytes; those that have waited longest are only in memory, and a larger one always is."""
    monkeypatch.setattr(image_cache, "_MAX_UNWRITTEN", 10)
    images, live_id = StaleImageCache(context.store, 100), await offer_live(context)
    for data in (b"aaaaaa", b"bbbbbb", b"c" * 11):
        clock.advance(1)
        images.put(live_id, request(data.decode()), make_image(data))
    assert [one.content.data for one in images._unwritten.values()] == [b"bbbbbb"]
    await images.flush()
    assert images.find_in_memory(live_id, request("aaaaaa").key) is not None


async def test_disk_that_is_full_disturbs_no_call(images, context, monkeypatch, caplog):
    """The image stays in memory, and one line of the log says why it is not stored."""
    live_id = await offer_live(context)

    async def fail(_rows: object) -> None:
        raise QuotaExceeded("The server's disk is full.")

    monkeypatch.setattr(context.store.live, "keep_images", fail)
    caplog.set_level("WARNING", "jupyter_figserve")
    for _ in range(2):
        images.put(live_id, request(), make_image())
        await images.flush()
    assert images.find_in_memory(live_id, request().key) is not None
    assert [one.getMessage() for one in caplog.records if one.name == "jupyter_figserve"] == [
        "The last images of live figures cannot be stored: The server's disk is full."
    ]


async def test_frozen_images_stay(images, context, clock):
    """However many are rendered after them; of others only the newest stay."""
    live_id = await offer_live(context)
    await images.freeze([images.put(live_id, request("frozen"), make_image(b"frozen"))])
    for number in range(MAX_LIVE_IMAGES + 2):
        clock.advance(1)
        images.put(live_id, request(str(number)), make_image(b"%d" % number))
    await images.flush()
    other = StaleImageCache(context.store, 20)
    assert (await other.find(live_id, request("frozen").key)).content.data == b"frozen"
    assert [(await other.find(live_id, request(name).key)) is not None for name in ("0", "1", "2")] == [
        False,
        False,
        True,
    ]


async def test_an_image_for_other_screens_is_better_than_none(images, context):
    """In memory and on disk; each knows its CSS size."""
    live_id, usual, hidpi = await offer_live(context), request(), request(device_pixel_ratio=2)
    assert (await images.find_last(live_id, hidpi)) is None
    content = EncodedImage("image/png", b"hidpi", 6, 4)
    images.put(live_id, hidpi, CachedImage(content, device_pixel_ratio=2))
    await images.flush()
    for cache in (images, StaleImageCache(context.store, 20)):
        found = await cache.find_last(live_id, usual)
        assert (found.content.data, found.device_pixel_ratio, found.size) == (b"hidpi", 2, (3, 2))
    images.put(live_id, usual, make_image(b"usual"))
    assert (await images.find_last(live_id, usual)).content.data == b"usual"
    assert (await images.find_last(live_id, hidpi)).content.data == b"hidpi"
    await images.flush()


async def test_image_without_its_blob_is_not_found(images, context):
    """Its row alone is not enough."""
    live_id = await offer_live(context)
    image = images.put(live_id, request(), make_image())
    # Nothing else may write it again.
    await images.flush()
    await images.freeze([image])
    row = await context.store.live.find_image(live_id, request().key)
    await asyncio.to_thread(context.store.blobs.delete, row.digest)
    assert (await StaleImageCache(context.store, 20).find(live_id, request().key)) is None
    await images.flush()
