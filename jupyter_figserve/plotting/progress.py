"""Progress of a long live call, as its function reports it. Kernel."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator

from ..model.progress import ProgressListener, set_listener
from .isolation import in_live_call

_MIN_SECONDS = 0.1
"""Time between two reports; those in between are dropped, except the last."""


class ProgressReporter:
    """Passes reports to a listener, a few for each second.

    Parameters
    ----------
    clock
        Returns seconds.
    """

    def __init__(self, listener: ProgressListener, clock: Callable[[], float] = time.monotonic) -> None:
        self._listener = listener
        self._clock = clock
        self._next = -math.inf

    def report(self, done: float, total: float) -> None:
        now = self._clock()
        if now >= self._next or done >= total:
            self._next = now + _MIN_SECONDS
            self._listener(done, total)


@contextlib.contextmanager
def reporting(listener: ProgressListener | None) -> Iterator[None]:
    """Pass to ``listener`` what the live call in the block reports, in its own thread."""
    if listener is None:
        yield
        return
    reporter = ProgressReporter(listener)

    def report(done: float, total: float) -> None:
        if in_live_call():
            reporter.report(done, total)

    set_listener(report)
    try:
        yield
    finally:
        set_listener(None)
