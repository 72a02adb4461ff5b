"""Refreshes, progress and data through the server, with an agent that is driven by hand."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from functools import partial

from tornado.httpclient import HTTPRequest

from jupyter_figserve.model.parameter import Parameter
from jupyter_figserve.model.parameters import Parameters

from ...sample_images import png
from .conftest import HELLO, frame

CACHED = {**HELLO, "cache": 600}


@asynccontextmanager
async def listening(http, url: str, event: str):
    """Open an event stream; yields a function that returns the first blocks with this event."""
    received: list[str] = []
    arrived = asyncio.Event()

    def take(piece: bytes) -> None:
        received.append(piece.decode())
        arrived.set()

    stream = asyncio.ensure_future(
        http.fetch(HTTPRequest(url, streaming_callback=take, request_timeout=0), raise_error=False)
    )
    await asyncio.wait_for(arrived.wait(), 20)

    async def read_event() -> str:
        while f"event: {event}" not in "".join(received):
            arrived.clear()
            await asyncio.wait_for(arrived.wait(), 20)
        return "".join(received)

    yield read_event
    stream.cancel()


async def ask(connection, get, path: str, body: bytes, **head):
    """Request an image, answer the call of the kernel, and return call and response."""
    asking = asyncio.ensure_future(get(path))
    call = await connection.receive()
    await connection.answer(call, body, **head)
    return call, await asking


async def test_refresh_makes_cached_images_old(dial, owner):
    """The next request calls the kernel again, without the version of the old image."""
    versioned = {**CACHED, "is_versioned": True, "version": "1"}
    async with dial() as connection:
        await connection.offer(versioned)
        _, first = await ask(connection, owner.get, "/live/k1/animal.png", png(grey=1), version="1", revision="r")
        assert (await owner.get("/live/k1/animal.png")).headers["Cache-Status"] == "figserve; hit"
        etag = {"If-None-Match": first.headers["ETag"]}
        assert (await owner.get("/live/k1/animal.png", etag)).status == 304
        await connection.offer({**versioned, "refreshed": "x"})
        asking = asyncio.ensure_future(owner.get("/live/k1/animal.png", etag))
        call = await connection.receive()
        assert call["known"] == []
        await connection.answer(call, png(grey=2), version="1", revision="r")
        answer = await asking
    assert (answer.status, answer.body) == (200, png(grey=2))


async def test_refresh_is_not_a_change(dial, owner, context):
    """It reaches streams as an event, and writes nothing to the catalog."""
    kinds: list[str] = []

    async def on_event(event) -> None:
        kinds.append(event.kind)

    async def on_commit() -> None:
        """Nothing to do."""

    async with dial() as connection:
        await connection.offer(HELLO)
        before = await context.store.data_version()
        stop = await context.events.listen(on_event, on_commit)
        await connection.offer({**HELLO, "refreshed": "x"})
        await connection.offer({**HELLO, "refreshed": "x"})
        assert await context.store.data_version() == before
        stop()
    assert kinds == ["live.refreshed"]


async def test_links_follow_refreshes_and_progress(dial, owner, http):
    """Their stream has the event without the kernel's id, and the numbers of a call that the link allows."""
    async with dial() as connection:
        live_id = (await connection.offer(HELLO))["animal"]["id"]
        link = (await owner.post(f"/api/live/{live_id}/links")).json()
        async with listening(http, f"{link['url']}/events", "live") as read_event:
            await connection.offer({**HELLO, "refreshed": "x"})
            text = await read_event()
            assert 'data: {"state": "refreshed"}' in text
            assert "k1" not in text
        async with listening(http, f"{link['url']}/events", "progress") as read_event:
            asking = asyncio.ensure_future(owner.get("/live/k1/animal.png"))
            call = await connection.receive()
            for done, total in (("x", 2), (3, 2), (-1, 2), (1, float("inf"))):
                await connection.send(frame({"op": "progress", "rid": call["rid"], "done": done, "total": total}))
            await connection.send(frame({"op": "progress", "rid": call["rid"], "done": 1, "total": 4}))
            assert 'event: progress\ndata: {"done": 1.0, "total": 4.0}' in await read_event()
            await connection.answer(call, png())
            assert (await asking).status == 200


async def test_links_to_dashboards_follow_their_own_calls_alone(dial, owner, http):
    """A visitor learns nothing of calls with values that the link or the dashboard does not allow."""
    numbers = Parameters(tuple(Parameter(name, "int", default=1) for name in ("free", "locked", "fixed"))).as_json()
    async with dial() as connection:
        live_id = (await connection.offer({**HELLO, "parameters": numbers}))["animal"]["id"]
        panel = {"kind": "live", "live": live_id, "values": {"fixed": 5}}
        board = (await owner.post("/api/dashboards", {"name": "board", "title": "Board", "rows": [[panel]]})).json()
        body = {"allow": ["free"], "lock": {"locked": 7}}
        link = (await owner.post(f"/api/dashboards/{board['id']}/links", body)).json()
        done, others = 0, ("locked=8&fixed=5", "locked=7&fixed=1", "fixed=5", "free=2")
        async with listening(http, f"{link['url']}/events", "progress") as read_event:
            for query in (*others, "free=3&locked=7&fixed=5"):
                done += 1
                asking = asyncio.ensure_future(owner.get(f"/live/k1/animal.png?{query}"))
                call = await connection.receive()
                await connection.send(frame({"op": "progress", "rid": call["rid"], "done": done, "total": 9}))
                await connection.answer(call, png())
                assert (await asking).status == 200
            assert re.findall('"done": ([0-9])', await read_event()) == [str(done)]


