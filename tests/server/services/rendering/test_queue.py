"""The queue in front of the renderer: order, limits, cancellation, start and probe."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_figserve.errors import Unavailable
from jupyter_figserve.model.rendering import RenderJob
from jupyter_figserve.sandbox.fake import FakeRenderer
from jupyter_figserve.sandbox.renderer import RendererStatus
from jupyter_figserve.server.services.bounded_queue import Claim
from jupyter_figserve.server.services.callers import BACKGROUND, OWNER, Caller, key_holder, visitor_caller
from jupyter_figserve.server.services.rendering import queue as module
from jupyter_figserve.server.services.rendering.queue import RenderQueue


def job(name: str, **fields: object) -> RenderJob:
    return RenderJob("code", name.encode(), **fields)


def make(max_running: int = 1, max_waiting: int = 2, max_seconds: float = 60) -> tuple[RenderQueue, FakeRenderer]:
    renderer = FakeRenderer()
    renderer.gate.clear()
    return RenderQueue(renderer, max_running, max_waiting, max_seconds), renderer


async def ask(queue: RenderQueue, *names: str, caller: Caller = OWNER) -> list[asyncio.Task]:
    """Return tasks that have advanced as far as they can."""
    tasks = [asyncio.ensure_future(queue.render(job(name), Claim(caller))) for name in names]
    for _ in range(9):
        await asyncio.sleep(0)
    return tasks


def names(renderer: FakeRenderer) -> list[str]:
    return [one.source.decode() for one in renderer.jobs]


async def test_jobs_run_in_order():
    """First come, first served."""
    queue, renderer = make(max_running=2, max_waiting=3)
    tasks = await ask(queue, "a", "b", "c", "d")
    assert (names(renderer), queue.running, queue.waiting) == (["a", "b"], 2, 2)
    renderer.gate.set()
    await asyncio.gather(*tasks)
    assert names(renderer) == ["a", "b", "c", "d"]
    assert (queue.running, queue.waiting) == (0, 0)


async def test_owner_is_next_where_there_is_one_slot():
    """No slot can stay free: the owner waits for the visitor's render that is running, and for no other one."""
    renderer = FakeRenderer()
    renderer.gate.clear()
    queue = RenderQueue(renderer, 1, 9, 60, reserved=1)
    tasks = await ask(queue, "running", "visitor", "another", caller=visitor_caller("a link"))
    tasks += await ask(queue, "key", caller=key_holder("a key")) + await ask(queue, "owner")
    assert names(renderer) == ["running"]
    renderer.gate.set()
    await asyncio.gather(*tasks)
    assert names(renderer) == ["running", "owner", "key", "visitor", "another"]
    assert [one.niceness for one in renderer.jobs] == [10, 0, 0, 10, 10]


async def test_kind_C5_job_is_composed_when_its_turn_has_come():
    """What waits or is refused has read nothing."""
    queue, renderer = make(max_waiting=1)
    composed: list[str] = []

    async def compose(name: str) -> RenderJob:
        composed.append(name)
        return job(name)

    tasks = [asyncio.ensure_future(queue.render_composed(lambda name=name: compose(name))) for name in "abc"]
    for _ in range(9):
        await asyncio.sleep(0)
    assert composed == ["a"]
    renderer.gate.set()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert (composed, [type(one) for one in done if isinstance(one, Exception)]) == (["a", "b"], [Unavailable])


async def test_full_queue_says_when_to_come_back():
    """Waiting jobs are not affected."""
    queue, renderer = make(max_waiting=1)
    tasks = await ask(queue, "a", "b")
    with pytest.raises(Unavailable) as refused:
        await queue.render(job("c"))
    assert (refused.value.code, refused.value.retry_after >= 1) == ("queue_full", True)
    renderer.gate.set()
    await asyncio.gather(*tasks)


async def test_background_jobs_go_last_and_are_never_rejected():
    """Normal jobs that come after them go first."""
    queue, renderer = make(max_waiting=1)
    tasks = await ask(queue, "first")
    tasks += await ask(queue, "patient", caller=BACKGROUND)
    tasks += await ask(queue, "late")
    with pytest.raises(Unavailable):
        await queue.render(job("refused"))
    tasks += await ask(queue, "patient too", caller=BACKGROUND)
    renderer.gate.set()
    await asyncio.gather(*tasks)
    assert names(renderer) == ["first", "late", "patient", "patient too"]


async def test_cancelled_jobs_free_their_turn():
    """While running, while waiting, and at the moment when the turn comes."""
    queue, renderer = make(max_waiting=5)
    running, waiting, lucky, last = await ask(queue, "running", "waiting", "lucky", "last")
    waiting.cancel()
    running.cancel()
    await asyncio.sleep(0)
    lucky.cancel()
    renderer.gate.set()
    await asyncio.gather(running, waiting, lucky, return_exceptions=True)
    await asyncio.wait_for(last, 20)
    assert (queue.running, queue.waiting) == (0, 0)
    assert "waiting" not in names(renderer)


async def test_failed_job_frees_its_turn():
    """The next one runs."""
    queue, renderer = make()
    renderer.gate.set()
    good, renderer.answer = renderer.answer, lambda job: 1 / 0
    with pytest.raises(ZeroDivisionError):
        await queue.render(job("a"))
    renderer.answer = good
    assert (await queue.render(job("b"))).images


async def test_renderer_starts_once_with_the_first_job():
    """However many jobs come at once; closing a renderer that never started does nothing."""
    queue, renderer = make(max_running=3)
    assert queue.maybe_available
    await queue.close()
    assert not renderer.is_closed
    renderer.gate.set()
    await asyncio.gather(*await ask(queue, "a", "b", "c"))
    assert renderer.starts == 1
    await queue.close()
    assert renderer.is_closed


