"""Equal work asked for at once is done once: whoever comes later joins, whoever leaves leaves alone. Server process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class _SharedCall(Generic[T]):
    def __init__(self, task: asyncio.Future[T]) -> None:
        self.task = task
        self.passengers = 0


class SingleFlight(Generic[T]):
    """Work under way, by key."""

    def __init__(self) -> None:
        self._flights: dict[str, _SharedCall[T]] = {}

    @property
    def passengers(self) -> int:
        """How many wait for all of them."""
        return sum(flight.passengers for flight in self._flights.values())

    async def join(self, key: str, work: Callable[[], Awaitable[T]]) -> T:
        """What ``work`` gives, started if nobody of the same key has; it is cancelled when the last waiter is."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _SharedCall(asyncio.ensure_future(work()))
            flight.task.add_done_callback(lambda task: self._finish_call(key, task))
        flight.passengers += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.passengers -= 1
            if not flight.passengers and not flight.task.done():
                # Out of the table first: who comes now must not join what is being cancelled.
                self._forget(key, flight.task)
                flight.task.cancel()

    def _finish_call(self, key: str, task: asyncio.Future[T]) -> None:
        self._forget(key, task)
        if not task.cancelled():
            task.exception()  # seen here, so that none is called unseen when all who waited have gone

    def _forget(self, key: str, task: asyncio.Future[T]) -> None:
        known = self._flights.get(key)
        if known is not None and known.task is task:
            del self._flights[key]
