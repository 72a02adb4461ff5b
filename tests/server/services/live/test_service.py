"""Live requests answered by the kernel, the cache, the client's own copy, or a stale image."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_figserve.errors import CodeFailed, TooManyRequests
from jupyter_figserve.model.live import LiveDeclaration, LiveRequest
from jupyter_figserve.server.services.live.backends.backend import KernelUnavailable

from ...making import FakeKernel


@pytest.fixture
def declare(context):
    """Register a fake kernel; return its target."""

    async def declare(kernel: FakeKernel, **fields: object):
        declared = [LiveDeclaration("animal", digest="d", revision="r", **fields)]
        await context.live.registry.register(context.config.owner, "k1", kernel, declared)
        return await context.live.registry.find("k1", "animal")

    return declare


async def test_cache_expires(context, declare, clock):
    """Then the kernel is called again; ``no_cache`` calls it at once."""
    kernel = FakeKernel()
    target, request = await declare(kernel, cache=60.0), LiveRequest({}, "png")
    for seconds, no_cache, calls in ((0, False, 1), (59, False, 1), (0, True, 2), (61, False, 3)):
        clock.advance(seconds)
        result = await context.live.render(target, request, no_cache=no_cache)
        assert (len(kernel.asked), result.stale) == (calls, None)
    assert result.cache_status == "figserve; fwd=miss"


async def test_known_version_needs_no_call(context, declare):
    """A client with its ETag gets 304, others the cached image."""
    kernel = FakeKernel("2024")
    target, request = await declare(kernel, version="2024", is_versioned=True), LiveRequest({}, "png")
    first = await context.live.render(target, request)
    same = await context.live.render(target, request, known_etags=[first.etag])
    other = await context.live.render(target, request)
    assert (same.image, other.image.content, len(kernel.asked)) == (None, first.image.content, 1)


async def test_version_from_the_kernel_avoids_drawing(context, declare, clock):
    """Each request calls the kernel, which reports unchanged data; a new version has a new ETag."""
    kernel = FakeKernel("1")
    target, request = await declare(kernel, is_versioned=True), LiveRequest({}, "png")
    first, second = [await context.live.render(target, request) for _ in range(2)]
    assert (first.etag, first.image.content, len(kernel.asked)) == (second.etag, second.image.content, 2)
    kernel.version = "2"
    assert (await context.live.render(target, request)).etag != first.etag


async def test_stale_image_instead_of_a_temporary_error(context, declare, clock):
    """With its age. The function's own failure is reported, and so is the error if there is no image."""
    kernel = FakeKernel()
    target, request = await declare(kernel), LiveRequest({}, "png")
    good = await context.live.render(target, request)
    clock.advance(7)
    kernel.error = KernelUnavailable()
    stale = await context.live.render(target, request)
    assert (stale.image, stale.age, stale.cache_status) == (good.image, 7, "figserve; hit; detail=stale")
    with pytest.raises(KernelUnavailable):
        await context.live.render(target, LiveRequest({"n": 1}, "png"))
    kernel.error = CodeFailed("ValueError", kind="ValueError")
    with pytest.raises(CodeFailed):
        await context.live.render(target, request)


async def test_image_that_cannot_be_hidpi_is_cached_for_all_screens(context, declare, clock):
    """It answers further hidpi requests from the cache, and is the stale image for all."""
    kernel = FakeKernel()
    target, hidpi = await declare(kernel, cache=60.0), LiveRequest({}, "png", device_pixel_ratio=2)
    first = await context.live.render(target, hidpi)
    again = await context.live.render(target, hidpi)
    assert (len(kernel.asked), again.image.content, again.image.device_pixel_ratio) == (1, first.image.content, 1)
    clock.advance(61)
    kernel.error = KernelUnavailable()
    stale = await context.live.render(target, LiveRequest({}, "png"))
    assert (stale.image.content, stale.image.device_pixel_ratio) == (first.image.content, 1)
    assert (await context.live.forms.find_image(target, LiveRequest({}, "png"))).size == (1, 1)


