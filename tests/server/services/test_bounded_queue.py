"""The bounded queue: order, priority, refusal, and callers that leave."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_figserve.server.services.bounded_queue import BoundedQueue, Claim
from jupyter_figserve.server.services.callers import BACKGROUND, OWNER, Caller, key_holder, visitor_caller


class Callers:
    """Callers that hold their turn until the gate opens."""

    def __init__(self, queue: BoundedQueue) -> None:
        self.queue = queue
        self.gate = asyncio.Event()
        self.order: list[str] = []

    async def _hold(self, name: str, claim: Claim) -> None:
        async with self.queue.turn(claim):
            self.order.append(name)
            await self.gate.wait()

    async def come(self, *names: str, caller: Caller = OWNER) -> list[asyncio.Task[None]]:
        tasks = [asyncio.ensure_future(self._hold(name, Claim(caller))) for name in names]
        for _ in range(4):
            await asyncio.sleep(0)
        return tasks


def make(max_running: int, max_waiting: int, **limits: int) -> Callers:
    return Callers(BoundedQueue(max_running, max_waiting, lambda: LookupError("full"), **limits))


async def test_first_come_first_served():
    """As many as allowed hold a turn; the others wait in order."""
    callers = make(2, 3)
    tasks = await callers.come("a", "b", "c", "d")
    assert (callers.order, callers.queue.running, callers.queue.waiting) == (["a", "b"], 2, 2)
    callers.gate.set()
    await asyncio.gather(*tasks)
    assert callers.order == ["a", "b", "c", "d"]
    assert (callers.queue.running, callers.queue.waiting) == (0, 0)


async def test_one_too_many_is_rejected():
    """Only background work may wait beyond the limit, and goes last."""
    callers = make(1, 1)
    tasks = await callers.come("a")
    tasks += await callers.come("low", caller=BACKGROUND)
    tasks += await callers.come("b")
    (refused,) = await callers.come("refused")
    with pytest.raises(LookupError, match="full"):
        await refused
    tasks += await callers.come("low too", caller=BACKGROUND)
    callers.gate.set()
    await asyncio.gather(*tasks)
    assert callers.order == ["a", "b", "low", "low too"]


async def test_callers_that_leave():
    """While holding a turn, while waiting, and at the moment when the turn comes."""
    callers = make(1, 5)
    running, waiting, lucky, last = await callers.come("running", "waiting", "lucky", "last")
    waiting.cancel()
    running.cancel()
    await asyncio.sleep(0)
    lucky.cancel()
    callers.gate.set()
    await asyncio.gather(running, waiting, lucky, return_exceptions=True)
    await last
    assert (callers.queue.running, callers.queue.waiting) == (0, 0)
    assert "waiting" not in callers.order


async def test_callers_that_leave_together():
    """One whose turn has just come and those behind it: no turn is lost, and nobody gets a leaver's place."""
    callers = make(1, 3)
    running, *leaving, last = await callers.come("running", "a", "b", "last")
    running.cancel()
    await asyncio.sleep(0)
    for task in leaving:
        task.cancel()
    callers.gate.set()
    results = await asyncio.gather(running, *leaving, return_exceptions=True)
    assert [type(result) for result in results] == [asyncio.CancelledError] * 3
    await last
    assert (callers.queue.running, callers.queue.waiting, callers.order) == (0, 0, ["running", "last"])


async def test_leaver_is_not_displaced():
    """A full queue of strangers, one of whom is leaving, has a place for another."""
    callers = make(1, 2)
    tasks = await callers.come("owner")
    leaving, kept = await callers.come("a", "b", caller=visitor_caller("one"))
    late = asyncio.ensure_future(callers._hold("c", Claim(visitor_caller("two"))))
    leaving.cancel()
    await asyncio.sleep(0)
    callers.gate.set()
    await asyncio.gather(*tasks, kept, late)
    assert callers.order == ["owner", "b", "c"]


