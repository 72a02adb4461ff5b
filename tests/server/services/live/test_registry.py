"""Live figures of kernels: recorded once, found by kernel and by permanent id, with an event for each change."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from jupyter_figserve.model.live import LiveDeclaration, LiveFigureRecord
from jupyter_figserve.server.services.live.backends.backend import KernelUnavailable
from jupyter_figserve.server.services.live.registry import CHANGED, GONE, OFFERED, LiveRegistry, LiveTarget

from ...making import FakeKernel

ANIMAL = LiveDeclaration("animal", digest="d", revision="1")


class Kernels:
    """Kernels whose name has a dash have a notebook."""

    def has(self, kernel: str) -> bool:
        return True

    async def follow_all(self) -> None: ...

    async def follow_notebook(self, kernel: str) -> str:
        return "a.ipynb" if "-" in kernel else ""

    async def find_scope(self, kernel: str) -> str:
        return "/srv"


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
    return LiveRegistry(context.store, Kernels(), detached.find, lambda *event: events.append(event))


async def test_one_id_for_all_kernels_of_a_notebook(registry):
    """The newest kernel answers under it; a kernel without a notebook has figures of its own."""
    (first,) = await registry.register("ann", "a-1", FakeKernel(), [ANIMAL])
    (second,) = await registry.register("ann", "a-2", FakeKernel(), [ANIMAL])
    (alone,) = await registry.register("ann", "k", FakeKernel(), [ANIMAL])
    assert first.id == second.id != alone.id
    assert (await registry.find_by_id(first.id)).kernel == "a-2"
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


async def test_newer_backend_replaces_the_older_one_and_closes_it(registry, events):
    """What the kernel offers has the new one at once; the older one can register nothing any more."""
    old, new = FakeKernel(), FakeKernel()
    await registry.register("ann", "a-1", old, [ANIMAL])
    await registry.register("ann", "a-1", new, [ANIMAL])
    assert (old.is_closed, new.is_closed, len(events)) == (True, False, 1)
    with pytest.raises(KernelUnavailable):
        await registry.register("ann", "a-1", old, [LiveDeclaration("old")])
    assert [target.record.name for target in registry.list_offered()] == ["animal"]


@pytest.mark.parametrize("first", ["agent", "stand-in"])
async def test_agent_wins_over_a_stand_in(registry, first):
    """Whichever comes first, and whichever was opened first."""
    agent, stand_in = FakeKernel(), FakeKernel(is_stand_in=True)
    for backend in (agent, stand_in) if first == "agent" else (stand_in, agent):
        with suppress(KernelUnavailable):
            await registry.register("ann", "a-1", backend, [ANIMAL])
    assert (await registry.find("a-1", "animal")).backend is agent
    assert not agent.is_closed


async def test_slow_registration_never_overwrites_a_newer_one(registry, context, monkeypatch):
    """The older connection waits for the catalog while the newer one declares."""
    gate, follow_notebook = asyncio.Event(), registry._kernels.follow_notebook

    async def wait(kernel: str) -> str:
        await gate.wait()
        return await follow_notebook(kernel)

    old, new = FakeKernel(), FakeKernel()
    monkeypatch.setattr(registry._kernels, "follow_notebook", wait)
    slow = asyncio.ensure_future(registry.register("ann", "a-1", old, [LiveDeclaration("animal", revision="old")]))
    await asyncio.sleep(0)
    monkeypatch.setattr(registry._kernels, "follow_notebook", follow_notebook)
    await registry.register("ann", "a-1", new, [LiveDeclaration("animal", revision="new")])
    gate.set()
    with pytest.raises(KernelUnavailable):
        await slow
    target = await registry.find("a-1", "animal")
    assert (target.backend, target.declaration.revision) == (new, "new")


async def test_closed_backend_is_never_found(registry, events):
    """Even if nobody has reported that it is closed."""
    backend = FakeKernel()
    (record,) = await registry.register("ann", "a-1", backend, [ANIMAL])
    backend.close()
    assert (await registry.find("a-1", "animal")).backend is None
    assert (await registry.find_by_id(record.id)).backend is None
    assert registry.list_offered() == []
    assert events[-1][1] == GONE
    with pytest.raises(KernelUnavailable):
        await registry.register("ann", "a-1", backend, [ANIMAL])


async def test_figure_that_no_kernel_offers_has_no_backend(registry):
    """It is found by its kernel and by its id, for its stale images; one that never existed is not."""
    backend = FakeKernel()
    (record,) = await registry.register("ann", "a-1", backend, [ANIMAL])
    registry.unregister("a-1", backend)
    for target in ((await registry.find("a-1", "animal")), (await registry.find_by_id(record.id))):
        assert (target.kernel, target.backend, target.declaration) == (None, None, ANIMAL)
    assert (await registry.find("a-1", "nothing")) is None
    assert (await registry.find_by_id("nothing")) is None


async def test_detached_function_answers_when_no_kernel_does(registry, detached):
    """While a kernel offers the figure, the kernel answers."""
    detached.backend, backend = FakeKernel(), FakeKernel()
    (record,) = await registry.register("ann", "a-1", backend, [ANIMAL])
    assert (await registry.find_by_id(record.id)).backend is backend
    registry.unregister("a-1", backend)
    assert (await registry.find_by_id(record.id)).backend is detached.backend
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
    assert (await registry.find_by_id(record.id)).kernel == "a-1"


async def test_transferred_figures_are_the_new_owners(registry, context):
    """The running kernel answers under the same id, and has a figure of its own once it declares it again."""
    backend = FakeKernel()
    (before,) = await registry.register("ann", "a-1", backend, [ANIMAL])
    await context.store.owners.transfer("ann", "bob", is_renamed=False)
    await registry.reload_owner("ann")
    moved = await registry.find_by_id(before.id)
    assert (moved.record.owner, moved.kernel) == ("bob", "a-1")
    (again,) = await registry.register("ann", "a-1", backend, [ANIMAL])
    assert (again.owner, again.id != before.id) == ("ann", True)
    assert (await registry.find_by_id(before.id)).record.owner == "bob"


async def test_deleted_figure_is_hidden_until_it_is_restored(registry, context, events):
    """Its kernel announces it all the while, also after a dropped connection; then it answers as before."""
    backend = FakeKernel()
    (record,) = await registry.register("ann", "a-1", backend, [ANIMAL])
    await context.store.live.delete(record)
    registry.hide(record)
    for _ in range(2):
        (again,) = await registry.register("ann", "a-1", backend, [ANIMAL])
        assert again.id == record.id
        assert await registry.find("a-1", "animal") is None
        assert await registry.find_by_id(record.id) is None
        assert registry.list_offered() == []
        registry.unregister("a-1", backend)
        backend = FakeKernel()
    await registry.register("ann", "a-1", backend, [ANIMAL])
    await context.store.live.restore(record.id)
    registry.show(record)
    assert (await registry.find("a-1", "animal")).backend is backend
    assert [kind for _, kind, _ in events] == [OFFERED, GONE, GONE, GONE, OFFERED]


async def test_cell_that_runs_again_makes_a_new_figure(registry, context):
    """Not the deleted one: its links stay off."""
    backend = FakeKernel()
    (record,) = await registry.register("ann", "a-1", backend, [ANIMAL])
    await context.store.live.delete(record)
    registry.hide(record)
    (anew,) = await registry.register("ann", "a-1", backend, [replace(ANIMAL, revision="2")])
    assert anew.id != record.id
    assert (await registry.find("a-1", "animal")).record.id == anew.id
    assert await registry.find_by_id(record.id) is None
