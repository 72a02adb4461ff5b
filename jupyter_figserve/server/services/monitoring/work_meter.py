"""Measures work that waits for its turn and may fail: renders and live calls. Server process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import TracebackType

from ....errors import DeadlineExceeded, FigServeError, RetryLater, TooManyRequests

OUTCOMES = ("ok", "failed", "timeout", "refused", "unavailable", "cancelled", "error")
_REFUSALS = ("queue_full", "kernel_busy")
Listener = Callable[[str, float, float | None], None]
"""Takes the outcome, the seconds until the work began, and those that it took; None if it never began."""


def _ignore(outcome: str, waited: float, took: float | None) -> None:
    pass


class WorkMeter:
    """Passes the times of each piece of work to its listener, of which there is at most one."""

    def __init__(self) -> None:
        self.listener: Listener = _ignore

    def measure(self) -> Measurement:
        """Return a context manager around the work and its wait."""
        return Measurement(self)


class Measurement:
    """The times of one piece of work."""

    def __init__(self, meter: WorkMeter) -> None:
        self._meter = meter
        self._began: float | None = None

    def begin(self) -> None:
        """Mark the end of the wait."""
        self._began = time.perf_counter()

    def __enter__(self) -> Measurement:
        self._entered = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        now, began = time.perf_counter(), self._began
        waited = (now if began is None else began) - self._entered
        self._meter.listener(find_outcome(error), waited, None if began is None else now - began)


def find_outcome(error: BaseException | None) -> str:
    """Return which of ``OUTCOMES`` an exception stands for."""
    match error:
        case None:
            return "ok"
        case asyncio.CancelledError():
            return "cancelled"
        case DeadlineExceeded():
            return "timeout"
        case TooManyRequests():
            return "refused"
        case RetryLater():
            return "refused" if error.code in _REFUSALS else "unavailable"
        case FigServeError():
            return "failed"
    return "error"
