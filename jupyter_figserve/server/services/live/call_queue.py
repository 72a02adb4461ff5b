"""Queue of the calls to one kernel: one at a time, equal ones shared, a bounded number waiting. Server process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from ....errors import DeadlineExceeded, OutputInvalid, TooLarge, Unavailable
from ..bounded_queue import BoundedQueue, Claim
from ..callers import OWNER, Caller
from ..known_failures import KnownFailures
from ..single_flight import SingleFlight
from .backends.backend import RETRY_SECONDS

T = TypeVar("T")
_NEARLY = 0.9
"""A call that has run for this part of its timeout when the caller gives up counts as too slow."""
_LINGER_THRESHOLD = 16
"""Number of waiters from which on a result is kept briefly for late arrivals."""


class QueueFull(Unavailable):
    """Too many calls wait for one kernel."""

    code = "kernel_busy"


class LiveTimeout(DeadlineExceeded):
    """The kernel did not answer in time."""


class CallQueue(Generic[T]):
    """The calls of one kernel or detached function: equal ones share one call, the others take turns.

    The owner's go first, then those of keys, and the links' viewers take turns by link. A call by link that took too
    long, or failed, is remembered for ten times its duration and not made again for a visitor meanwhile.

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
    max_share
        Calls that may wait for one link; None for as many as for all.
    """

    def __init__(
        self, max_calls: int, max_running: int = 1, callee: str = "kernel", max_share: int | None = None
    ) -> None:
        max_running = min(max_running, max_calls)
        self._callee = callee
        self._calls: SingleFlight[T] = SingleFlight(_LINGER_THRESHOLD)
        self._turns = BoundedQueue(max_running, max_calls - max_running, self._make_refusal, max_share=max_share)
        self._began: dict[Hashable, float] = {}
        self._failures = KnownFailures(_now)

    @property
    def is_busy(self) -> bool:
        return self._calls.is_busy

    def would_coalesce(self, key: Hashable) -> bool:
        """Whether ``run`` would make no further call for this key now."""
        return self._calls.would_coalesce(key)

    async def run(
        self,
        key: Hashable,
        call: Callable[[], Awaitable[T]],
        timeout: float,
        caller: Caller = OWNER,
        *,
        is_fresh: bool = False,
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
        if caller.is_visitor and not self._calls.would_coalesce(key):
            self._failures.check(key, timeout)
        try:
            async with asyncio.timeout(timeout):
                return await self._calls.run(
                    key, lambda claim: self._take_turn(key, call, claim), caller, is_fresh=is_fresh
                )
        except TimeoutError:
            error = LiveTimeout(
                f"The {self._callee} did not answer within {timeout:g} s. Try again, or allow more time"
                ' (@figserve.live(timeout="60s")).',
                retry_after=RETRY_SECONDS,
            )
            # A call that waited for others is not the slow one.
            if _now() - self._began.get(key, _now()) >= _NEARLY * timeout:
                self._failures.record(key, error, timeout, timeout)
            raise error from None

    async def _take_turn(self, key: Hashable, call: Callable[[], Awaitable[T]], claim: Claim) -> T:
        async with self._turns.turn(claim):
            self._calls.commit(key)
            self._began[key] = began = _now()
            try:
                return await call()
            except (OutputInvalid, TooLarge) as error:
                self._failures.record(key, error, _now() - began)
                raise
            finally:
                self._began.pop(key, None)

    def _make_refusal(self) -> QueueFull:
        calls = self._turns.running + self._turns.waiting
        return QueueFull(
            f"{calls} calls are already waiting for this {self._callee}. Try again in a moment.",
            retry_after=RETRY_SECONDS,
        )


def _now() -> float:
    return asyncio.get_running_loop().time()
