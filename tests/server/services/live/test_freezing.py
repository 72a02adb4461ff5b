"""Freezing: which formats are kept, and that a failure is reported."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from jupyter_figserve.errors import OutputInvalid, UnsupportedType
from jupyter_figserve.model.figures import EncodedImage
from jupyter_figserve.model.live import LiveDeclaration, LiveRequest
from jupyter_figserve.model.parameter import Parameter
from jupyter_figserve.model.parameters import Parameters
from jupyter_figserve.server.services.live.backends.backend import KernelUnavailable
from jupyter_figserve.server.services.live.freezing import freeze
from jupyter_figserve.server.services.live.image_cache import CachedImage

from ...making import FakeKernel

MIMETYPES = {
    "png": "image/png", "svg": "image/svg+xml", "html": "text/html", "json": "application/json", "csv": "text/csv",
}  # fmt: skip


class Kernel(FakeKernel):
    """Gives only these formats, of which the first is its own."""

    def __init__(self, *formats: str, status: int = 200) -> None:
        super().__init__()
        self.formats = formats
        self.status = status

    async def call(self, name, request, known, on_progress=None):
        await super().call(name, request, known)
        if request.format not in self.formats:
            own = "data" if self.formats[0] == "json" else self.formats[0]
            raise UnsupportedType("Not available.", code=f"{own}_only")
        content = EncodedImage(MIMETYPES[request.format], request.format.encode())
        return CachedImage(content, revision="r", status=self.status)


@pytest.fixture
def declare(context):
    """Offer a live figure with a parameter ``n`` by this kernel."""

    async def offer(kernel):
        declaration = LiveDeclaration("plot", Parameters((Parameter("n", "int", default=0),)), revision="r")
        await context.live.registry.register(context.config.owner, "k1", kernel, [declaration])
        return await context.live.registry.find("k1", "plot")

    return offer


@pytest.mark.parametrize(
    ("formats", "kept"),
    [
        (("png", "svg", "pdf"), ["png", "svg"]),
        (("png",), ["png"]),
        (("svg",), ["svg"]),
        (("html",), ["html"]),
        (("json", "csv"), ["json", "csv"]),
    ],
)
async def test_formats_suit_the_function(context, declare, formats, kept):
    """Each call is kept in all formats in which pages and links show it, and they answer without a kernel."""
    kernel = Kernel(*formats)
    target = await declare(kernel)
    assert await freeze(context.live, target, [{"n": 1}, {"n": 2}], None) == {"frozen": 2, "formats": kept}
    context.live.images._in_memory.clear()
    for name in kept:
        image = await context.live.images.find_last(target.record.id, LiveRequest({"n": 2}, name))
        assert (image.content.mimetype, image.content.data) == (MIMETYPES[name], name.encode())


async def test_one_format_by_choice(context, declare):
    """Then nothing else is rendered."""
    kernel = Kernel("png", "svg")
    assert await freeze(context.live, await declare(kernel), [{"n": 1}], "svg") == {"frozen": 1, "formats": ["svg"]}
    assert [request.format for _, request in kernel.asked] == ["svg"]


async def test_errors_are_not_kept(context, declare):
    """The response to an error is no result; a kernel that is gone is reported."""
    kernel = Kernel("json", "csv", status=422)
    target = await declare(kernel)
    await freeze(context.live, target, [{"n": 1}], None)
    context.live.images._in_memory.clear()
    assert await context.live.images.find_last(target.record.id, LiveRequest({"n": 1}, "json")) is None
    kernel.error = KernelUnavailable()
    with pytest.raises(KernelUnavailable):
        await freeze(context.live, target, [{"n": 1}], None)


class Sandbox(Kernel):
    """Calls that go on until all have begun."""

    def __init__(self, expected: int, fails: int | None = None) -> None:
        super().__init__("png")
        self.barrier, self.fails, self.begun = asyncio.Barrier(expected), fails, 0

    async def call(self, name, request, known, on_progress=None):
        self.begun += 1
        if request.arguments["n"]:
            async with asyncio.timeout(20):
                await self.barrier.wait()
        if request.arguments["n"] == self.fails:
            raise OutputInvalid("It fails.")
        return await super().call(name, request, known)

    def on_behalf_of(self, caller):
        return self


async def test_detached_functions_use_the_width_of_the_sandbox(context, declare, monkeypatch):
    """After the first call, which shows the form; a kernel runs one call at a time."""
    sandbox = Sandbox(3)
    target = replace(await declare(sandbox), kernel=None)
    monkeypatch.setattr(context.live, "limits", replace(context.live.limits, max_detached_running=4))
    calls = [{"n": n} for n in range(4)]
    assert await freeze(context.live, target, calls, "png", 3) == {"frozen": 4, "formats": ["png"]}
    kernel = Kernel("png")
    await freeze(context.live, await declare(kernel), calls, "png", 3)
    assert [request.arguments["n"] for _, request in kernel.asked] == [0, 1, 2, 3]


async def test_a_failure_among_several_calls(context, declare, monkeypatch):
    """It is reported as it is, and images before it are kept."""
    sandbox = Sandbox(2, fails=2)
    target = replace(await declare(sandbox), kernel=None)
    monkeypatch.setattr(context.live, "limits", replace(context.live.limits, max_detached_running=4))
    with pytest.raises(OutputInvalid, match="It fails"):
        await freeze(context.live, target, [{"n": n} for n in range(3)], "png", 2)
    context.live.images._in_memory.clear()
    assert await context.live.images.find_last(target.record.id, LiveRequest({"n": 0}, "png")) is not None
