"""The queue before the renderer: order, bounds, leaving, and the time to come back."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_figserve.errors import Unavailable
from jupyter_figserve.sandbox.fake import FakeRenderer
from jupyter_figserve.sandbox.renderer import RendererStatus, RenderJob
from jupyter_figserve.server.services.rendering.queue import RenderQueue


def job(name: str, **fields: object) -> RenderJob:
    return RenderJob("code", name.encode(), **fields)


def make(max_running: int = 1, max_waiting: int = 2, max_seconds: float = 60) -> tuple[RenderQueue, FakeRenderer]:
    renderer = FakeRenderer()
    renderer.gate.clear()
    return RenderQueue(renderer, max_running, max_waiting, max_seconds), renderer


async def ask(jobs: RenderQueue, *names: str, **fields: object) -> list[asyncio.Task]:
    """Tasks that have come as far as they can."""
    tasks = [asyncio.ensure_future(jobs.render(job(name), **fields)) for name in names]
    for _ in range(9):
        await asyncio.sleep(0)
    return tasks


def names(renderer: FakeRenderer) -> list[str]:
    return [one.source.decode() for one in renderer.jobs]


async def test_as_many_as_may_run_and_the_others_wait_in_order():
    """First come, first served."""
    jobs, renderer = make(max_running=2, max_waiting=3)
    tasks = await ask(jobs, "a", "b", "c", "d")
    assert (names(renderer), jobs.running, jobs.waiting) == (["a", "b"], 2, 2)
    renderer.gate.set()
    await asyncio.gather(*tasks)
    assert names(renderer) == ["a", "b", "c", "d"]
    assert (jobs.running, jobs.waiting) == (0, 0)


async def test_one_too_many_is_told_when_to_come_back():
    """And those who wait are not disturbed."""
    jobs, renderer = make(max_waiting=1)
    tasks = await ask(jobs, "a", "b")
    with pytest.raises(Unavailable) as refused:
        await jobs.render(job("c"))
    assert (refused.value.code, refused.value.retry_after >= 1) == ("queue_full", True)
    renderer.gate.set()
    await asyncio.gather(*tasks)


async def test_patient_ones_go_last_and_are_never_refused():
    """Whatever comes after them goes first."""
    jobs, renderer = make(max_waiting=1)
    tasks = await ask(jobs, "first")
    tasks += await ask(jobs, "patient", low_priority=True)
    with pytest.raises(Unavailable):
        await jobs.render(job("refused"))
    jobs._turns.max_waiting = 9
    tasks += await ask(jobs, "late")
    tasks += await ask(jobs, "patient too", low_priority=True)
    renderer.gate.set()
    await asyncio.gather(*tasks)
    assert names(renderer) == ["first", "late", "patient", "patient too"]


async def test_who_leaves_frees_the_place():
    """While running, while waiting, and at the moment when the turn comes."""
    jobs, renderer = make(max_waiting=5)
    running, waiting, lucky, last = await ask(jobs, "running", "waiting", "lucky", "last")
    waiting.cancel()
    running.cancel()
    await asyncio.sleep(0)
    lucky.cancel()
    renderer.gate.set()
    await asyncio.gather(running, waiting, lucky, return_exceptions=True)
    await asyncio.wait_for(last, 20)
    assert (jobs.running, jobs.waiting) == (0, 0)
    assert "waiting" not in names(renderer)


async def test_a_failed_job_frees_its_place():
    """The next one runs."""
    jobs, renderer = make()
    renderer.gate.set()
    good, renderer.answer = renderer.answer, lambda job: 1 / 0
    with pytest.raises(ZeroDivisionError):
        await jobs.render(job("a"))
    renderer.answer = good
    assert (await jobs.render(job("b"))).images


async def test_the_renderer_starts_once_and_with_the_first_job():
    """However many come at once; closing what never started does nothing."""
    jobs, renderer = make(max_running=3)
    assert jobs.maybe_available
    await jobs.close()
    assert not renderer.is_closed
    renderer.gate.set()
    await asyncio.gather(*await ask(jobs, "a", "b", "c"))
    assert renderer.starts == 1
    await jobs.close()
    assert renderer.is_closed


async def test_no_job_asks_for_more_time_than_may_be():
    """Also one that was kept when more was allowed."""
    jobs, renderer = make(max_seconds=5)
    renderer.gate.set()
    await jobs.render(job("a", timeout=50))
    await jobs.render(job("b", timeout=2))
    assert [one.timeout for one in renderer.jobs] == [5, 2]


async def test_a_probe_is_no_start():
    """It happens once, and not when a start says more."""
    jobs, renderer = make()
    assert (await jobs.report_within(60)).tier == "FULL"
    assert (renderer.probes, renderer.starts) == (0, 0)
    jobs.probe()
    jobs.probe()
    await jobs.report_within(60)
    assert (renderer.probes, renderer.starts) == (1, 0)
    await jobs.close()
    assert not renderer.is_closed
    other, started = make()
    await other.start()
    other.probe()
    assert (started.probes, started.starts) == (0, 1)


async def test_what_a_probe_finds_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch):
    """Who asks meanwhile is told what is known; the end waits for it."""
    jobs, renderer = make()
    monkeypatch.setattr(renderer, "probe", renderer.gate.wait)
    jobs.probe()
    assert await jobs.report_within(0) is renderer.status
    closing = asyncio.ensure_future(jobs.close())
    await asyncio.sleep(0)
    assert not closing.done()
    renderer.gate.set()
    await closing


async def test_a_probe_tells_before_a_start_that_takes_long(monkeypatch: pytest.MonkeyPatch):
    """Who asks is not kept waiting for the libraries."""
    jobs, renderer = make()
    monkeypatch.setattr(renderer, "start", renderer.gate.wait)
    jobs.probe()
    starting = asyncio.ensure_future(jobs.start())
    assert (await jobs.report_within(60)).tier == "FULL"
    assert not starting.done()
    renderer.gate.set()
    await starting
    await jobs.close()


async def test_what_a_probe_found_wanting_is_not_offered():
    """By any page; before that it may be."""
    jobs, renderer = make()
    renderer.status = RendererStatus("none", ("no seccomp",))
    assert jobs.maybe_available
    jobs.probe()
    await jobs.report_within(60)
    assert not jobs.maybe_available


async def test_what_cannot_draw_says_so_once_it_is_known():
    """Before the start a page may offer it."""
    jobs, renderer = make()
    renderer.status = RendererStatus("none", ("no seccomp",))
    assert jobs.maybe_available
    await jobs.start()
    assert not jobs.maybe_available
