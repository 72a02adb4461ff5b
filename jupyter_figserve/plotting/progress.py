"""Progress of a long live call, as its function reports it. Kernel; in a jailed child nothing listens."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator

from .isolation import in_live_call

Listener = Callable[[float, float], None]
"""Takes the work done and the total."""
_MIN_SECONDS = 0.1
"""Time between two reports; those in between are dropped, except the last."""


class ProgressReporter:
    """Passes reports to a listener, a few for each second.

    Parameters
    ----------
    clock
        Returns seconds.
    """

    def __init__(self, listener: Listener, clock: Callable[[], float] = time.monotonic) -> None:
        self._listener = listener
        self._clock = clock
        self._next = -math.inf

    def report(self, done: float, total: float) -> None:
        now = self._clock()
        if now >= self._next or done >= total:
            self._next = now + _MIN_SECONDS
            self._listener(done, total)


_reporter: ProgressReporter | None = None


@contextlib.contextmanager
def reporting(listener: Listener | None) -> Iterator[None]:
    """Pass to ``listener`` what the live call in the block reports."""
    global _reporter
    _reporter = None if listener is None else ProgressReporter(listener)
    try:
        yield
    finally:
        _reporter = None


def report(done: float, total: float) -> None:
    """Report the progress of the live call that this thread runs; elsewhere it does nothing."""
    if _reporter is not None and in_live_call():
        _reporter.report(done, total)
