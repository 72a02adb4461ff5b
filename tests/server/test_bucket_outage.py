"""A server whose images are in a bucket that stops: what is in memory stays, all else is 503, and nothing restarts."""

from __future__ import annotations

import asyncio
import random
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from ..conftest import require_package
from ..store.buckets import credentials
from .conftest import DEADLINE
from .sample_images import png

BUCKET = "s3://figures"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    """Moto's server, which keeps its objects when it is stopped and started again on its port."""
    requests = require_package("requests")
    moto = require_package("moto.server")
    server = moto.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    server._port = port
    requests.put(f"http://127.0.0.1:{port}/figures", timeout=10).raise_for_status()
    yield server
    server.stop()


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    """A prefix for each test: the images of one belong to its catalog."""
    return f"{BUCKET}/{request.node.name}"


@pytest.fixture
def figserve_config(bucket, url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    for name, value in credentials(bucket._port).items():
        monkeypatch.setenv(name, value)
    return {"blob_url": url, "blob_timeout": 10.0, "cache_bytes": 256 * 1024}


def large() -> bytes:
    """A PNG that is not kept in memory, and sent in several pieces."""
    rows = b"".join(b"\0" + random.Random(row).randbytes(1_000) for row in range(700))
    head = struct.pack(">IIBBBBB", 1_000, 700, 8, 0, 0, 0, 0)
    return PNG_SIGNATURE + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b"")


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


async def test_images_from_the_bucket(owner, stranger):
    """Ranges, HEAD, ETags and downloads, of small images and of those that are streamed."""
    for name, data in (("small", png()), ("large", large())):
        figure = await owner.publish(name, data)
        address = (await owner.share(figure))["image_url"]
        whole = await stranger.get(address)
        assert (whole.status, whole.body == data) == (200, True)
        part = await stranger.get(address, headers={"Range": "bytes=10-400009"})
        assert (part.status, part.body == data[10:400_010]) == (206, True)
        tag = whole.headers["ETag"]
        assert (await stranger.get(address, headers={"If-None-Match": tag})).status == 304
        saved = await stranger.get(f"{address}?download=1")
        assert (saved.body == data, saved.headers["Content-Disposition"].partition(";")[0]) == (True, "attachment")


async def test_outage(bucket, url, owner, stranger, caplog):
    """The whole of it: before, during and after."""
    kept, other = await owner.publish("kept", png(grey=1)), await owner.publish("other", png(grey=2))
    streamed = await owner.publish("streamed", large())
    used, unused, once = (
        await owner.share(kept),
        await owner.share(other),
        await owner.share(other, views=1),
    )
    assert (await stranger.get(used["image_url"])).status == 200
    status = (await owner.get("/api/status")).json()["blobs"]
    assert (status["kind"], status["name"], status["milliseconds"] > 0) == ("s3", url, True)
    assert "blobs" not in (await stranger.get("/api/status")).json()

    bucket.stop()
    assert (await stranger.get(used["image_url"])).status == 200
    for answer in (
        await stranger.get(unused["image_url"]),
        await stranger.get(once["image_url"]),
        await owner.get(f"/figures/{streamed['id']}.png"),
        await owner.ask("POST", "/api/figures", png(grey=3), {"Content-Type": "image/png"}, name="new"),
    ):
        assert (answer.status, answer.code) == (503, "blob_store_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
    changed = await owner.patch(f"/api/figures/{kept['id']}", {"title": "New"})
    assert (changed.status, changed.json()["title"]) == (200, "New")
    assert (await owner.get("/api/status")).json()["blobs"]["milliseconds"] is None
    assert (await owner.get("/api/diagnosis")).json()["blobs"]["milliseconds"] is None

    bucket.start()
    assert (await stranger.get(unused["image_url"])).status == 200
    assert (await stranger.get(once["image_url"])).status == 200, "a refused request uses up no view"
    assert (await stranger.with_headers(User_Agent="another").get(once["image_url"])).status == 404
    assert (await owner.publish("new", png(grey=3)))["version"] == 1


class TestLateBucket:
    """The bucket is down when the server starts."""

    @pytest.fixture
    def figserve_config(self, bucket, figserve_config) -> dict[str, object]:
        bucket.stop()
        return {**figserve_config, "blob_timeout": 1.0}

    async def test_late_bucket(self, bucket, owner, stranger):
        """What needs no image works; then all does, without a restart, and manifests are written."""
        post = ("POST", "/api/figures", png(grey=9), {"Content-Type": "image/png"})
        answer = await owner.ask(*post, name="late")
        assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "blob_store_unavailable", "5")
        assert (await owner.get("/api/figures")).json()["figures"] == []
        assert (await stranger.get("/api/health/ready")).status == 503
        bucket.start()
        async with asyncio.timeout(DEADLINE):
            while (await stranger.get("/api/health/ready")).status != 200:
                await asyncio.sleep(0.05)
        link = await owner.share(await owner.publish("late", png(grey=9)))
        assert (await stranger.get(link["image_url"])).body == png(grey=9)
