"""Runs work in the main thread between two cells, where state that all threads share may change briefly. Kernel."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable

from .cell_monitor import CellMonitor

_MAX_WAITING = 16


class BetweenCells:
    """A bounded queue of work; what its deadline has passed for is not begun."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[float, Callable[[], object]]] = deque(maxlen=_MAX_WAITING)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._monitor = CellMonitor(self._end_cell)

    def begin_cell(self) -> None:
        """Follow the cells from this one on, which is running."""
        self._monitor.begin()

    def submit(self, work: Callable[[], object], timeout: float) -> None:
        """Queue work that does not raise."""
        self._waiting.append((time.monotonic() + timeout, work))
        if self._loop is not None:
            # Closed: the kernel is exiting.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._run)

    def _end_cell(self) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self._run)

    def _run(self) -> None:
        while self._waiting and self._monitor.is_idle:
            until, work = self._waiting.popleft()
            if time.monotonic() < until:
                work()
