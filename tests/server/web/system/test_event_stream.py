"""Server-Sent Events: the events of an owner's figures, replayed and live, of this process and others."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jupyter_figserve.model.figures import EncodedImage, Identity
from jupyter_figserve.model.keys import split_key
from jupyter_figserve.model.new_version import NewVersion
from jupyter_figserve.server.web.http import sse
from jupyter_figserve.store.admin.opening import open_store
from jupyter_figserve.store.catalog import keys

from .... import contract
from ...conftest import DEADLINE, Client
from ...raw import Connection, connect
from ...sample_images import png


class Stream:
    """An open event stream, read event by event, without its comments."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._text = ""

    async def next(self) -> dict[str, Any] | None:
        """Return the next event's ``id``, ``event`` and ``data``; None at the end of the stream."""
        # Heartbeats alone would keep a test waiting for ever.
        async with asyncio.timeout(DEADLINE):
            return await self._next()

    async def _next(self) -> dict[str, Any] | None:
        while True:
            while "\n\n" not in self._text:
                chunk = await self._connection.receive_chunk()
                if not chunk:
                    return None
                self._text += chunk.decode()
            block, _, self._text = self._text.partition("\n\n")
            fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
            if "data" in fields:
                fields["data"] = json.loads(fields["data"])
                contract.check_schema("Event", fields["data"])
                return fields
            if "retry" in fields:
                return fields


@contextlib.asynccontextmanager
async def listen(client: Client, query: str = "", **headers: str) -> AsyncIterator[Stream]:
    """Open a stream and read its first block, the greeting."""
    async with connect(client.prefix) as connection:
        head = {**client.headers, **{k.replace("_", "-"): v for k, v in headers.items()}}
        await connection.send_head("GET", f"/api/events{query}", head)
        status, answered = await connection.receive_head()
        assert status == 200
        assert answered["Content-Type"] == "text/event-stream; charset=utf-8"
        assert answered["X-Accel-Buffering"] == "no"
        assert answered["Cache-Control"] == "private, no-store"
        stream = Stream(connection)
        greeting = await stream.next()
        assert greeting is not None
        assert greeting["retry"] == "2000"
        yield stream


def draft(name: str, owner: str = "local") -> NewVersion:
    return NewVersion(Identity(owner, "", "", "test", name), (EncodedImage("image/png", png()),))


async def test_changes_of_figures_are_sent(owner):
    """Publishing, changing and deleting, each with the figure's id and name, in order."""
    async with listen(owner) as stream:
        figure = await owner.publish("sales")
        await owner.patch(f"/api/figures/{figure['id']}", {"title": "New"})
        await owner.delete(f"/api/figures/{figure['id']}")
        found = [await stream.next() for _ in range(3)]
    assert [one["event"] for one in found] == ["figure.published", "figure.changed", "figure.deleted"]
    assert {(one["data"]["figure"], one["data"]["name"]) for one in found} == {(figure["id"], "sales")}
    assert sorted(int(one["id"]) for one in found) == [int(one["id"]) for one in found]


async def test_the_same_again_is_no_event(owner):
    """A publish that makes no new version is silent."""
    async with listen(owner) as stream:
        for grey in (0, 0, 1):
            await owner.publish(data=png(grey=grey))
        assert [(await stream.next())["data"]["version"] for _ in range(2)] == [1, 2]


@pytest.mark.parametrize("how", ["header", "query"])
async def test_missed_events_are_replayed(owner, how):
    """After Last-Event-ID or ?since, then the live ones, none twice."""
    async with listen(owner) as stream:
        await owner.publish("one")
        last = (await stream.next())["id"]
    for name in ("two", "three"):
        await owner.publish(name)
    query, headers = (f"?since={last}", {}) if how == "query" else ("", {"Last_Event_ID": last})
    async with listen(owner, query, **headers) as stream:
        await owner.publish("four")
        assert [(await stream.next())["data"]["name"] for _ in range(3)] == ["two", "three", "four"]


async def test_a_new_stream_begins_now(owner):
    """Without an id nothing is replayed, and the greeting has the id to reconnect with."""
    await owner.publish("before")
    async with listen(owner) as stream:
        await owner.publish("after")
        assert (await stream.next())["data"]["name"] == "after"


