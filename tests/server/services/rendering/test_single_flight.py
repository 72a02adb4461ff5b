"""Equal work at once is done once, for as long as anybody waits for it."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_figserve.server.services.rendering.single_flight import SingleFlight


class Work:
    """Counts its runs; ends when its gate opens."""

    def __init__(self) -> None:
        self.runs = 0
        self.cancelled = 0
        self.gate = asyncio.Event()

    async def __call__(self) -> int:
        self.runs += 1
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self.runs


async def board(flights: SingleFlight, work: Work, count: int = 1, key: str = "k") -> list[asyncio.Task]:
    tasks = [asyncio.ensure_future(flights.join(key, work)) for _ in range(count)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_who_comes_later_joins():
    """One run for all; the next one after that is another."""
    flights, work = SingleFlight(), Work()
    tasks = await board(flights, work, 3)
    assert flights.passengers == 3
    work.gate.set()
    assert await asyncio.gather(*tasks) == [1, 1, 1]
    assert await flights.join("k", work) == 2
    assert flights.passengers == 0


async def test_keys_do_not_share():
    """Each has its own."""
    flights, work = SingleFlight(), Work()
    tasks = await board(flights, work, key="a") + await board(flights, work, key="b")
    work.gate.set()
    await asyncio.gather(*tasks)
    assert work.runs == 2


async def test_who_leaves_leaves_alone():
    """Also the first; the others get theirs."""
    flights, work = SingleFlight(), Work()
    first, second = await board(flights, work, 2)
    first.cancel()
    await asyncio.sleep(0)
    work.gate.set()
    assert await second == 1
    assert work.cancelled == 0
    assert first.cancelled()


async def test_the_last_who_leaves_ends_it():
    """And who comes then starts anew."""
    flights, work = SingleFlight(), Work()
    (alone,) = await board(flights, work)
    alone.cancel()
    await asyncio.gather(alone, return_exceptions=True)
    (next_one,) = await board(flights, work)
    assert (work.runs, work.cancelled) == (2, 1)
    work.gate.set()
    assert await next_one == 2


async def test_an_error_reaches_all_and_is_not_kept():
    """The next one tries again."""
    flights: SingleFlight[int] = SingleFlight()

    async def fail() -> int:
        raise ValueError("no")

    answers = await asyncio.gather(*(flights.join("k", fail) for _ in range(3)), return_exceptions=True)
    assert [str(answer) for answer in answers] == ["no"] * 3
    with pytest.raises(ValueError, match="no"):
        await flights.join("k", fail)
