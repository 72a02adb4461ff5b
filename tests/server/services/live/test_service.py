"""Live pictures drawn: by the kernel, or without it from what is held, what the client has, or the last good one."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_figserve.errors import CodeFailed, TooManyRequests
from jupyter_figserve.model.live import LiveDeclaration, LiveRequest
from jupyter_figserve.server.services.live.backend import KernelUnavailable

from ...making import FakeKernel


@pytest.fixture
def declare(context):
    """The target of what a fake kernel offers."""

    async def offer(link: FakeKernel, **words: object):
        declared = [LiveDeclaration("animal", digest="d", revision="r", **words)]
        await context.live.registry.register(context.config.owner, "k1", link, declared)
        return context.live.registry.find("k1", "animal")

    return offer


async def test_cache_holds_for_as_long_as_it_says(context, declare, clock):
    """Then the kernel is asked again; ``fresh`` asks it at once."""
    link = FakeKernel()
    target, request = await declare(link, cache=60.0), LiveRequest({}, "png")
    for seconds, fresh, calls in ((0, False, 1), (59, False, 1), (0, True, 2), (61, False, 3)):
        clock.advance(seconds)
        shown = await context.live.render(target, request, no_cache=fresh)
        assert (len(link.asked), shown.stale) == (calls, None)
    assert shown.cache_status == "figserve; fwd=miss"


async def test_known_version_asks_nobody(context, declare):
    """304 for whoever has its ETag; the held picture for others."""
    link = FakeKernel("2024")
    target, request = await declare(link, version="2024", is_versioned=True), LiveRequest({}, "png")
    first = await context.live.render(target, request)
    same = await context.live.render(target, request, known_etags=[first.etag])
    other = await context.live.render(target, request)
    assert (same.image, other.image.payload, len(link.asked)) == (None, first.image.payload, 1)


async def test_version_that_the_kernel_tells_draws_once(context, declare, clock):
    """It is asked each time, and says that nothing changed; a new version is a new ETag."""
    link = FakeKernel("1")
    target, request = await declare(link, is_versioned=True), LiveRequest({}, "png")
    first, second = [await context.live.render(target, request) for _ in range(2)]
    assert (first.etag, first.image.payload, len(link.asked)) == (second.etag, second.image.payload, 2)
    link.version = "2"
    assert (await context.live.render(target, request)).etag != first.etag


async def test_last_good_picture_in_the_place_of_what_passes(context, declare, clock):
    """With its age; what the function did wrong is told, and without any picture the error is."""
    link = FakeKernel()
    target, request = await declare(link), LiveRequest({}, "png")
    good = await context.live.render(target, request)
    clock.advance(7)
    link.fault = KernelUnavailable()
    stale = await context.live.render(target, request)
    assert (stale.image, stale.age, stale.cache_status) == (good.image, 7, "figserve; hit; detail=stale")
    with pytest.raises(KernelUnavailable):
        await context.live.render(target, LiveRequest({"n": 1}, "png"))
    link.fault = CodeFailed("ValueError", kind="ValueError")
    with pytest.raises(CodeFailed):
        await context.live.render(target, request)


async def test_what_has_no_density_is_kept_as_usual(context, declare, clock):
    """It answers those with dense screens from the cache, and is the last picture of all."""
    link = FakeKernel()
    target, dense = await declare(link, cache=60.0), LiveRequest({}, "png", device_pixel_ratio=2)
    first = await context.live.render(target, dense)
    again = await context.live.render(target, dense)
    assert (len(link.asked), again.image.payload, again.image.device_pixel_ratio) == (1, first.image.payload, 1)
    clock.advance(61)
    link.fault = KernelUnavailable()
    stale = await context.live.render(target, LiveRequest({}, "png"))
    assert (stale.image.payload, stale.image.device_pixel_ratio) == (first.image.payload, 1)
    assert context.live.find_size(target, {}) == (1, 1)


async def test_before_call_is_of_calls_alone(context, declare):
    """Who joins a call under way costs nothing; who is refused gets the last good picture, if there is one."""
    link, counted = FakeKernel(), []
    target, request = await declare(link), LiveRequest({}, "png")
    link.gate.clear()
    asked = [
        asyncio.ensure_future(context.live.render(target, request, before_call=lambda: counted.append(1)))
        for _ in range(5)
    ]
    while not link.asked:
        await asyncio.sleep(0)
    link.gate.set()
    await asyncio.gather(*asked)
    assert (len(link.asked), len(counted)) == (1, 1)

    def refuse() -> None:
        raise TooManyRequests("Too many.")

    shown = await context.live.render(target, request, before_call=refuse)
    assert isinstance(shown.stale, TooManyRequests)
    with pytest.raises(TooManyRequests):
        await context.live.render(target, LiveRequest({"n": 1}, "png"), before_call=refuse)


async def test_freeze_keeps_those_before_a_failure(context, declare):
    """How many there are when none fails."""
    link = FakeKernel()
    target, requests = await declare(link), [LiveRequest({"n": n}, "png") for n in range(3)]
    assert await context.live.freeze(target, requests) == 3
    link.fault = KernelUnavailable()
    with pytest.raises(KernelUnavailable):
        await context.live.freeze(target, [LiveRequest({"n": 9}, "png")])
