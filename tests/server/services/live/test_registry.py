"""What kernels offer: entered once, found by kernel and by lasting id, told when it comes, changes and goes."""

from __future__ import annotations

import pytest

from jupyter_figserve.model.live import LiveDeclaration
from jupyter_figserve.server.services.live.registry import CHANGED, GONE, OFFERED, LiveRegistry, LiveTarget

from ...making import FakeKernel

ANIMAL = LiveDeclaration("animal", digest="d", revision="1")


async def follow(kernel: str) -> str:
    """Kernels whose name has a dash have a notebook."""
    return "a.ipynb" if "-" in kernel else ""


@pytest.fixture
def told() -> list[tuple[str, str, str]]:
    return []


@pytest.fixture
def offers(context, told) -> LiveRegistry:
    made = LiveRegistry(context.store, "/srv", follow)
    made.tell = lambda what, kernel, record: told.append((what, kernel, record.name))
    return made


async def test_one_id_for_all_kernels_of_a_notebook(offers):
    """The newest kernel answers under it; a kernel without a notebook has figures of its own."""
    (first,) = await offers.take("ann", "a-1", FakeKernel(), [ANIMAL])
    (second,) = await offers.take("ann", "a-2", FakeKernel(), [ANIMAL])
    (alone,) = await offers.take("ann", "k", FakeKernel(), [ANIMAL])
    assert first.id == second.id != alone.id
    assert (await offers.get_by_id(first.id)).kernel == "a-2"
    assert (await offers.find("a-1", "animal")).kernel == "a-1"
    assert [target.kernel for target in offers.all()] == ["k", "a-2", "a-1"]


async def test_what_happens_is_told_once(offers, told):
    """The same declaration again is no news; another revision is; what is left out goes."""
    link = FakeKernel()
    await offers.take("ann", "a-1", link, [ANIMAL, LiveDeclaration("other")])
    await offers.take("ann", "a-1", link, [ANIMAL, LiveDeclaration("other")])
    await offers.take("ann", "a-1", link, [LiveDeclaration("animal", digest="d", revision="2")])
    assert offers.lose("a-1", link)
    assert told == [
        (OFFERED, "a-1", "animal"),
        (OFFERED, "a-1", "other"),
        (CHANGED, "a-1", "animal"),
        (GONE, "a-1", "other"),
        (GONE, "a-1", "animal"),
    ]


async def test_old_line_that_closes_late_takes_nothing_away(offers, told):
    """A kernel dialled anew before its first line was seen to be down."""
    old, new = FakeKernel(), FakeKernel()
    await offers.take("ann", "a-1", old, [ANIMAL])
    await offers.take("ann", "a-1", new, [ANIMAL])
    assert not offers.lose("a-1", old)
    assert (await offers.find("a-1", "animal")).link is new
    assert offers.lose("a-1", new)


async def test_what_is_gone_is_found_without_a_line(offers):
    """By its kernel and by its id, for its last pictures; what never was is None."""
    link = FakeKernel()
    (record,) = await offers.take("ann", "a-1", link, [ANIMAL])
    offers.lose("a-1", link)
    for target in ((await offers.find("a-1", "animal")), (await offers.get_by_id(record.id))):
        assert (target.kernel, target.link, target.declaration) == (None, None, ANIMAL)
    assert (await offers.find("a-1", "nothing")) is None
    assert (await offers.get_by_id("nothing")) is None


async def test_detached_answers_when_no_kernel_does(offers):
    """And not while one does."""
    sandbox, link = FakeKernel(), FakeKernel()

    async def find_detached(record) -> LiveTarget:
        return LiveTarget(record, record.declaration, link=sandbox)

    offers.find_detached = find_detached
    (record,) = await offers.take("ann", "a-1", link, [ANIMAL])
    assert (await offers.get_by_id(record.id)).link is link
    offers.lose("a-1", link)
    assert (await offers.get_by_id(record.id)).link is sandbox
    assert (await offers.find("a-1", "animal")).link is sandbox
    assert (await offers.find("a-1", "animal")).place == f"detached {record.id}"


async def test_read_only_store_still_offers(offers, context, monkeypatch):
    """With ids of this server's life."""
    monkeypatch.setattr(context.store.catalog, "read_only_because", "the disk is full")
    (record,) = await offers.take("ann", "a-1", FakeKernel(), [ANIMAL])
    assert (await offers.get_by_id(record.id)).kernel == "a-1"
