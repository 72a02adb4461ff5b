"""Live requests answered by the kernel, the cache, the client's own copy, or a stale image."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_figserve.errors import CodeFailed, TooManyRequests
from jupyter_figserve.model.live import LiveDeclaration, LiveRequest
from jupyter_figserve.server.services.live.backend import KernelUnavailable

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
    assert (same.image, other.image.payload, len(kernel.asked)) == (None, first.image.payload, 1)


async def test_version_from_the_kernel_avoids_drawing(context, declare, clock):
    """Each request calls the kernel, which reports unchanged data; a new version has a new ETag."""
    kernel = FakeKernel("1")
    target, request = await declare(kernel, is_versioned=True), LiveRequest({}, "png")
    first, second = [await context.live.render(target, request) for _ in range(2)]
    assert (first.etag, first.image.payload, len(kernel.asked)) == (second.etag, second.image.payload, 2)
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
    assert (len(kernel.asked), again.image.payload, again.image.device_pixel_ratio) == (1, first.image.payload, 1)
    clock.advance(61)
    kernel.error = KernelUnavailable()
    stale = await context.live.render(target, LiveRequest({}, "png"))
    assert (stale.image.payload, stale.image.device_pixel_ratio) == (first.image.payload, 1)
    assert (await context.live.forms.find_size(target, {})) == (1, 1)


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
