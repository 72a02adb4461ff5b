"""The agent's WebSocket with hostile and broken clients: authorization, and malformed frames."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from tornado.httpclient import HTTPClientError
from tornado.websocket import WebSocketClosedError

from jupyter_figserve.model.kernel_protocol import AGENT_PROTOCOL
from jupyter_figserve.model.keys import KERNEL_SCOPES, split_key
from jupyter_figserve.server.web.live import agent
from tests.waiting import until

from ...sample_images import png
from .conftest import HELLO, frame


async def status_of(dial, headers: dict[str, str]) -> int:
    with pytest.raises(HTTPClientError) as caught:
        async with dial(headers=headers):
            pass
    return caught.value.code


async def test_L1_only_a_kernels_key_opens_it(dial, make_key, jp_auth_header, browser):
    """Refused are: no credential, a login's token or cookie, a key of no kernel, and any request with an Origin."""
    assert await status_of(dial, {}) == 401
    assert await status_of(dial, jp_auth_header) == 403
    assert await status_of(dial, dict(browser.headers)) == 403
    assert await status_of(dial, {"X-API-Key": await make_key("read", "publish", "admin")}) == 403
    assert await status_of(dial, {"X-API-Key": await make_key("publish", kernel="starting")}) == 503
    key = await make_key(*KERNEL_SCOPES, kernel="k1")
    for origin in ("https://evil.example", "null", "http://127.0.0.1"):
        assert await status_of(dial, {"X-API-Key": key, "Origin": origin}) in (403, 404)
    async with dial(headers={"X-API-Key": key}) as connection:
        assert "animal" in await connection.offer(HELLO)


async def test_L6_revoked_key_closes_it(dial, make_key, owner, context, monkeypatch):
    """Also while nothing is called; what the kernel offered is not called any more."""
    monkeypatch.setattr(agent, "_KEY_CHECK_MILLISECONDS", 10)
    key = await make_key(*KERNEL_SCOPES, kernel="k1")
    async with dial(headers={"X-API-Key": key}) as connection:
        await connection.offer(HELLO)
        await context.store.keys.remove(split_key(key)[0])
        assert await connection.receive() is None
        assert connection.socket.close_code == 1008
        assert (await owner.get("/live/k1/animal.png")).status == 503


async def test_call_and_answer(dial, owner):
    """A request is sent to the kernel, and its answer is the image."""
    async with dial() as connection:
        await connection.offer(HELLO)
        asking = asyncio.ensure_future(owner.get("/live/k1/animal.png", width=320))
        call = await connection.receive()
        assert (call["op"], call["name"], call["format"], call["width"]) == ("call", "animal", "png", 320)
        await connection.answer(call, png())
        answer = await asking
    assert (answer.status, answer.body) == (200, png())


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        ({}, b"<script>alert(1)</script>", 422),
        ({"mimetype": "text/html"}, b"<p>", 422),
        ({"mimetype": "image/svg+xml"}, b"<svg xmlns='http://www.w3.org/2000/svg'/>", 422),
        ({"mimetype": 3}, png(), 422),
        ({"is_unchanged": True, "version": "1"}, b"", 422),
        ({"error": {"type": "FigServeError"}}, b"", 422),
        ({"error": {"type": "CodeFailed", "message": "<img onerror=x>", "line": "x"}}, b"", 422),
        ({"width": "x", "height": -1, "dpi": None}, png(), 200),
    ],
)
async def test_invalid_answer(dial, owner, head, body, status):
    """An image of another type is not served; the connection stays open."""
    async with dial() as connection:
        await connection.offer(HELLO)
        for _ in range(2):
            asking = asyncio.ensure_future(owner.get("/live/k1/animal.png"))
            call = await connection.receive()
            await connection.answer(call, body, **head)
            answer = await asking
            assert answer.status == status
            assert answer.mimetype == ("image/png" if status == 200 else "application/json")


