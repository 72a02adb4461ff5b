"""Live figures of kernels: recorded once, found by kernel and by permanent id, with an event for each change."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_figserve.model.live import LiveDeclaration, LiveFigureRecord
from jupyter_figserve.server.services.live.registry import CHANGED, GONE, OFFERED, LiveRegistry, LiveTarget

from ...making import FakeKernel

ANIMAL = LiveDeclaration("animal", digest="d", revision="1")


async def follow(kernel: str) -> str:
    """Kernels whose name has a dash have a notebook."""
    return "a.ipynb" if "-" in kernel else ""


class Detached:
    """Finds a detached function for all live figures, once there is one."""

    backend: FakeKernel | None = None

    async def find(self, record: LiveFigureRecord) -> LiveTarget | None:
        return self.backend and LiveTarget(record, record.declaration, backend=self.backend)


@pytest.fixture
def events() -> list[tuple[str, str, dict[str, Any]]]:
    """Owner, kind and data of each event."""
    return []


@pytest.fixture
def detached() -> Detached:
    return Detached()


@pytest.fixture
def registry(context, detached, events) -> LiveRegistry:
    return LiveRegistry(context.store, "/srv", follow, detached.find, lambda *event: events.append(event))


async def test_one_id_for_all_kernels_of_a_notebook(registry):
    """The newest kernel answers under it; a kernel without a notebook has figures of its own."""
    (first,) = await registry.register("ann", "a-1", FakeKernel(), [ANIMAL])
    (second,) = await registry.register("ann", "a-2", FakeKernel(), [ANIMAL])
    (alone,) = await registry.register("ann", "k", FakeKernel(), [ANIMAL])
    assert first.id == second.id != alone.id
    assert (await registry.get_by_id(first.id)).kernel == "a-2"
    assert (await registry.find("a-1", "animal")).kernel == "a-1"
    assert [target.kernel for target in registry.list_offered()] == ["k", "a-2", "a-1"]


async def test_each_change_is_one_event(registry, events):
    """Registering the same declaration again is none; another revision is, and so is a figure that is left out."""
    backend = FakeKernel()
    await registry.register("ann", "a-1", backend, [ANIMAL, LiveDeclaration("other")])
    await registry.register("ann", "a-1", backend, [ANIMAL, LiveDeclaration("other")])
    await registry.register("ann", "a-1", backend, [LiveDeclaration("animal", digest="d", revision="2")])
    assert registry.unregister("a-1", backend)
    assert [(owner, kind, data["session"], data["name"]) for owner, kind, data in events] == [
        ("ann", OFFERED, "a-1", "animal"),
        ("ann", OFFERED, "a-1", "other"),
        ("ann", CHANGED, "a-1", "animal"),
        ("ann", GONE, "a-1", "other"),
        ("ann", GONE, "a-1", "animal"),
    ]
    assert {data["notebook"] for _, _, data in events} == {"a.ipynb"}


async def test_old_connection_that_closes_late_removes_nothing(registry):
    """A kernel dialled again before its first connection was seen to be down."""
    old, new = FakeKernel(), FakeKernel()
    await registry.register("ann", "a-1", old, [ANIMAL])
    await registry.register("ann", "a-1", new, [ANIMAL])
    assert not registry.unregister("a-1", old)
    assert (await registry.find("a-1", "animal")).backend is new
    assert registry.unregister("a-1", new)


async def test_figure_that_no_kernel_offers_has_no_backend(registry):
    """It is found by its kernel and by its id, for its stale images; one that never existed is not."""
    backend = FakeKernel()
    (record,) = await registry.register("ann", "a-1", backend, [ANIMAL])
    registry.unregister("a-1", backend)
    for target in ((await registry.find("a-1", "animal")), (await registry.get_by_id(record.id))):
        assert (target.kernel, target.backend, target.declaration) == (None, None, ANIMAL)
    assert (await registry.find("a-1", "nothing")) is None
    assert (await registry.get_by_id("nothing")) is None


async def test_detached_function_answers_when_no_kernel_does(registry, detached):
    """While a kernel offers the figure, the kernel answers."""
    detached.backend, backend = FakeKernel(), FakeKernel()
    (record,) = await registry.register("ann", "a-1", backend, [ANIMAL])
    assert (await registry.get_by_id(record.id)).backend is backend
    registry.unregister("a-1", backend)
    assert (await registry.get_by_id(record.id)).backend is detached.backend
    assert (await registry.find("a-1", "animal")).backend is detached.backend
    assert (await registry.find("a-1", "animal")).queue_key == f"detached {record.id}"


async def test_figure_of_an_ended_kernel_is_answered_by_another(registry, detached):
    """A detached figure's old address leads to the kernel that offers it now."""
    detached.backend, old, new = FakeKernel(), FakeKernel(), FakeKernel()
    await registry.register("ann", "a-1", old, [ANIMAL])
    registry.unregister("a-1", old)
    await registry.register("ann", "a-2", new, [ANIMAL])
    assert (await registry.find("a-1", "animal")).backend is new


async def test_read_only_store_still_registers(registry, context, monkeypatch):
    """The ids last as long as the server."""
    monkeypatch.setattr(context.store.catalog, "read_only_because", "the disk is full")
    (record,) = await registry.register("ann", "a-1", FakeKernel(), [ANIMAL])
    assert (await registry.get_by_id(record.id)).kernel == "a-1"
