"""The bounded queue: order, priority, refusal, and callers that leave."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_figserve.server.services.bounded_queue import BoundedQueue


class Callers:
    """Callers that hold their turn until the gate opens."""

    def __init__(self, queue: BoundedQueue) -> None:
        self.queue = queue
        self.gate = asyncio.Event()
        self.order: list[str] = []

    async def _hold(self, name: str, low_priority: bool) -> None:
        async with self.queue.turn(low_priority=low_priority):
            self.order.append(name)
            await self.gate.wait()

    async def come(self, *names: str, low_priority: bool = False) -> list[asyncio.Task[None]]:
        tasks = [asyncio.ensure_future(self._hold(name, low_priority)) for name in names]
        for _ in range(4):
            await asyncio.sleep(0)
        return tasks


def make(max_running: int, max_waiting: int) -> Callers:
    return Callers(BoundedQueue(max_running, max_waiting, lambda: LookupError("full")))


async def test_first_come_first_served():
    """As many as allowed hold a turn; the others wait in order."""
    callers = make(2, 3)
    tasks = await callers.come("a", "b", "c", "d")
    assert (callers.order, callers.queue.running, callers.queue.waiting) == (["a", "b"], 2, 2)
    callers.gate.set()
    await asyncio.gather(*tasks)
    assert callers.order == ["a", "b", "c", "d"]
    assert (callers.queue.running, callers.queue.waiting) == (0, 0)


async def test_one_too_many_is_rejected():
    """Only a low-priority caller may wait beyond the limit, and goes last."""
    callers = make(1, 1)
    tasks = await callers.come("a")
    tasks += await callers.come("low", low_priority=True)
    (refused,) = await callers.come("refused")
    with pytest.raises(LookupError, match="full"):
        await refused
    tasks += await callers.come("low too", low_priority=True)
    callers.queue.max_waiting = 9
    tasks += await callers.come("b")
    callers.gate.set()
    await asyncio.gather(*tasks)
    assert callers.order == ["a", "b", "low", "low too"]


async def test_callers_that_leave():
    """While holding a turn, while waiting, and at the moment when the turn comes."""
    callers = make(1, 5)
    running, waiting, lucky, last = await callers.come("running", "waiting", "lucky", "last")
    waiting.cancel()
    running.cancel()
    await asyncio.sleep(0)
    lucky.cancel()
    callers.gate.set()
    await asyncio.gather(running, waiting, lucky, return_exceptions=True)
    await last
    assert (callers.queue.running, callers.queue.waiting) == (0, 0)
    assert "waiting" not in callers.order