@pytest.mark.parametrize(
    "data",
    [
        "text",
        b"",
        b"\xff\xff\xff\xff{}",
        b"\x00\x00\x00\x02[]",
        b"\x00\x00\x00\x03{,}",
        frame({"op": "hello", "protocol": 99, "live": []}),
        frame({"op": "hello", "protocol": AGENT_PROTOCOL, "live": "x"}),
        frame({"op": "hello", "protocol": AGENT_PROTOCOL, "live": [{**HELLO, "name": "../x"}]}),
        frame({"op": "hello", "protocol": AGENT_PROTOCOL, "live": [{**HELLO, "name": "a.png"}]}),
        frame({"op": "hello", "protocol": AGENT_PROTOCOL, "live": [{**HELLO, "parameters": [{"name": "x"}]}]}),
        frame({"op": "hello", "protocol": AGENT_PROTOCOL, "live": [HELLO] * 1_001}),
    ],
)
async def test_invalid_frame_disturbs_no_other_call(dial, owner, data):
    """What the kernel offers stays; a hello is refused with the reason, and another frame fails the call under way."""
    async with dial() as connection:
        await connection.offer(HELLO)
        asking = asyncio.ensure_future(owner.get("/live/k1/animal.png"))
        call = await connection.receive()
        await connection.send(data)
        if isinstance(data, bytes) and b'"hello"' in data:
            refusal = await connection.receive()
            assert (refusal["op"], bool(refusal["reason"])) == ("refused", True)
            await connection.answer(call, png())
            assert (await asking).status == 200
        else:
            assert (await asking).status == 422
        asking = asyncio.ensure_future(owner.get("/live/k1/animal.png"))
        await connection.answer(await connection.receive(), png())
        assert (await asking).status == 200


class TestSmallImages:
    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"live_bytes": 1_000}

    async def test_L3_image_that_is_too_large_fails_its_own_call_only(self, dial, owner):
        """Even of a kernel that ignores the limit, which it is told: 413 names it, and the neighbours are answered."""
        async with dial() as connection:
            await connection.offer({**HELLO, "timeout": 20})
            asking = asyncio.ensure_future(owner.get("/live/k1/animal.png"))
            call = await connection.receive()
            assert call["max_bytes"] == 1_000
            await connection.answer(call, bytes(2**21))
            answer = await asking
            assert (answer.status, answer.code) == (413, "result_too_large")
            assert "FigServe.live_bytes" in answer.text
            for width in (1, 2, 3, 4):
                asking = asyncio.ensure_future(owner.get("/live/k1/animal.png", width=width))
                await connection.answer(await connection.receive(), png())
                assert (await asking).status == 200

    async def test_L3_frame_that_no_image_needs_closes_its_connection(self, dial, owner):
        """Its length is enough: its request fails at once, and the kernel may connect again."""
        async with dial() as connection:
            await connection.offer(HELLO)
            asking = asyncio.ensure_future(owner.get("/live/k1/animal.png"))
            call = await connection.receive()
            # The server does not read on, so that writing may fail.
            with suppress(WebSocketClosedError):
                await connection.answer(call, bytes(32 * 2**20))
            assert (await asking).status == 503
            assert await connection.receive() is None
        async with dial() as connection:
            await connection.offer(HELLO)
            asking = asyncio.ensure_future(owner.get("/live/k1/animal.png"))
            await connection.answer(await connection.receive(), png())
            assert (await asking).status == 200


