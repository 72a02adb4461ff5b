"""A bounded queue: a fixed number of callers proceed at once, a fixed number wait, and the rest are refused. Server."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class BoundedQueue:
    """Grants turns in order of arrival, low-priority ones last.

    Parameters
    ----------
    max_running
        Turns held at once.
    max_waiting
        Callers that may wait for a turn.
    make_refusal
        Makes the exception for a caller beyond that.
    """

    def __init__(self, max_running: int, max_waiting: int, make_refusal: Callable[[], Exception]) -> None:
        self.max_running = max_running
        self.max_waiting = max_waiting
        self._make_refusal = make_refusal
        self._running = 0
        self._waiting: list[tuple[bool, int, asyncio.Future[None]]] = []
        self._count = itertools.count()

    @property
    def running(self) -> int:
        """Number of turns held now."""
        return self._running

    @property
    def waiting(self) -> int:
        """Number of callers waiting now."""
        return sum(not turn.done() for _, _, turn in self._waiting)

    @asynccontextmanager
    async def turn(self, *, low_priority: bool = False) -> AsyncIterator[None]:
        """Wait for a turn and hold it inside the ``with`` block.

        Parameters
        ----------
        low_priority
            Whether all other callers go first; such a caller is never refused.
        """
        await self._wait(low_priority)
        try:
            yield
        finally:
            self._release()

    async def _wait(self, low_priority: bool) -> None:
        if self._running < self.max_running and not self.waiting:
            self._running += 1
            return
        if not low_priority and self.waiting >= self.max_waiting:
            raise self._make_refusal()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (low_priority, next(self._count), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # The turn came at the moment of leaving: pass it on.
                self._release()
            raise

    def _release(self) -> None:
        self._running -= 1
        while self._waiting and self._running < self.max_running:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self._running += 1
                turn.set_result(None)
