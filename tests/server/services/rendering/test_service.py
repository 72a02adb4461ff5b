"""The render service: what is cached, remembered, counted and shared."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_figserve.errors import DeadlineExceeded, OutputInvalid, TooLarge, TooManyRequests
from jupyter_figserve.model.rendering import RenderJob
from jupyter_figserve.sandbox.fake import FakeRenderer, draw
from jupyter_figserve.server.services.callers import OWNER, key_holder, visitor_caller
from jupyter_figserve.server.services.rendering.queue import RenderQueue
from jupyter_figserve.server.services.rendering.service import RenderService
from jupyter_figserve.store.files.render_cache import RenderCache

from ...conftest import Clock


class Made:
    """A service, its renderer, its clock, and the error that the renderer raises, if any."""

    def __init__(self, root, max_seconds: float = 60, **limits: int) -> None:
        self.error: Exception | None = None
        self.clock = Clock(0.0)
        self.renderer = FakeRenderer(self._answer)
        queue = RenderQueue(self.renderer, 2, 4, max_seconds, **limits)
        self.service = RenderService(queue, RenderCache(root, 10**6), self.clock)

    def _answer(self, job: RenderJob):
        if self.error is not None:
            raise self.error
        return draw(job)


@pytest.fixture
def made(tmp_path) -> Made:
    return Made(tmp_path)


JOB = RenderJob("code", b"while True: pass", timeout=5.0)
SLOW = RenderJob("code", b"while True: pass", timeout=20.0)


async def fail(made: Made, job: RenderJob, kind: type[Exception]) -> Exception:
    with pytest.raises(kind) as failed:
        await made.service.render_cached(job, visitor_caller("a"))
    return failed.value


async def test_kind_C4_deadline_is_remembered_for_ten_times_its_length(made):
    """The same address costs one job meanwhile, and the answer says when it is tried again."""
    made.error = DeadlineExceeded("too slow")
    await fail(made, SLOW, DeadlineExceeded)
    made.clock.now = 150.0
    error = await fail(made, SLOW, DeadlineExceeded)
    assert (len(made.renderer.jobs), error.retry_after) == (1, 50)
    made.clock.now = 201.0
    await fail(made, SLOW, DeadlineExceeded)
    assert len(made.renderer.jobs) == 2


async def test_raised_deadline_is_tried_again(made):
    """A lower one is not."""
    made.error = DeadlineExceeded("too slow")
    await fail(made, JOB, DeadlineExceeded)
    made.error = None
    await fail(made, JOB, DeadlineExceeded)
    result, is_cached = await made.service.render_cached(SLOW, visitor_caller("a"))
    assert (len(made.renderer.jobs), bool(result.images), is_cached) == (2, True, False)
    assert (await made.service.render_cached(JOB))[1]


async def test_kind_C4_visitors_deadline_is_not_the_owners(made):
    """Their jobs have a lower priority: what many requests made slow is rendered for the owner, and then for all."""
    made.error = DeadlineExceeded("too slow")
    await fail(made, JOB, DeadlineExceeded)
    made.error = None
    await fail(made, JOB, DeadlineExceeded)
    assert (await made.service.render_cached(JOB, key_holder("k")))[1] is False
    assert (await made.service.render_cached(JOB, visitor_caller("a")))[1] is True


async def test_kind_C4_owners_deadline_is_everybodys(made):
    """It is not repeated for anyone."""
    made.error = DeadlineExceeded("too slow")
    for caller in (OWNER, OWNER, key_holder("k"), visitor_caller("a")):
        with pytest.raises(DeadlineExceeded):
            await made.service.render_cached(JOB, caller)
    assert len(made.renderer.jobs) == 1


@pytest.mark.parametrize("kind", [TooLarge, OutputInvalid])
async def test_kind_C4_failures_are_remembered_for_a_minute(made, kind):
    """Also those that exceed a size."""
    made.error = kind("no")
    await fail(made, JOB, kind)
    made.clock.now = 59.0
    await fail(made, JOB, kind)
    assert len(made.renderer.jobs) == 1
    made.clock.now, made.error = 61.0, None
    await made.service.render_cached(JOB)


async def test_kind_C9_only_jobs_are_counted(made):
    """Not what is cached, known to fail or under way; a refusal costs no job."""
    counted: list[str] = []
    await made.service.render_cached(JOB, before_render=lambda: counted.append("miss"))
    await made.service.render_cached(JOB, before_render=lambda: counted.append("hit"))
    assert counted == ["miss"]

    def refuse() -> None:
        raise TooManyRequests("too many")

    with pytest.raises(TooManyRequests):
        await made.service.render_cached(RenderJob("code", b"other"), before_render=refuse)
    assert len(made.renderer.jobs) == 1


async def test_kind_C4_hundred_strangers_on_one_link_do_not_delay_the_owner(tmp_path):
    """Their renders use one of two slots, all but a share of them are refused, and the owner's render is next."""
    made = Made(tmp_path, reserved=1, max_share=3)
    made.renderer.gate.clear()
    strangers = [
        asyncio.ensure_future(made.service.render_cached(RenderJob("code", b"%d" % n), visitor_caller("link")))
        for n in range(100)
    ]
    while sum(task.done() for task in strangers) < 96:
        await asyncio.sleep(0)
    assert made.service.queue.running == 1
    own = asyncio.ensure_future(made.service.render(RenderJob("code", b"own"), OWNER))
    while made.service.queue.running < 2:
        await asyncio.sleep(0)
    assert made.renderer.jobs[-1].source == b"own"
    made.renderer.gate.set()
    await own
    await asyncio.gather(*strangers, return_exceptions=True)


async def test_kind_C5_composed_job_is_composed_once(made):
    """By its key: a hit and a known failure cost no composition."""
    composed: list[bool] = []

    def compose() -> RenderJob:
        composed.append(True)
        return JOB

    for _ in range(2):
        result, is_cached = await made.service.render_composed("key", compose, 5.0)
    assert (composed, is_cached, bool(result.images)) == ([True], True, True)
    made.error = OutputInvalid("no")
    for _ in range(2):
        with pytest.raises(OutputInvalid):
            await made.service.render_composed("other", compose, 5.0)
    assert len(composed) == 2