class TestSmallQueue:
    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"live_queue": 2, "live_timeout": 10}

    async def test_full_queue_and_deadline(self, dial, owner, context, put_forward):
        """Both calls wait until the deadline; the late answer is the stale image of the next request."""
        async with dial() as connection:
            await connection.offer(HELLO)
            asking = [asyncio.ensure_future(owner.get("/live/k1/animal.png", width=width)) for width in (1, 2)]
            call = await connection.receive()
            queue = context.live._get_queue((await context.live.registry.find("k1", "animal")).queue_key)
            await until(lambda: queue._turns.waiting)
            assert (await owner.get("/api/live")).json()["live"][0]["busy"]
            put_forward(10)
            assert {answer.status for answer in await asyncio.gather(*asking)} == {504}
            await connection.answer(call, png())
            await until(lambda: not queue.is_busy)
            again = asyncio.ensure_future(owner.get("/live/k1/animal.png", width=call["width"]))
            await connection.receive()
            put_forward(10)
            answer = await again
        assert (answer.status, answer.headers["Cache-Status"]) == (200, "figserve; hit; detail=stale")
        assert "Age" in answer.headers or answer.body == png()

    async def test_third_call_is_rejected(self, dial, owner):
        """503 with Retry-After, before the others' deadline."""
        async with dial() as connection:
            await connection.offer(HELLO)
            asking = [asyncio.ensure_future(owner.get("/live/k1/animal.png", width=width)) for width in (1, 2, 3)]
            (refused,), others = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
            for _ in others:
                await connection.answer(await connection.receive(), png())
            assert {(await task).status for task in others} == {200}
        answer = refused.result()
        assert (answer.status, answer.code, int(answer.headers["Retry-After"]) > 0) == (503, "kernel_busy", True)


async def test_closed_connection_fails_waiting_requests(dial, owner):
    """At once."""
    async with dial() as connection:
        await connection.offer(HELLO)
        asking = asyncio.ensure_future(owner.get("/live/k1/animal.png"))
        await connection.receive()
    answer = await asking
    assert (answer.status, answer.code) == (503, "kernel_gone")


async def test_kind_C13_answers_without_a_call_are_dropped(dial, owner):
    """A second answer, and one to a call that was never made; one that names no call fails the call under way."""
    async with dial() as connection:
        await connection.offer(HELLO)
        asking = asyncio.ensure_future(owner.get("/live/k1/animal.png"))
        call = await connection.receive()
        await connection.answer({"rid": 10**9}, png(grey=1))
        await connection.answer(call, png(grey=2))
        await connection.answer(call, png(grey=3))
        assert (await asking).body == png(grey=2)
        for rid in ([], {}, "x", None, 1.5):
            asking = asyncio.ensure_future(owner.get("/live/k1/animal.png", headers={"Cache-Control": "no-cache"}))
            await connection.receive()
            await connection.answer({"rid": rid}, png())
            answer = await asking
            assert (answer.status, "cannot be read" in answer.json()["error"]) == (422, True)


async def test_D1_markup_in_a_declaration_is_text(dial, owner):
    """Names of parameters are identifiers; descriptions and choices are escaped on the page."""
    evil = "<img src=x onerror=alert(1)>"
    choice = {
        "name": "x", "kind": "choice", "many": False, "is_optional": False, "is_required": False, "default": evil,
        "choices": [evil], "values": [evil], "minimum": None, "maximum": None, "step": None,
    }  # fmt: skip
    async with dial() as connection:
        await connection.offer({**HELLO, "description": evil, "parameters": [choice]})
        page = await owner.get("/live/k1/animal", headers={"Accept": "text/html"})
    assert page.status == 200
    assert "<img src=x" not in page.text
    assert "&lt;img src=x" in page.text


async def test_L5_another_owner_sees_nothing(dial, owner, stranger, make_key):
    """Another owner's key finds neither the live figure nor its links."""
    other = stranger.with_key(await make_key("read", "publish", owner="bob"))
    async with dial() as connection:
        live_id = (await connection.offer(HELLO))["animal"]["id"]
        for path in ("/live/k1/animal.png", f"/live/f/{live_id}.png", f"/api/live/{live_id}/links"):
            assert (await other.get(path)).status == 404
        assert (await other.get("/api/live")).json() == {"live": []}
        assert (await other.post(f"/api/live/{live_id}/links")).status == 404


async def test_second_connection_of_a_kernel_takes_over(dial, owner):
    """A kernel whose connection broke unnoticed dials again, and calls use the new connection."""
    async with dial() as old:
        await old.offer(HELLO)
        async with dial() as new:
            await new.offer({**HELLO, "revision": "r2"})
            old.socket.close()
            asking = asyncio.ensure_future(owner.get("/live/k1/animal.png"))
            await new.answer(await new.receive(), png())
            assert (await asking).status == 200
