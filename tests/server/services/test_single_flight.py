"""Single-flight: one run per key, shared results, cancellation, commitment and late arrivals."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_figserve.errors import NotFound
from jupyter_figserve.server.services import single_flight as module
from jupyter_figserve.server.services.bounded_queue import Claim
from jupyter_figserve.server.services.single_flight import SingleFlight


class Work:
    """Counts its runs; ends when its gate opens."""

    def __init__(self) -> None:
        self.runs = 0
        self.cancelled = 0
        self.gate = asyncio.Event()

    async def __call__(self, _claim: Claim) -> int:
        self.runs += 1
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self.runs


async def start(calls: SingleFlight[int], work: Work, count: int = 1, key: str = "k") -> list[asyncio.Task[int]]:
    """Tasks that wait for the work."""
    tasks = [asyncio.ensure_future(calls.run(key, work)) for _ in range(count)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_concurrent_calls_share_a_run():
    """A call after the end starts another run."""
    calls, work = SingleFlight(), Work()
    tasks = await start(calls, work, 3)
    assert (calls.waiters, calls.is_busy, calls.would_coalesce("k")) == (3, True, True)
    work.gate.set()
    assert await asyncio.gather(*tasks) == [1, 1, 1]
    assert (calls.waiters, calls.is_busy, calls.would_coalesce("k")) == (0, False, False)
    assert await calls.run("k", work) == 2


async def test_keys_do_not_share():
    """Each key has a run of its own."""
    calls, work = SingleFlight(), Work()
    tasks = await start(calls, work, key="a") + await start(calls, work, key="b")
    work.gate.set()
    await asyncio.gather(*tasks)
    assert work.runs == 2


async def test_one_waiter_leaves():
    """The run continues for the others, even if its first caller leaves."""
    calls, work = SingleFlight(), Work()
    first, second = await start(calls, work, 2)
    first.cancel()
    await asyncio.sleep(0)
    work.gate.set()
    assert await second == 1
    assert work.cancelled == 0
    assert first.cancelled()


async def test_last_waiter_leaves():
    """The run is cancelled, and the next caller starts another."""
    calls, work = SingleFlight(), Work()
    (alone,) = await start(calls, work)
    alone.cancel()
    await asyncio.gather(alone, return_exceptions=True)
    (following,) = await start(calls, work)
    assert (work.runs, work.cancelled) == (2, 1)
    work.gate.set()
    assert await following == 2


async def test_committed_run_is_not_cancelled():
    """It continues without waiters, and a later caller joins it."""
    calls, work = SingleFlight(), Work()
    (alone,) = await start(calls, work)
    calls.commit("k")
    alone.cancel()
    await asyncio.gather(alone, return_exceptions=True)
    assert (calls.waiters, calls.is_busy) == (0, True)
    (following,) = await start(calls, work)
    work.gate.set()
    assert await following == 1
    assert (work.runs, work.cancelled) == (1, 0)


async def test_error_reaches_all_waiters_and_is_not_kept():
    """The next caller tries again."""
    calls: SingleFlight[int] = SingleFlight(linger_threshold=1)

    async def fail(_claim: Claim) -> int:
        raise ValueError("no")

    answers = await asyncio.gather(*(calls.run("k", fail) for _ in range(3)), return_exceptions=True)
    assert [str(answer) for answer in answers] == ["no"] * 3
    with pytest.raises(ValueError, match="no"):
        await calls.run("k", fail)


@pytest.mark.parametrize(("error", "is_logged"), [(ValueError("no"), True), (NotFound("gone"), False)])
async def test_error_without_waiters_is_logged(caplog, error, is_logged):
    """Unless it is one of our own errors, which are ordinary results."""
    calls: SingleFlight[int] = SingleFlight()
    gate = asyncio.Event()

    async def fail(_claim: Claim) -> int:
        calls.commit("k")
        await gate.wait()
        raise error

    task = asyncio.ensure_future(calls.run("k", fail))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    gate.set()
    while calls.is_busy:
        await asyncio.sleep(0)
    assert ("A shared call failed" in caplog.text) is is_logged


class TestLinger:
    @pytest.fixture
    def now(self, monkeypatch) -> list[float]:
        """A clock that the test moves."""
        now = [0.0]
        monkeypatch.setattr(module, "_now", lambda: now[0])
        return now

    async def finish(self, calls: SingleFlight[int], work: Work, count: int) -> None:
        tasks = await start(calls, work, count)
        work.gate.set()
        await asyncio.gather(*tasks)

    async def test_late_arrivals_get_a_popular_result(self, now):
        """While they keep coming, for a few seconds at most."""
        calls, work = SingleFlight(linger_threshold=3), Work()
        await self.finish(calls, work, 3)
        for now[0] in (1.0, 2.0, 3.0, 4.0, 5.0):
            assert calls.would_coalesce("k")
            assert await calls.run("k", work) == 1
        now[0] = 5.5
        assert not calls.would_coalesce("k")
        assert await calls.run("k", work) == 2

    async def test_a_pause_ends_it(self, now):
        """A caller that comes after a pause starts a run of its own."""
        calls, work = SingleFlight(linger_threshold=3), Work()
        await self.finish(calls, work, 3)
        now[0] = 2.0
        assert await calls.run("k", work) == 2

    async def test_below_the_threshold_nothing_is_kept(self, now):
        """The next caller starts another run."""
        calls, work = SingleFlight(linger_threshold=3), Work()
        await self.finish(calls, work, 2)
        assert await calls.run("k", work) == 2
