"""The last good pictures: the newest of each request, within bytes, and on the disk before the end."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from jupyter_figserve.model.figures import EncodedImage
from jupyter_figserve.model.live import LiveRequest
from jupyter_figserve.server.services.live.image_cache import CachedImage, StaleImageCache
from jupyter_figserve.store.catalog import live_figures

from ...making import offer_live


def picture(live_id: str, key: str = "k", data: bytes = b"picture", drawn: float = 1.0) -> CachedImage:
    return CachedImage(live_id, key, EncodedImage("image/png", data, 3, 2, 100.0), drawn, "A bear", "r", "v")


@pytest.fixture
def pictures(context) -> StaleImageCache:
    return StaleImageCache(context.store, 20)


async def test_newest_of_a_request_is_held(pictures):
    """In the place of the one before, with what it was drawn by."""
    pictures.keep(picture("a", data=b"old"))
    pictures.keep(picture("a", data=b"new", drawn=2.0))
    held = pictures.find_held("a", "k")
    assert (held.payload.data, held.drawn, held.version) == (b"new", 2.0, "v")
    assert pictures.find_held("a", "other") is None
    assert pictures.refresh(held, 9.0).drawn == pictures.find_held("a", "k").drawn == 9.0
    await pictures.flush()


async def test_memory_has_a_bound(pictures):
    """Those that were asked for longest ago go first; one that is too large is not held at all."""
    for key in "abc":
        pictures.keep(picture("x", key, b"1234567"))
    assert [pictures.find_held("x", key) is not None for key in "abc"] == [False, True, True]
    assert pictures.find_held("x", "b")
    pictures.keep(picture("x", "d", b"1234567"))
    assert [pictures.find_held("x", key) is not None for key in "bcd"] == [True, False, True]
    pictures.keep(picture("x", "e", b"1" * 21))
    assert pictures.find_held("x", "e") is None
    await pictures.flush()


async def test_flush_writes_what_another_server_finds(pictures, context):
    """Also what memory has dropped; without what it was drawn by, so that it is only ever a stale one."""
    live_id = await offer_live(context)
    pictures.keep(picture(live_id, "large", b"1" * 21))
    pictures.keep(picture(live_id))
    await pictures.flush()
    other = StaleImageCache(context.store, 20)
    assert other.find_held(live_id, "k") is None
    found = await other.find(live_id, "k")
    assert (found.payload.data, found.alt, found.revision, found.version) == (b"picture", "A bear", "", None)
    assert (await other.find(live_id, "large")).payload.data == b"1" * 21
    assert (await other.find(live_id, "none")) is None


async def test_frozen_stay(pictures, context):
    """Whatever is drawn after them, which is more than stays of others."""
    live_id = await offer_live(context)
    await pictures.freeze([picture(live_id, "frozen", b"frozen", drawn=0.0)])
    for n in range(live_figures.KEPT_PICTURES + 2):
        pictures.keep(picture(live_id, str(n), b"%d" % n, drawn=1.0 + n))
    await pictures.flush()
    other = StaleImageCache(context.store, 20)
    assert (await other.find(live_id, "frozen")).payload.data == b"frozen"
    assert [(await other.find(live_id, key)) is not None for key in ("0", "1", "2")] == [False, False, True]


async def test_another_density_is_better_than_none(pictures, context):
    """In memory and from the disk; each knows its size on a page."""
    live_id, usual, dense = await offer_live(context), LiveRequest({}, "png"), LiveRequest({}, "png", density=2)
    assert (await pictures.find_last(live_id, dense)) is None
    payload = EncodedImage("image/png", b"dense", 6, 4)
    pictures.keep(replace(picture(live_id, dense.key), payload=payload, density=2))
    await pictures.flush()
    for held in (pictures, StaleImageCache(context.store, 20)):
        found = await held.find_last(live_id, usual)
        assert (found.payload.data, found.density, found.size) == (b"dense", 2, (3, 2))
    pictures.keep(picture(live_id, usual.key, b"usual"))
    assert (await pictures.find_last(live_id, usual)).payload.data == b"usual"
    assert (await pictures.find_last(live_id, dense)).payload.data == b"dense"
    await pictures.flush()


async def test_lost_blob_is_no_picture(pictures, context):
    """A row alone is nothing to show."""
    live_id = await offer_live(context)
    await pictures.freeze([picture(live_id)])
    row = live_figures.find_picture(context.store.catalog.reader, live_id, "k")
    await asyncio.to_thread(context.store.blobs.delete, row.digest)
    assert (await StaleImageCache(context.store, 20).find(live_id, "k")) is None