async def test_before_call_is_called_once_a_call(context, declare):
    """Requests that join a call do not count; one that is refused gets the stale image, if there is one."""
    kernel, counted = FakeKernel(), []
    target, request = await declare(kernel), LiveRequest({}, "png")
    kernel.gate.clear()
    asked = [
        asyncio.ensure_future(context.live.render(target, request, before_call=lambda: counted.append(1)))
        for _ in range(5)
    ]
    while not kernel.asked:
        await asyncio.sleep(0)
    kernel.gate.set()
    await asyncio.gather(*asked)
    assert (len(kernel.asked), len(counted)) == (1, 1)

    def refuse() -> None:
        raise TooManyRequests("Too many.")

    result = await context.live.render(target, request, before_call=refuse)
    assert isinstance(result.stale, TooManyRequests)
    with pytest.raises(TooManyRequests):
        await context.live.render(target, LiveRequest({"n": 1}, "png"), before_call=refuse)


async def test_no_cache_after_a_crowd_calls_again(context, declare, clock):
    """The image that a crowd was given is neither sent as an answer to ``no_cache`` nor labelled as fresh."""
    kernel = FakeKernel()
    target, request = await declare(kernel), LiveRequest({}, "png")
    kernel.gate.clear()
    crowd = [asyncio.ensure_future(context.live.render(target, request)) for _ in range(40)]
    while not kernel.asked:
        await asyncio.sleep(0)
    late = asyncio.ensure_future(context.live.render(target, request, no_cache=True))
    kernel.gate.set()
    first = (await asyncio.gather(*crowd))[0].image
    assert (await late).image.content != first.content
    clock.advance(1)
    late_arrival = await context.live.render(target, request)
    assert (late_arrival.image, late_arrival.age, late_arrival.cache_status) == (first, 1, "figserve; hit")
    fresh = await context.live.render(target, request, no_cache=True)
    assert (fresh.age, fresh.cache_status, len(kernel.asked)) == (0, "figserve; fwd=miss", 3)
    assert fresh.image.content not in (first.content, (await late).image.content)


async def test_connection_that_drops_again_and_again(context, declare):
    """Each request gets an image, the last good one marked as such, or the sentence; then all are answered again."""
    kernel = FakeKernel()
    first, requests = await declare(kernel), [LiveRequest({"n": n}, "png") for n in range(3)]
    outcomes: list[object] = []

    async def poll(request: LiveRequest) -> None:
        target = await context.live.registry.find_by_id(first.record.id)
        try:
            outcomes.append((await context.live.render(target, request)).stale is None)
        except KernelUnavailable as error:
            outcomes.append(error.message)

    for number in range(60):
        kernel.gate.clear() if number % 3 else kernel.gate.set()
        polling = [asyncio.ensure_future(poll(request)) for request in requests]
        await asyncio.sleep(0)
        if number % 2:
            kernel.close()
            context.live.unregister("k1", kernel)
        old, kernel = kernel, FakeKernel()
        await declare(kernel)
        assert old.is_closed
        await asyncio.gather(*polling)
    assert len(outcomes) == 180
    assert {type(outcome) for outcome in outcomes} <= {bool, str}
    results = [await context.live.render(await declare(kernel), request) for request in requests]
    assert [result.stale for result in results] == [None] * 3


async def test_kernel_that_ends_under_load(context, declare):
    """All waiting requests are told that the kernel has ended, and it offers nothing any more."""
    kernel = FakeKernel()
    target = await declare(kernel)
    kernel.gate.clear()
    requests = [LiveRequest({"n": n}, "png") for n in range(10)]
    waiting = [asyncio.ensure_future(context.live.render(target, request)) for request in requests]
    while not kernel.asked:
        await asyncio.sleep(0)
    context.live.on_kernel_ended("k1")
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(answer) for answer in answers} == {KernelUnavailable}
    assert (kernel.is_closed, context.live.registry.list_offered()) == (True, [])
