"""Requests at the same time share a query, and none gets an answer that is older than itself."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from jupyter_figserve.store.catalog.postgres.shared_read import SharedRead


class Query:
    """Returns its number when it is let go."""

    def __init__(self) -> None:
        self.begun = 0
        self.gates: list[asyncio.Event] = []

    async def __call__(self) -> int:
        self.begun += 1
        number, gate = self.begun, asyncio.Event()
        self.gates.append(gate)
        await gate.wait()
        if number == 13:
            raise OSError("down")
        return number


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def in_a_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    @functools.wraps(test)
    def run() -> None:
        asyncio.run(test())

    return run


@in_a_loop
async def test_a_crowd_shares_the_next_query():
    """The first has its own; those that come meanwhile wait for one that begins after them."""
    shared = SharedRead(query := Query())
    first = asyncio.ensure_future(shared.get())
    await settle()
    crowd = [asyncio.ensure_future(shared.get()) for _ in range(50)]
    await settle()
    assert query.begun == 1
    query.gates[0].set()
    await settle()
    late = asyncio.ensure_future(shared.get())
    await settle()
    assert query.begun == 2
    query.gates[1].set()
    await settle()
    query.gates[2].set()
    assert [await first, {await one for one in crowd}, await late] == [1, {2}, 3]


@in_a_loop
async def test_waiting_ends_alone():
    """Clients that disconnect, and a query that fails, leave the others alone."""
    shared = SharedRead(query := Query())
    query.begun = 11
    first, second, third = (asyncio.ensure_future(shared.get()) for _ in range(3))
    await settle()
    first.cancel()
    second.cancel()
    query.gates[0].set()
    await settle()
    query.gates[1].set()
    with pytest.raises(OSError, match="down"):
        await third
    last = asyncio.ensure_future(shared.get())
    await settle()
    query.gates[2].set()
    assert await last == 14


def test_another_event_loop():
    """What one left behind does not hold up the next."""
    shared = SharedRead(query := Query())

    async def leave() -> None:
        waiting = [asyncio.ensure_future(shared.get()) for _ in range(2)]
        await settle()
        assert not any(one.done() for one in waiting)

    async def again() -> list[int]:
        waiting = [asyncio.ensure_future(shared.get()) for _ in range(2)]
        await settle()
        query.gates[1].set()
        await settle()
        query.gates[2].set()
        return [await one for one in waiting]

    asyncio.run(leave())
    assert asyncio.run(again()) == [2, 3]
