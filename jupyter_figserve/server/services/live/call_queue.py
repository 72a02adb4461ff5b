"""Queue of the calls to one kernel: one at a time, equal ones shared, a bounded number waiting. Server process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from ....errors import DeadlineExceeded, Unavailable
from ..bounded_queue import BoundedQueue
from ..single_flight import SingleFlight
from .backend import RETRY_SECONDS

T = TypeVar("T")
_LINGER_THRESHOLD = 16
"""Number of waiters from which on a result is kept briefly for late arrivals."""


class QueueFull(Unavailable):
    """Too many calls wait for one kernel."""

    code = "kernel_busy"


class LiveTimeout(DeadlineExceeded):
    """The kernel did not answer in time."""


class CallQueue(Generic[T]):
    """The calls of one kernel or detached function: equal ones share one call, the others take turns.

    Nothing can stop a function that runs in a kernel. A call that takes too long is given up at its deadline, but keeps
    its turn until the kernel answers or ends; the others wait behind it.

    Parameters
    ----------
    max_calls
        Different calls running or waiting at once.
    max_running
        Calls running at once.
    callee
        What is called, for messages.
    """

    def __init__(self, max_calls: int, max_running: int = 1, callee: str = "kernel") -> None:
        max_running = min(max_running, max_calls)
        self._callee = callee
        self._calls: SingleFlight[T] = SingleFlight(_LINGER_THRESHOLD)
        self._turns = BoundedQueue(max_running, max_calls - max_running, self._make_refusal)

    @property
    def is_busy(self) -> bool:
        return self._calls.is_busy

    def would_coalesce(self, key: Hashable) -> bool:
        """Whether ``run`` would make no further call for this key now."""
        return self._calls.would_coalesce(key)

    async def run(
        self, key: Hashable, call: Callable[[], Awaitable[T]], timeout: float, *, is_fresh: bool = False
    ) -> T:
        """Return what ``call`` returns, or join an equal call under way.

        Parameters
        ----------
        is_fresh
            Whether to join only a call that still waits for its turn, whose result cannot be older than this request.

        Raises
        ------
        QueueFull
            At once.
        LiveTimeout
            After ``timeout`` seconds; the call itself continues.
        """
        try:
            async with asyncio.timeout(timeout):
                return await self._calls.run(key, lambda: self._take_turn(key, call), is_fresh=is_fresh)
        except TimeoutError:
            raise LiveTimeout(
                f"The {self._callee} did not answer within {timeout:g} seconds. Try again, or allow more time"
                ' (@figserve.live(timeout="60s")).',
                retry_after=RETRY_SECONDS,
            ) from None

    async def _take_turn(self, key: Hashable, call: Callable[[], Awaitable[T]]) -> T:
        async with self._turns.turn():
            self._calls.commit(key)
            return await call()

    def _make_refusal(self) -> QueueFull:
        calls = self._turns.running + self._turns.waiting
        return QueueFull(
            f"{calls} calls are already waiting for this {self._callee}. Try again in a moment.",
            retry_after=RETRY_SECONDS,
        )
