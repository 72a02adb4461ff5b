"""What a kernel publishes in its first moments belongs to its notebook."""

from __future__ import annotations

import pytest

from jupyter_figserve.errors import Unavailable
from jupyter_figserve.server.services.sessions.kernel_start import NOTEBOOK_SECONDS, check_started
from jupyter_figserve.server.services.sessions.registered_kernels import KernelReport, RegisteredKernels

from ...sample_images import png


async def test_registered_kernel_waits_for_its_notebook(context, clock):
    """Until its server has reported it; one that has none waits no longer than a notebook would take."""
    kernels = RegisteredKernels(context.store, 5)
    for kernel in ("a", "b"):
        await kernels.register("ann", KernelReport(kernel, "hub"))
        with pytest.raises(Unavailable, match="starting") as caught:
            await check_started(context.store, kernel, is_registered=True)
        assert caught.value.code == "kernel_starting"
        await check_started(context.store, kernel, is_registered=False)
    await kernels.register("ann", KernelReport("a", "hub", "a.ipynb"))
    await check_started(context.store, "a", is_registered=True)
    clock.advance(NOTEBOOK_SECONDS)
    await check_started(context.store, "b", is_registered=True)
    await check_started(context.store, "unknown", is_registered=True)


async def test_kernel_without_an_id_publishes_nothing(owner, make_key):
    """Its figures would be those of no kernel; 503 says when to try again."""
    kernel = owner.with_key(await make_key("publish", "read", kernel="starting"))
    answer = await kernel.ask("POST", "/api/figures", png(), {"Content-Type": "image/png"}, name="early")
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "kernel_starting", "1")
