"""Failures that cost time, remembered so that an address requested again and again costs little. Server process."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from cachetools import TLRUCache

from ...errors import FigServeError, RetryLater

_FACTOR = 10
"""A failure is remembered for this multiple of the time that it took: repeating it takes a tenth of a slot's time."""
_MAX_SECONDS = 600.0
_MAX_FAILURES = 1_000


@dataclass(frozen=True)
class _Failure:
    error: FigServeError
    limit: float
    until: float


class KnownFailures:
    """Remembers failures by key.

    Parameters
    ----------
    min_seconds
        Minimum time for which a failure is remembered.
    """

    def __init__(self, timer: Callable[[], float], min_seconds: float = 0.0) -> None:
        self._timer = timer
        self._min_seconds = min_seconds
        self._failures: TLRUCache[Hashable, _Failure] = TLRUCache(
            _MAX_FAILURES, lambda _key, failure, _now: failure.until, timer=timer
        )

    def record(self, key: Hashable, error: FigServeError, seconds: float, limit: float = math.inf) -> None:
        """Remember a failure that took ``seconds``.

        Parameters
        ----------
        limit
            The limit that it exceeded, if that may be raised: with a higher one it is tried again.
        """
        duration = min(_MAX_SECONDS, max(self._min_seconds, _FACTOR * seconds))
        self._failures[key] = _Failure(error, limit, self._timer() + duration)

    def check(self, key: Hashable, limit: float = 0.0) -> None:
        """Raise the failure that is remembered for a key, unless ``limit`` is higher than the one it exceeded."""
        failure = self._failures.get(key)
        if failure is None or limit > failure.limit:
            return
        if isinstance(failure.error, RetryLater):
            failure.error.retry_after = max(1, math.ceil(failure.until - self._timer()))
        # Without the stack frames of the first time, to which each further raise would add its own.
        raise failure.error.with_traceback(None)