async def test_header_beats_query(owner):
    """A browser that reconnects sends the header to the same URL."""
    await owner.publish("one")
    async with listen(owner, "?since=0") as stream:
        first = (await stream.next())["id"]
    await owner.publish("two")
    async with listen(owner, "?since=0", Last_Event_ID=first) as stream:
        assert (await stream.next())["data"]["name"] == "two"


async def test_id_of_a_former_catalog_hides_nothing(owner):
    """A client whose last id is in the future gets everything new."""
    async with listen(owner, "?since=1000000") as stream:
        await owner.publish("new")
        assert (await stream.next())["data"]["name"] == "new"


@pytest.mark.parametrize("value", ["x", "-1", "1.5", "9" * 19, "\u0663"])
async def test_malformed_id_is_rejected(owner, value):
    """400 rather than a stream that misses something."""
    assert (await owner.get("/api/events", since=value)).status == 400


async def test_L5_other_owners_events_are_not_seen(owner, context):
    """Neither live nor replayed."""
    await context.store.figures.publish(draft("theirs", "somebody"))
    async with listen(owner, "?since=0") as stream:
        await context.store.figures.publish(draft("theirs too", "somebody"))
        await owner.publish("mine")
        assert (await stream.next())["data"]["name"] == "mine"


async def test_events_of_another_process_arrive(owner, context):
    """Figures that another server publishes to the same data directory are sent."""
    other = open_store(context.store.directory)
    try:
        async with listen(owner) as stream:
            await other.figures.publish(draft("elsewhere"))
            assert (await stream.next())["data"]["name"] == "elsewhere"
    finally:
        other.close()


async def test_L6_stream_ends_when_its_key_is_revoked(stranger, context, make_key, monkeypatch):
    """With the next heartbeat."""
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.05)
    key = await make_key("read")
    async with listen(stranger.with_key(key)) as stream:
        key_id = split_key(key)[0]
        await asyncio.wrap_future(context.store.catalog.write(lambda connection: keys.remove(connection, key_id)))
        assert await stream.next() is None


async def test_stream_ends_when_its_key_expires(stranger, clock, make_key, monkeypatch):
    """With the next heartbeat too."""
    key = await make_key("read", expires=clock.now + 60)
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.05)
    async with listen(stranger.with_key(key)) as stream:
        clock.advance(61)
        assert await stream.next() is None


async def test_streams_end_with_the_server(owner, context):
    """A server that stops does not wait for its streams."""
    async with listen(owner) as stream:
        context.events.close()
        assert await stream.next() is None


async def test_closed_stream_is_forgotten(owner, context):
    """A client that disconnects leaves nothing behind, and no timer runs without streams."""
    async with listen(owner):
        assert len(context.events._subscribers) == 1
    async with asyncio.timeout(DEADLINE):
        while context.events._subscribers:
            await asyncio.sleep(0)
    assert context.events._timer is None


async def test_L1_cross_site_stream_with_a_cookie_is_rejected(browser):
    """Another site's EventSource gets 403, though the browser sends the cookie."""
    for site in ("cross-site", "same-site"):
        answer = await browser.with_headers(Sec_Fetch_Site=site, Sec_Fetch_Mode="cors").get("/api/events")
        assert (answer.status, answer.code) == (403, "cross_site")
    async with listen(browser, Sec_Fetch_Site="same-origin"):
        pass


async def test_navigation_to_a_stream_is_rejected(browser):
    """Unlike an image, a stream is not opened by another site, even by navigation."""
    headers = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert (await browser.with_headers(**headers).get("/api/events")).code == "cross_site"


async def test_events_that_are_not_stored_have_no_id(owner, context):
    """Captured plots, with their URL, and sessions: they are sent live, and not replayed."""
    async with listen(owner) as stream:
        context.events.announce("local", "session.started", {"session": "k", "notebook": None})
        context.events.announce("local", "plot.captured", {"session": "k", "path": "sub/a b.png"})
        context.events.announce("somebody", "plot.captured", {"session": "k", "path": "theirs.png"})
        await owner.publish("one")
        found = [await stream.next() for _ in range(3)]
    assert [one["event"] for one in found] == ["session.started", "plot.captured", "figure.published"]
    assert found[0]["data"] == {"session": "k", "notebook": None}
    assert found[1]["data"]["url"] == f"{owner.prefix}/plots/k/sub/a%20b.png"
    assert ["id" in one for one in found] == [False, False, True]
    async with listen(owner, "?since=0") as stream:
        assert (await stream.next())["event"] == "figure.published"