async def test_timeout_is_limited():
    """Also that of a stored job from when more was allowed."""
    queue, renderer = make(max_seconds=5)
    renderer.gate.set()
    await queue.render(job("a", timeout=50))
    await queue.render(job("b", timeout=2))
    assert [one.timeout for one in renderer.jobs] == [5, 2]


async def test_probe_does_not_start():
    """It happens once, at the latest when someone asks, and not after a start, which finds out more."""
    queue, renderer = make()
    assert (await queue.wait_for_status(60)).tier == "FULL"
    assert (renderer.probes, renderer.starts) == (1, 0)
    queue.probe()
    queue.probe()
    await queue.wait_for_status(60)
    assert (renderer.probes, renderer.starts) == (1, 0)
    await queue.close()
    assert not renderer.is_closed
    other, started = make()
    await other.start()
    other.probe()
    assert (started.probes, started.starts) == (0, 1)


async def test_probe_leaves_the_processor_to_the_start(monkeypatch: pytest.MonkeyPatch):
    """It happens later without a question, and not in a queue that has been closed."""
    monkeypatch.setattr(module, "_PROBE_AFTER_SECONDS", 0)
    queue, renderer = make()
    queue.probe_later()
    await asyncio.sleep(0)
    assert renderer.probes == 0
    while renderer.probes == 0:
        await asyncio.sleep(0)
    closed, other = make()
    closed.probe_later()
    await closed.close()
    await queue.close()
    assert other.probes == 0


async def test_report_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch):
    """During a probe the report is the last known one; closing waits for the probe."""
    queue, renderer = make()
    monkeypatch.setattr(renderer, "probe", renderer.gate.wait)
    queue.probe()
    assert await queue.wait_for_status(0) is renderer.status
    closing = asyncio.ensure_future(queue.close())
    await asyncio.sleep(0)
    assert not closing.done()
    renderer.gate.set()
    await closing


async def test_probe_reports_before_a_slow_start(monkeypatch: pytest.MonkeyPatch):
    """The report does not wait for the libraries."""
    queue, renderer = make()
    monkeypatch.setattr(renderer, "start", renderer.gate.wait)
    queue.probe()
    starting = asyncio.ensure_future(queue.start())
    assert (await queue.wait_for_status(60)).tier == "FULL"
    assert not starting.done()
    renderer.gate.set()
    await starting
    await queue.close()


async def test_renders_are_not_offered_after_a_failed_probe():
    """Before the probe, pages may offer them."""
    queue, renderer = make()
    renderer.status = RendererStatus("none", ("no seccomp",))
    assert queue.maybe_available
    queue.probe()
    await queue.wait_for_status(60)
    assert not queue.maybe_available


async def test_renders_are_not_offered_after_a_failed_start():
    """Before the start, pages may offer them."""
    queue, renderer = make()
    renderer.status = RendererStatus("none", ("no seccomp",))
    assert queue.maybe_available
    await queue.start()
    assert not queue.maybe_available


def make_fleet(slots: int) -> tuple[RenderQueue, FakeRenderer]:
    """A queue that was configured for one job, in front of a renderer with slots of its own."""
    queue, renderer = make(max_running=1, max_waiting=9)
    renderer.status = RendererStatus("FULL", slots=slots, name="http")
    return queue, renderer


async def test_the_queue_is_as_wide_as_the_fleet():
    """When workers come, jobs that wait begin with the next event; when they go, what runs goes on."""
    queue, renderer = make_fleet(2)
    tasks = await ask(queue, "a", "b", "c", "d")
    assert (names(renderer), queue.width) == (["a", "b"], 2)
    renderer.status = RendererStatus("FULL", slots=3, name="http")
    await queue.wait_for_status(1)
    tasks += await ask(queue, "e")
    assert names(renderer) == ["a", "b", "c"]
    renderer.status = RendererStatus("FULL", slots=1, name="http")
    await queue.wait_for_status(1)
    assert (queue.width, queue.running, queue.waiting) == (1, 3, 2)
    renderer.gate.set()
    await asyncio.gather(*tasks)
    assert names(renderer) == ["a", "b", "c", "d", "e"]


async def test_a_fleet_without_workers_is_tried():
    """One job at a time learns whether they are back."""
    queue, _ = make_fleet(0)
    tasks = await ask(queue, "a", "b")
    assert (queue.running, queue.waiting, queue.width) == (1, 1, 1)
    for task in tasks:
        task.cancel()


async def test_a_status_request_asks_the_fleet():
    """Workers come and go; the sandbox of this machine is probed once."""
    queue, renderer = make_fleet(1)
    queue.probe()
    for _ in range(3):
        await queue.wait_for_status(1)
    assert renderer.probes == 3
    local, renderer = make()
    local.probe()
    for _ in range(3):
        await local.wait_for_status(1)
    assert renderer.probes == 1


async def test_visitors_leave_a_slot_of_the_fleet():
    """The reserved slots are kept free of those that the fleet has."""
    renderer = FakeRenderer()
    renderer.gate.clear()
    renderer.status = RendererStatus("FULL", slots=3, name="http")
    queue = RenderQueue(renderer, 1, 9, 60, reserved=1)
    tasks = await ask(queue, "v", "w", "x", caller=visitor_caller("a link"))
    tasks += await ask(queue, "owner")
    assert names(renderer) == ["v", "w", "owner"]
    renderer.gate.set()
    await asyncio.gather(*tasks)
