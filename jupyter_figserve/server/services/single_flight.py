"""Single-flight: concurrent calls with the same key share one task. Server process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ...errors import FigServeError
from .bounded_queue import Claim
from .callers import OWNER, Caller

_log = logging.getLogger("jupyter_figserve")
T = TypeVar("T")
_MAX_PAUSE, _MAX_SECONDS = 1.5, 5.0
"""A client whose connection did not fit in the server's backlog tries again after one second."""


@dataclass
class _SharedCall(Generic[T]):
    """A call under way.

    Parameters
    ----------
    is_committed
        Whether it runs to its end even if all waiters leave.
    """

    task: asyncio.Task[T]
    claim: Claim
    waiters: int = 0
    is_committed: bool = False


@dataclass
class _RecentResult(Generic[T]):
    """A result that many callers waited for, kept for requests that arrived at the same time but are read later.

    Of hundreds of simultaneous requests, the server reads many from their sockets only after the first response is
    sent. A request that comes after a pause starts a call of its own.
    """

    result: T
    ended: float
    last_used: float

    def is_expired(self, now: float) -> bool:
        return now - self.last_used > _MAX_PAUSE or now - self.ended > _MAX_SECONDS


class SingleFlight(Generic[T]):
    """Runs one call per key at a time; the call is cancelled when its last waiter leaves.

    Parameters
    ----------
    linger_threshold
        Number of waiters from which on a result is kept briefly for late arrivals; None keeps no results.
    """

    def __init__(self, linger_threshold: int | None = None) -> None:
        self._linger_threshold = linger_threshold
        self._calls: dict[Hashable, _SharedCall[T]] = {}
        self._recent: dict[Hashable, _RecentResult[T]] = {}

    @property
    def waiters(self) -> int:
        """Number of callers waiting, over all keys."""
        return sum(call.waiters for call in self._calls.values())

    @property
    def is_busy(self) -> bool:
        """Whether any call is under way."""
        return bool(self._calls)

    def would_coalesce(self, key: Hashable) -> bool:
        """Whether ``run`` would start no call for this key now."""
        return key in self._calls or self._find_recent(key) is not None

    async def run(
        self,
        key: Hashable,
        call: Callable[[Claim], Awaitable[T]],
        caller: Caller = OWNER,
        *,
        is_fresh: bool = False,
    ) -> T:
        """Return what ``call`` returns, or join the call of the same key that is under way.

        Parameters
        ----------
        call
            Called with a claim, which has the highest priority of all callers that wait for it.
        is_fresh
            Whether to join no committed call and take no kept result, which may be older than this request.
        """
        recent = None if is_fresh else self._find_recent(key)
        if recent is not None:
            recent.last_used = _now()
            return recent.result
        shared = self._calls.get(key)
        if shared is None or (is_fresh and shared.is_committed):
            shared = self._start(key, call, Claim(caller))
        shared.claim.raise_to(caller)
        shared.waiters += 1
        try:
            return await asyncio.shield(shared.task)
        finally:
            shared.waiters -= 1
            self._on_waiter_left(key, shared)

    def commit(self, key: Hashable) -> None:
        """Let the call of this key run to its end, because what it has begun cannot be stopped.

        Callers that come while it runs still join it, unless they ask for a fresh result.
        """
        self._calls[key].is_committed = True

    def _start(self, key: Hashable, call: Callable[[Claim], Awaitable[T]], claim: Claim) -> _SharedCall[T]:
        async def run() -> T:
            return await call(claim)

        shared = _SharedCall(asyncio.create_task(run()), claim)
        self._calls[key] = shared
        shared.task.add_done_callback(lambda _: self._finish(key, shared))
        return shared

    def _on_waiter_left(self, key: Hashable, shared: _SharedCall[T]) -> None:
        if key in self._recent:
            # While these are being answered, later requests are still unread in their sockets.
            self._recent[key].last_used = _now()
        if not shared.waiters and not shared.is_committed and not shared.task.done():
            # Out of the table first: a new caller must not join a call that is being cancelled.
            self._forget(key, shared)
            shared.task.cancel()

    def _finish(self, key: Hashable, shared: _SharedCall[T]) -> None:
        self._forget(key, shared)
        if shared.task.cancelled():
            return
        # Reading the exception also keeps asyncio from logging it as never retrieved.
        error = shared.task.exception()
        if error is not None:
            if not shared.waiters and not isinstance(error, FigServeError):
                _log.error("A shared call failed after its last waiter had left.", exc_info=error)
        elif self._linger_threshold is not None and shared.waiters >= self._linger_threshold:
            self._remember(key, shared.task.result())

    def _remember(self, key: Hashable, result: T) -> None:
        now = _now()
        self._recent = {other: recent for other, recent in self._recent.items() if not recent.is_expired(now)}
        self._recent[key] = _RecentResult(result, now, now)

    def _find_recent(self, key: Hashable) -> _RecentResult[T] | None:
        recent = self._recent.get(key)
        if recent is not None and recent.is_expired(_now()):
            del self._recent[key]
            return None
        return recent

    def _forget(self, key: Hashable, shared: _SharedCall[Any]) -> None:
        if self._calls.get(key) is shared:
            del self._calls[key]


def _now() -> float:
    return asyncio.get_running_loop().time()
