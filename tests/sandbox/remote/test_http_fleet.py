"""Two workers of one slot each behind a real HAProxy: full, killed, gone, and back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from jupyter_figserve.errors import DeadlineExceeded, FigServeError, OutputInvalid, Unavailable
from jupyter_figserve.model.rendering import RenderJob, RenderResult
from jupyter_figserve.server.services.bounded_queue import Claim
from jupyter_figserve.server.services.callers import OWNER, visitor_caller
from jupyter_figserve.server.services.rendering.queue import RenderQueue

from ...waiting import until, wait_until
from ..harness import LINE
from .fleets import HttpSandbox, http_fleet, make_http_renderer

pytestmark = pytest.mark.haproxy
ENDLESS = RenderJob("code", b"while True: pass", timeout=50)
LINES = [RenderJob("code", f"{LINE}# {number}".encode(), timeout=50) for number in range(16)]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpSandbox]:
    with http_fleet(tmp_path_factory.mktemp("fleet")) as made:
        made.assert_well()
        yield made


@pytest.fixture
def queue(fleet: HttpSandbox) -> RenderQueue:
    """A queue that believes in one slot until the fleet tells how many there are."""
    for worker in fleet.workers:
        wait_until(lambda worker=worker: worker.report()["running"] == 0)
    made = RenderQueue(fleet.renderer, 1, 14, 60, reserved=1)
    # The renderer is the fixture's own, which has started.
    fleet.run(made.wait_for_status(5))
    return made


def running(fleet: HttpSandbox) -> int:
    return sum(worker.report()["begun"] for worker in fleet.workers if worker.process.poll() is None)


async def gather(queue: RenderQueue, jobs: list[RenderJob]) -> list[RenderResult | BaseException]:
    return await asyncio.gather(*(queue.render(job) for job in jobs), return_exceptions=True)


def test_eight_times_the_slots(fleet: HttpSandbox, queue: RenderQueue):
    """The queue is as wide as the fleet: what fits waits for its turn, and is right; the rest learns when to come."""

    async def scene() -> tuple[list[object], list[object]]:
        fitting = await gather(queue, LINES)
        small = RenderQueue(fleet.renderer, 1, 2, 60)
        await small.render(LINES[0])
        return fitting, await gather(small, LINES)

    fitting, crowded = fleet.run(scene())
    assert all(isinstance(one, RenderResult) for one in fitting), fitting
    assert queue.width == 2
    refused = [one for one in crowded if not isinstance(one, RenderResult)]
    assert len(refused) == 12
    assert all(isinstance(one, Unavailable) and one.code == "queue_full" and one.retry_after for one in refused)


def test_strangers_leave_a_slot_to_the_owner(fleet: HttpSandbox, queue: RenderQueue):
    """Two jobs of a link: one runs, one waits, and the owner's job does not."""

    async def scene() -> None:
        strangers = [asyncio.create_task(queue.render(ENDLESS, Claim(visitor_caller("link")))) for _ in range(2)]
        await until(lambda: running(fleet) == 1)
        assert (await queue.render(LINES[0], Claim(OWNER))).images
        assert (queue.running, queue.waiting) == (1, 1)
        for task in strangers:
            task.cancel()
        await asyncio.gather(*strangers, return_exceptions=True)

    fleet.run(scene())
    wait_until(lambda: running(fleet) == 0)


def test_hostile_jobs_end_no_worker(fleet: HttpSandbox, queue: RenderQueue):
    """A crash, a hang and a cancelled job at the same time as good ones: each has its own answer."""
    crash = RenderJob("code", b"import ctypes; ctypes.string_at(0)")
    hang = RenderJob("code", b"while True: pass", timeout=0.5)
    before = [worker.report()["worker"] for worker in fleet.workers]
    answers = fleet.run(gather(queue, [crash, hang, LINES[0], crash, LINES[1]]))
    assert [type(one) for one in answers] == [
        OutputInvalid,
        DeadlineExceeded,
        RenderResult,
        OutputInvalid,
        RenderResult,
    ]
    assert [worker.report()["worker"] for worker in fleet.workers] == before


def test_a_killed_worker(fleet: HttpSandbox, queue: RenderQueue):
    """Its job gets 503 and runs nowhere else, the next ones are right; it is used again when it comes back."""

    async def scene() -> None:
        task = asyncio.create_task(queue.render(ENDLESS))
        await until(lambda: running(fleet) == 1)
        (victim,) = [worker for worker in fleet.workers if worker.report()["begun"]]
        (other,) = [worker for worker in fleet.workers if worker is not victim]
        victim.kill()
        with pytest.raises(Unavailable) as caught:
            await task
        assert (caught.value.code, caught.value.retry_after) == ("worker_lost", 1)
        assert other.report()["running"] == 0
        answers = [await queue.render(job) for job in LINES[:5]]
        assert all(one.images for one in answers)
        await until_width(queue, 1)
        await asyncio.to_thread(victim.start)
        await until_width(queue, 2)
        assert all(isinstance(one, RenderResult) for one in await gather(queue, LINES[:8]))

    fleet.run(scene())


async def until_width(queue: RenderQueue, width: int) -> None:
    async with asyncio.timeout(60):
        while queue.width != width:
            await queue.wait_for_status(5)
            await asyncio.sleep(0.05)


def test_no_worker_at_all(fleet: HttpSandbox, queue: RenderQueue):
    """Each job gets 503 and a sentence within a second, whether HAProxy has noticed or not; they come back."""
    for worker in fleet.workers:
        worker.kill()

    async def scene() -> list[tuple[float, FigServeError]]:
        found = []
        for _ in range(4):
            began = time.monotonic()
            with pytest.raises(Unavailable) as caught:
                await queue.render(LINES[0])
            found.append((time.monotonic() - began, caught.value))
        return found

    for seconds, error in fleet.run(scene()):
        assert "render worker" in error.message.lower()
        assert error.retry_after
        assert seconds < 3
    for worker in fleet.workers:
        worker.start()
    for worker in fleet.workers:
        worker.wait_ready()
    wait_until(lambda: isinstance(fleet.attack(LINE), RenderResult))


def test_the_proxys_own_queue(fleet: HttpSandbox):
    """Of several servers on one fleet, those that find it full are told to come later."""

    async def scene() -> None:
        tasks = [asyncio.create_task(fleet.renderer.render(ENDLESS)) for _ in range(2)]
        await until(lambda: running(fleet) == 2)
        other = make_http_renderer(fleet.url)
        await other.start()
        try:
            with pytest.raises(Unavailable) as caught:
                await other.render(LINES[0])
        finally:
            # What is left open here would fail a later test, when it is collected.
            await other.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        # The proxy's answer, or that of a worker which the proxy took for free.
        assert (caught.value.code, caught.value.retry_after) in (("workers_busy", 3), ("worker_busy", 1))

    fleet.run(scene())
    wait_until(lambda: running(fleet) == 0)
    fleet.assert_well()
