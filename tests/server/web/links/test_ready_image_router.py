"""Images of public links that are answered ahead of the handlers: the same answers, and none that is out of date."""

from __future__ import annotations

import asyncio
import logging

import pytest

from ...conftest import DEADLINE
from ...sample_images import png
from .conftest import token_of


@pytest.fixture
def handled(monkeypatch) -> list[str]:
    """The paths that the handler has answered."""
    from jupyter_figserve.server.web.links.public_handler import PublicLinkHandler

    paths: list[str] = []
    get = PublicLinkHandler.get

    async def counted(self, path: str) -> None:
        paths.append(path)
        await get(self, path)

    monkeypatch.setattr(PublicLinkHandler, "get", counted)
    return paths


@pytest.fixture
def make_ready(stranger, publish_and_share, handled):
    """Return a link whose image has been requested once."""

    async def make() -> dict:
        link = await publish_and_share()
        await stranger.get(link["image_url"])
        handled.clear()
        return link

    return make


async def test_the_answer_is_the_handlers(stranger, publish_and_share, handled, caplog):
    """Status, headers, body, and the line of the log."""
    caplog.set_level(logging.INFO)
    link = await publish_and_share()
    first, second = [await stranger.get(link["image_url"]) for _ in range(2)]
    assert len(handled) == 1
    assert (first.status, first.body) == (second.status, second.body) == (200, png())
    assert {**first.headers, "Date": ""} == {**second.headers, "Date": ""}
    lines = [
        record.figserve_access for record in caplog.records if "image" not in record.message and "f/[" in record.message
    ]
    assert [{**line, "ms": 0} for line in lines[:1]] == [{**line, "ms": 0} for line in lines[1:]]


async def test_requests_are_counted(stranger, owner, context, make_ready):
    """As views of the link, and in the metrics."""
    ready = await make_ready()
    await stranger.get(ready["image_url"], {"User-Agent": "another browser"})
    await context.view_counter.flush()
    (listed,) = (await owner.get("/api/links")).json()["links"]
    assert listed["seen"] == 2
    text = context.monitoring.metrics.expose()[0].decode()
    assert 'figserve_requests_total{method="GET",route="/f",status="200"} 2.0' in text


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({"Range": "bytes=0-9"}, {}, 206),
        ({"If-None-Match": "*"}, {}, 304),
        ({"Connection": "close"}, {}, 200),
        ({"Host": "elsewhere.example"}, {}, 403),
        ({}, {"download": 1}, 200),
        ({}, {"token": "x"}, 400),
    ],
)
async def test_other_requests_are_the_handlers(stranger, make_ready, headers, query, status):
    """Whatever may have another answer."""
    ready = await make_ready()
    assert (await stranger.get(ready["image_url"], headers, **query)).status == status
    assert (await stranger.head(ready["image_url"])).body == b""


async def test_a_request_is_one_look_up(stranger, make_ready, context):
    """Of the link and of the bytes, in the metrics too."""
    ready = await make_ready()
    before = context.links.hits, context.blob_cache.hits
    await stranger.get(ready["image_url"])
    assert (context.links.hits, context.blob_cache.hits) == (before[0] + 1, before[1] + 1)


async def test_changes_take_effect_at_once(stranger, owner, make_ready, handled):
    """A new version, a pause and a revocation."""
    ready = await make_ready()
    (figure,) = (await owner.get("/api/figures")).json()["figures"]
    assert (await stranger.get(ready["image_url"])).body == png()
    await owner.publish(figure["name"], png(7))
    assert (await stranger.get(ready["image_url"])).body == png(7)
    for paused, status in ((True, 404), (False, 200)):
        await owner.patch(f"/api/links/{ready['id']}", {"paused": paused})
        assert (await stranger.get(ready["image_url"])).status == status
    await owner.delete(f"/api/links/{ready['id']}")
    assert (await stranger.get(ready["image_url"])).status == 404


async def test_the_end_of_the_link_shortens_the_cache(stranger, publish_and_share, clock):
    """Its last minute says for how long caches may keep the image."""
    link = await publish_and_share(expires="1h")
    ages = []
    for seconds in (0, 3_500, 60):
        clock.advance(seconds)
        ages.append((await stranger.get(link["image_url"])).headers["Cache-Control"])
    assert ages == ["public, max-age=60", "public, max-age=60", "public, max-age=40"]


@pytest.mark.parametrize("fields", [{"views": 9}, {"audience": "me"}])
async def test_limited_links_are_the_handlers(owner, publish_and_share, context, fields):
    """Each request for them is checked."""
    link = await publish_and_share(**fields)
    assert (await owner.get(link["image_url"])).status == 200
    assert context.ready_images.find(f"/a%40b/figserve/f/{token_of(link)}.png", context.links, 0.0) is None


async def test_an_address_without_a_suffix_is_the_handlers(stranger, make_ready):
    """What it shows depends on the formats that are accepted."""
    ready = await make_ready()
    for accept, kind in (("image/png", "image/png"), ("text/html", "text/html; charset=utf-8")) * 2:
        assert (await stranger.get(ready["url"], {"Accept": accept})).headers["Content-Type"] == kind


async def test_a_link_revoked_before_the_turn_is_not_found(stranger, owner, make_ready, context, monkeypatch):
    """The link is looked up again when it is the visitor's turn."""
    ready = await make_ready()
    turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asked = asyncio.Event()

    def request(address: str) -> asyncio.Future[None]:
        asked.set()
        return turn

    monkeypatch.setattr(context.traffic.visitor_turns, "request", request)
    waiting = asyncio.ensure_future(stranger.get(ready["image_url"]))
    await asyncio.wait_for(asked.wait(), DEADLINE)
    monkeypatch.undo()
    await owner.delete(f"/api/links/{ready['id']}")
    turn.set_result(None)
    assert (await waiting).status == 404
