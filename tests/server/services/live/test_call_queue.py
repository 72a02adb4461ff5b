"""The calls of one kernel: one at a time, equal ones shared, a bounded number waiting, a deadline for each caller."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_figserve.errors import OutputInvalid, TooLarge
from jupyter_figserve.server.services.callers import OWNER, Caller, key_holder, visitor_caller
from jupyter_figserve.server.services.live.call_queue import CallQueue, LiveTimeout, QueueFull


class Kernel:
    """Counts its calls, which end when the gate opens."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.calls: list[str] = []

    def call(self, name: str):
        async def call() -> int:
            self.calls.append(name)
            await self.gate.wait()
            return len(self.calls)

        return call


async def ask(
    queue: CallQueue[int], kernel: Kernel, *names: str, timeout: float = 60, caller: Caller = OWNER
) -> list[asyncio.Task[int]]:
    tasks = [asyncio.ensure_future(queue.run(name, kernel.call(name), timeout, caller)) for name in names]
    for _ in range(6):
        await asyncio.sleep(0)
    return tasks


async def test_one_call_at_a_time():
    """Different calls take turns, in order."""
    queue, kernel = CallQueue(4), Kernel()
    tasks = await ask(queue, kernel, "a", "b", "c")
    assert (kernel.calls, queue.is_busy) == (["a"], True)
    kernel.gate.set()
    await asyncio.gather(*tasks)
    assert (kernel.calls, queue.is_busy) == (["a", "b", "c"], False)


async def test_five_hundred_equal_calls_are_one():
    """Those that arrive just after the answer included."""
    queue, kernel = CallQueue(4), Kernel()
    tasks = await ask(queue, kernel, *["a"] * 400)
    assert queue.would_coalesce("a")
    kernel.gate.set()
    assert await asyncio.gather(*tasks) == [1] * 400
    assert await asyncio.gather(*await ask(queue, kernel, *["a"] * 100)) == [1] * 100
    assert kernel.calls == ["a"]


async def test_full_queue_refuses_at_once():
    """With the time to come back; an equal call still joins."""
    queue, kernel = CallQueue(2), Kernel()
    tasks = await ask(queue, kernel, "a", "b", "b")
    with pytest.raises(QueueFull, match="2 calls are already waiting") as refused:
        await queue.run("c", kernel.call("c"), 60)
    assert (refused.value.code, refused.value.retry_after) == ("kernel_busy", 2)
    kernel.gate.set()
    await asyncio.gather(*tasks)


async def test_a_running_call_outlives_its_callers(put_forward):
    """A call that the kernel has begun cannot be stopped; a later caller joins it."""
    queue, kernel = CallQueue(4), Kernel()
    (first,) = await ask(queue, kernel, "a")
    put_forward(60)
    with pytest.raises(LiveTimeout, match="allow more time"):
        await first
    assert queue.is_busy
    (again,) = await ask(queue, kernel, "a")
    kernel.gate.set()
    assert await again == 1
    assert kernel.calls == ["a"]


async def test_a_waiting_call_ends_with_its_callers(put_forward):
    """The kernel never sees it."""
    queue, kernel = CallQueue(4), Kernel()
    (first,) = await ask(queue, kernel, "a", timeout=120)
    (second,) = await ask(queue, kernel, "b")
    put_forward(60)
    with pytest.raises(LiveTimeout):
        await second
    kernel.gate.set()
    await first
    assert not queue.is_busy
    assert kernel.calls == ["a"]


async def test_more_turns_than_calls():
    """The limit of calls also limits those that run."""
    queue, kernel = CallQueue(1, max_running=4, callee="function"), Kernel()
    tasks = await ask(queue, kernel, "a")
    with pytest.raises(QueueFull, match="this function"):
        await queue.run("b", kernel.call("b"), 60)
    kernel.gate.set()
    await asyncio.gather(*tasks)


async def test_kind_C8_hundred_strangers_on_one_link_hold_up_the_owner_for_one_call():
    """The link has a part of the queue; the owner's call is next, then a key's, then those of other links."""
    queue, kernel = CallQueue(16, max_share=3), Kernel()
    strangers = await ask(queue, kernel, *(f"s{number}" for number in range(100)), caller=visitor_caller("link"))
    assert sum(task.done() for task in strangers) == 96
    tasks = await ask(queue, kernel, "other", caller=visitor_caller("other"))
    tasks += await ask(queue, kernel, "key", caller=key_holder("k"))
    tasks += await ask(queue, kernel, "owner")
    kernel.gate.set()
    await asyncio.gather(*tasks)
    assert kernel.calls[:5] == ["s0", "owner", "key", "s1", "other"]
    await asyncio.gather(*strangers, return_exceptions=True)


async def test_owner_takes_a_strangers_call_along():
    """An equal call that waits moves to the front, and is still one call."""
    queue, kernel = CallQueue(16), Kernel()
    tasks = await ask(queue, kernel, "running", "a", "b", caller=visitor_caller("link"))
    tasks += await ask(queue, kernel, "b")
    kernel.gate.set()
    await asyncio.gather(*tasks)
    assert kernel.calls == ["running", "b", "a"]


@pytest.mark.parametrize("kind", [OutputInvalid, TooLarge])
async def test_slow_failure_is_not_repeated_for_strangers(kind, monkeypatch):
    """For ten times its duration; the owner may try again at once."""
    now = 0.0
    monkeypatch.setattr("jupyter_figserve.server.services.live.call_queue._now", lambda: now)
    queue, calls = CallQueue[int](4), []

    async def fail() -> int:
        nonlocal now
        calls.append(now)
        now += 2
        raise kind("no")

    for caller in (visitor_caller("a"), visitor_caller("b"), OWNER):
        with pytest.raises(kind):
            await queue.run("key", fail, 60, caller)
    assert calls == [0, 2]
    now += 21
    with pytest.raises(kind):
        await queue.run("key", fail, 60, visitor_caller("a"))
    assert len(calls) == 3


async def test_deadline_of_a_call_is_remembered_for_strangers(put_forward):
    """Of one that ran, not of one that waited; with more time it is tried again."""
    queue, kernel = CallQueue(9), Kernel()
    for name in ("slow", "waiting"):
        (asking,) = await ask(queue, kernel, name, caller=visitor_caller("a"))
        put_forward(60)
        with pytest.raises(LiveTimeout):
            await asking
    kernel.gate.set()
    while queue.is_busy:
        await asyncio.sleep(0)
    with pytest.raises(LiveTimeout):
        await queue.run("slow", kernel.call("slow"), 60, visitor_caller("b"))
    assert kernel.calls == ["slow"]
    await queue.run("waiting", kernel.call("waiting"), 60, visitor_caller("a"))
    await queue.run("slow", kernel.call("slow"), 120, visitor_caller("b"))
    await queue.run("slow", kernel.call("slow"), 60, OWNER)
    assert kernel.calls == ["slow", "waiting", "slow", "slow"]
