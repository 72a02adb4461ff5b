"""One query for many requests at the same time. Server process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedRead(Generic[T]):
    """Shares a query among the calls that come while the one before is running.

    A call never gets the result of a query that began before it: it sees all that was committed until then. So single
    calls cost a query each, and any number of concurrent ones two.
    """

    def __init__(self, read: Callable[[], Awaitable[T]]) -> None:
        self._read = read
        self._running: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """Return the result of a query that begins now or later."""
        if _is_over(self._running):
            self._running = task = self._start(None)
        elif _is_over(self._next):
            self._next = task = self._start(self._running)
        else:
            assert self._next is not None
            task = self._next
        # A client that disconnects ends its own waiting only.
        return await asyncio.shield(task)

    def _start(self, before: asyncio.Task[T] | None) -> asyncio.Task[T]:
        task = asyncio.ensure_future(self._run(before))
        task.add_done_callback(_take_note)
        return task

    async def _run(self, before: asyncio.Task[T] | None) -> T:
        if before is not None:
            await asyncio.wait([before])
            self._running, self._next = self._next, None
        return await self._read()


def _is_over(task: asyncio.Task[T] | None) -> bool:
    """Whether a task is done, or was cancelled with its event loop."""
    return task is None or task.done()


def _take_note(task: asyncio.Task[T]) -> None:
    """Retrieve a failure that nobody waits for any more, which asyncio would log."""
    if not task.cancelled():
        task.exception()
