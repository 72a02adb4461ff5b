"""A call to a live figure keeps its kernel from being culled only if ``live_keeps_kernel`` is set."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from jupyter_figserve.model.live import LiveDeclaration

from ...making import FakeKernel


@pytest.fixture(params=[False, True], ids=["default", "live_keeps_kernel"])
def keeps(request, jp_server_config) -> bool:
    """Value of the trait."""
    if request.param:
        jp_server_config["FigServe"]["live_keeps_kernel"] = True
    return request.param


@pytest.fixture
def idle(keeps, jp_serverapp, monkeypatch) -> list[str]:
    """Kernels that Jupyter culled; k1 has been idle for an hour, and a minute is the limit."""
    manager, culled = jp_serverapp.kernel_manager, []

    async def shutdown_kernel(kernel: str) -> None:
        culled.append(kernel)

    hour_ago = datetime.now(timezone.utc) - timedelta(hours=1)
    kernel = SimpleNamespace(
        last_activity=hour_ago,
        execution_state="idle",
        kernel_name="python3",
        kernel_spec=SimpleNamespace(metadata={}),
    )
    monkeypatch.setattr(manager, "_kernels", {"k1": kernel})
    monkeypatch.setattr(manager, "shutdown_kernel", shutdown_kernel)
    monkeypatch.setattr(manager, "cull_idle_timeout", 60)
    return culled


async def test_call_counts_as_activity_if_configured(keeps, idle, jp_serverapp, context, owner):
    """Jupyter's own culling decides; a kernel that it does not know is ignored."""
    for kernel in ("k1", "elsewhere"):
        await context.live.registry.register(context.config.owner, kernel, FakeKernel(), [LiveDeclaration("animal")])
        assert (await owner.get(f"/live/{kernel}/animal.png")).status == 200
    await jp_serverapp.kernel_manager.cull_kernels()
    assert idle == ([] if keeps else ["k1"])