async def test_data_has_a_status_of_its_own(dial, owner, stranger):
    """An error's body is sent as it is, and is neither cached nor conditional; nosniff is always there."""
    body, json = b'{"error": "y is 0"}', {"mimetype": "application/json", "revision": "r"}
    async with dial() as connection:
        live_id = (await connection.offer(CACHED))["animal"]["id"]
        link = (await owner.post(f"/api/live/{live_id}/links")).json()
        for get, url in ((owner.get, "/live/k1/animal.json"), (stranger.get, f"{link['url']}.json")):
            _, answer = await ask(connection, get, url, body, **json, status=422)
            assert (answer.status, answer.body, answer.headers["Cache-Control"]) == (422, body, "no-store")
            assert "ETag" not in answer.headers
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        _, good = await ask(connection, owner.get, "/live/k1/animal.json", b"[1]", **json)
        assert (good.status, good.body, good.headers["Cache-Status"]) == (200, b"[1]", "figserve; fwd=miss")
        shared = await stranger.get(f"{link['url']}.json")
        assert (shared.status, shared.body, shared.headers["Access-Control-Allow-Origin"]) == (200, b"[1]", "*")
        again = await owner.get("/live/k1/animal.json", {"If-None-Match": good.headers["ETag"]})
        assert again.status == 304
        assert (await owner.get("/live/k1/animal.json?_record=1")).json()["form"] == "data"
        for wrong in (301, 204, "422", True, 1000):
            _, answer = await ask(
                connection, owner.get, "/live/k1/animal.csv", b"a\n", mimetype="text/csv", status=wrong
            )
            assert (answer.status, answer.code) == (422, "output_invalid")


async def test_accept_chooses_among_what_the_function_gives(dial, owner, stranger):
    """Without a suffix, for its owner and by a link: CSV before anything is known, and JSON then; else the page."""
    csv, json = {"Accept": "text/csv"}, {"Accept": "application/json;q=0.9, image/png;q=0.8"}
    async with dial() as connection:
        live_id = (await connection.offer(HELLO))["animal"]["id"]
        link = (await owner.post(f"/api/live/{live_id}/links")).json()
        for get, url in (
            (owner.get, "/live/k1/animal"),
            (owner.get, f"/live/f/{live_id}"),
            (stranger.get, link["url"]),
        ):
            _, answer = await ask(connection, partial(get, headers=csv), url, b"a\n", mimetype="text/csv")
            assert (answer.status, answer.mimetype, answer.body) == (200, "text/csv", b"a\n")
            _, answer = await ask(connection, partial(get, headers=json), url, b"[1]", mimetype="application/json")
            assert (answer.status, answer.mimetype, answer.headers["Vary"]) == (200, "application/json", "Accept")
            assert (await get(url, {"Accept": "text/html, */*;q=0.8"})).mimetype == "text/html"


async def test_accept_of_what_the_function_does_not_give(dial, owner):
    """A figure has no CSV, which the error says, rather than a page."""
    async with dial() as connection:
        await connection.offer(HELLO)
        _, answer = await ask(connection, owner.get, "/live/k1/animal.png", png())
        assert answer.status == 200
        error = {"type": "UnsupportedType", "code": "not_data", "message": "It returns a figure."}
        get = partial(owner.get, headers={"Accept": "text/csv"})
        _, answer = await ask(connection, get, "/live/k1/animal", b"", error=error)
        assert (answer.status, answer.code) == (415, "not_data")


async def test_record_where_there_is_no_data(dial, owner):
    """A function that returns a figure is called once to find that out."""
    async with dial() as connection:
        await connection.offer(HELLO)
        error = {"type": "UnsupportedType", "code": "not_data", "message": "It returns a figure."}
        _, answer = await ask(connection, owner.get, "/live/k1/animal.json", b"", error=error)
        assert (answer.status, answer.json()["name"], answer.json()["form"]) == (200, "animal", None)
        assert (await owner.get("/live/k1/animal.json")).json()["name"] == "animal"


async def test_kernel_knows_the_limit(dial, owner, context):
    """So that it answers instead of having its connection closed."""
    async with dial() as connection:
        await connection.offer(HELLO)
        error = {"type": "TooLarge", "code": "result_too_large", "message": "Too large."}
        call, answer = await ask(connection, owner.get, "/live/k1/animal.png", b"", error=error)
    assert call["max_bytes"] == context.config.live_bytes
    assert (answer.status, answer.code) == (413, "result_too_large")