async def test_owner_goes_before_keys_and_keys_before_strangers():
    """Whoever came first: the owner waits for the turns that are held, and for no waiting caller."""
    callers = make(1, 9)
    tasks = await callers.come("held", caller=visitor_caller("link"))
    tasks += await callers.come("stranger", "stranger", caller=visitor_caller("link"))
    tasks += await callers.come("key", caller=key_holder("k"))
    tasks += await callers.come("owner")
    callers.gate.set()
    await asyncio.gather(*tasks)
    assert callers.order == ["held", "owner", "key", "stranger", "stranger"]


async def test_shares_take_turns():
    """The visitors of one link do not wait for all those of another that came before."""
    callers = make(1, 9)
    tasks = await callers.come("a1", "a2", "a3", "a4", caller=visitor_caller("a"))
    tasks += await callers.come("b1", "b2", caller=visitor_caller("b"))
    tasks += await callers.come("c1", caller=visitor_caller("c"))
    callers.gate.set()
    await asyncio.gather(*tasks)
    assert callers.order == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]


async def test_strangers_and_background_work_leave_a_turn_free():
    """They hold all but the reserved turns, which the owner gets at once; of one turn they hold that."""
    callers = make(3, 9, reserved=1)
    tasks = await callers.come("s1", "s2", "s3", caller=visitor_caller("a"))
    tasks += await callers.come("work", caller=BACKGROUND)
    assert callers.order == ["s1", "s2"]
    tasks += await callers.come("owner")
    assert callers.order == ["s1", "s2", "owner"]
    callers.gate.set()
    await asyncio.gather(*tasks)
    single = make(1, 9, reserved=1)
    single.gate.set()
    await asyncio.gather(*await single.come("s", caller=visitor_caller("a")))
    assert single.order == ["s"]


async def test_full_queue_of_strangers_refuses_neither_owner_nor_key():
    """Each class has a queue of its own length."""
    callers = make(1, 2)
    tasks = await callers.come("held", "s1", "s2", caller=visitor_caller("a"))
    (refused,) = await callers.come("s3", caller=visitor_caller("a"))
    with pytest.raises(LookupError):
        await refused
    tasks += await callers.come("key", caller=key_holder("k"))
    tasks += await callers.come("owner")
    callers.gate.set()
    await asyncio.gather(*tasks)
    assert callers.order == ["held", "owner", "key", "s1", "s2"]


async def test_share_has_a_part_of_the_queue():
    """One link's visitors wait up to ``max_share``, and the longest share makes place for another."""
    callers = make(1, 4, max_share=3)
    tasks = await callers.come("held", caller=visitor_caller("x"))
    kept = await callers.come("a1", "a2", caller=visitor_caller("a"))
    (evicted, refused) = await callers.come("a3", "a4", caller=visitor_caller("a"))
    with pytest.raises(LookupError):
        await refused
    kept += await callers.come("b1", caller=visitor_caller("b"))
    kept += await callers.come("c1", caller=visitor_caller("c"))
    with pytest.raises(LookupError):
        await evicted
    (late,) = await callers.come("c2", caller=visitor_caller("c"))
    with pytest.raises(LookupError):
        await late
    callers.gate.set()
    await asyncio.gather(*tasks, *kept)
    assert callers.order == ["held", "a1", "b1", "c1", "a2"]


async def test_claim_moves_forward():
    """A stranger's place becomes the owner's when the owner waits for the same, and a running one frees its slot."""
    callers = make(2, 9, reserved=1)
    running, waiting = Claim(visitor_caller("a")), Claim(visitor_caller("a"))
    tasks = [asyncio.ensure_future(callers._hold(n, c)) for n, c in (("running", running), ("waiting", waiting))]
    tasks += await callers.come("other", caller=visitor_caller("b"))
    assert callers.order == ["running"]
    waiting.raise_to(OWNER)
    await asyncio.sleep(0)
    assert callers.order == ["running", "waiting"]
    waiting.raise_to(visitor_caller("b"))
    assert waiting.caller == OWNER
    callers.gate.set()
    await asyncio.gather(*tasks)
    assert callers.order[-1] == "other"
