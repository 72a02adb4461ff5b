"""The calls of one kernel: one at a time, equal ones shared, a bounded number waiting, a deadline for each caller."""

from __future__ import annotations

import asyncio

import pytest

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


async def ask(queue: CallQueue[int], kernel: Kernel, *names: str, timeout: float = 60) -> list[asyncio.Task[int]]:
    tasks = [asyncio.ensure_future(queue.run(name, kernel.call(name), timeout)) for name in names]
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


async def test_a_running_call_outlives_its_callers():
    """A call that the kernel has begun cannot be stopped; a later caller joins it."""
    queue, kernel = CallQueue(4), Kernel()
    with pytest.raises(LiveTimeout, match="allow more time"):
        await queue.run("a", kernel.call("a"), 0.01)
    assert queue.is_busy
    (again,) = await ask(queue, kernel, "a")
    kernel.gate.set()
    assert await again == 1
    assert kernel.calls == ["a"]


async def test_a_waiting_call_ends_with_its_callers():
    """The kernel never sees it."""
    queue, kernel = CallQueue(4), Kernel()
    (first,) = await ask(queue, kernel, "a")
    with pytest.raises(LiveTimeout):
        await queue.run("b", kernel.call("b"), 0.01)
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
