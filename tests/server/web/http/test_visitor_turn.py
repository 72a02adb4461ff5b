"""Requests of visitors, who wait for their turn."""

from __future__ import annotations

import asyncio

import pytest

from ....waiting import until
from ...raw import connect

BROWSER = {"Accept": "text/html"}


@pytest.fixture
def turns(context, monkeypatch) -> list[asyncio.Future[None]]:
    """The turns for which visitors wait, until the test gives them."""
    waiting: list[asyncio.Future[None]] = []

    def request(address: str) -> asyncio.Future[None]:
        waiting.append(asyncio.get_running_loop().create_future())
        return waiting[-1]

    monkeypatch.setattr(context.traffic.visitor_turns, "request", request)
    return waiting


@pytest.mark.parametrize(
    ("path", "status"),
    [("/f/" + "x" * 32, 404), ("/api/status", 200), ("/nothing", 404), ("/api/figures", 401), ("/", 302)],
)
async def test_visitors_wait_for_their_turn(owner, stranger, turns, path, status):
    """Whatever they ask for, also what is refused; owners are answered meanwhile."""
    visit = asyncio.ensure_future(stranger.get(path, BROWSER if path == "/" else {}))
    await until(lambda: turns)
    assert (await owner.get("/api/figures")).status == 200
    assert not visit.done()
    turns[0].set_result(None)
    assert (await visit).status == status


async def test_visitor_who_leaves_gives_up_the_turn(owner, turns):
    """It goes to the next one."""
    async with connect(owner.prefix) as connection:
        await connection.send_head("GET", "/f/" + "x" * 32, {})
        await until(lambda: turns)
    await until(lambda: turns[0].cancelled())
