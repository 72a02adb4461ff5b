"""Large responses: sent in pieces, at the pace of their clients, within time."""

from __future__ import annotations

import os
import zlib
from typing import Any

import pytest
from tornado.httpserver import HTTPServer

from jupyter_figserve.server.services.traffic.send_budget import Hold
from jupyter_figserve.server.web.http.paced_response import PIECE_BYTES

from ....waiting import until
from ...raw import connect

SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><!--%b--></svg>" % os.urandom(2 * 2**20).hex().encode()
"""Larger than what a socket buffers for a client that does not read."""


@pytest.fixture(params=[2**30, 0], ids=["memory", "disk"])
def figserve_config(request) -> dict[str, object]:
    """A body is either in memory or read from disk piece by piece."""
    return {"cache_bytes": request.param}


async def publish(owner) -> str:
    answer = await owner.ask("POST", "/api/figures?name=large", SVG, {"Content-Type": "image/svg+xml"})
    assert answer.status == 201
    return f"/figures/{answer.json()['id']}.svg"


async def test_all_bytes_arrive(owner):
    """In order, with their length; HEAD has the same length, a range its part."""
    path = await publish(owner)
    whole = await owner.get(path)
    assert (zlib.crc32(whole.body), whole.headers["Content-Length"]) == (zlib.crc32(SVG), str(len(SVG)))
    assert (await owner.ask("HEAD", path)).headers["Content-Length"] == str(len(SVG))
    part = await owner.get(path, {"Range": f"bytes=7-{PIECE_BYTES + 9}"})
    assert (part.status, part.body) == (206, SVG[7 : PIECE_BYTES + 10])


async def test_connection_serves_on(owner):
    """The next request on the same connection gets its own response."""
    path = await publish(owner)
    async with connect(owner.prefix) as connection:
        for _ in range(2):
            await connection.send_head("GET", path, owner.headers)
            status, headers = await connection.receive_head()
            assert (status, await connection.receive_body(headers)) == (200, SVG)


async def test_kind_C2_client_that_does_not_read_is_closed(owner, context, monkeypatch):
    """After ``send_timeout``, and its memory is free."""
    context.config.send_timeout = 0.3
    path, budget, held = await publish(owner), context.traffic.send_budget, []

    def hold(*response: Any) -> Hold:
        held.append(hold_really(*response))
        return held[-1]

    hold_really = budget.hold
    monkeypatch.setattr(budget, "hold", hold)
    async with connect(owner.prefix, unread=True) as connection:
        await connection.send_head("GET", path, owner.headers)
        await until(lambda: held and not budget.held_bytes)
        assert await connection.is_closed()


async def test_client_that_hangs_up_frees_its_memory(owner, context):
    """At once, without waiting for the time limit."""
    context.config.send_timeout = 120.0
    path = await publish(owner)
    async with connect(owner.prefix, unread=True) as connection:
        await connection.send_head("GET", path, owner.headers)
        await until(lambda: context.traffic.send_budget.held_bytes)
    await until(lambda: not context.traffic.send_budget.held_bytes)


async def test_kind_C2_too_many_slow_readers(owner, context, monkeypatch):
    """A further response is refused with 503 and a time to wait."""
    context.config.send_timeout = 120.0
    path, budget = await publish(owner), context.traffic.send_budget
    monkeypatch.setattr(budget, "_limit", 1)
    # Else a slow machine would count the first response as stalled, and drop it for the second one.
    monkeypatch.setattr(budget, "_clock", lambda: 0.0)
    async with connect(owner.prefix, unread=True) as connection:
        await connection.send_head("GET", path, owner.headers)
        await until(lambda: budget.held_bytes)
        answer = await owner.get(path)
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "too_many_readers", "5")


async def test_L2_event_stream_that_is_not_read_is_closed(owner, context):
    """Once the client's buffers are full; the events do not pile up in memory."""
    context.config.send_timeout = 0.3
    subscribers = context.events._subscribers
    async with connect(owner.prefix, unread=True) as connection:
        await connection.send_head("GET", "/api/events", owner.headers)
        await until(lambda: subscribers)

        def announce_until_closed() -> bool:
            context.events.announce("local", "session.started", {"text": "x" * 2**20})
            return not subscribers

        await until(announce_until_closed)
        assert await connection.is_closed()


class TestHead:
    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"header_timeout": 7.0}

    def test_head_of_a_request_has_a_time_limit(self, jp_serverapp):
        """Jupyter's HTTP server closes connections whose head takes longer."""
        jp_serverapp._http_server = HTTPServer(jp_serverapp.web_app)
        (app,) = jp_serverapp.extension_manager.extension_apps["jupyter_figserve"]
        app.limit_idle_connections()
        assert jp_serverapp.http_server.conn_params.header_timeout == 7.0
