"""A background worker of which each process has one, made when it is first needed. Kernel."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

FLUSH_TIMEOUT = 5.0
"""Seconds for which the end of the process waits for the work that is left."""


class Worker(Protocol):
    """What finishes its queue when the process ends."""

    def flush(self, timeout: float) -> bool:
        """Finish the queued work, at most ``timeout`` seconds; return whether it is done."""


W = TypeVar("W", bound=Worker)


class ProcessWorker(Generic[W]):
    """The process's worker. A forked child has no copy of its thread, and starts without one.

    Parameters
    ----------
    make
        Makes the worker at the first use.
    """

    def __init__(self, make: Callable[[], W]) -> None:
        self._make = make
        self._worker: W | None = None
        self._lock = threading.Lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._reset)

    @property
    def is_started(self) -> bool:
        return self._worker is not None

    def get(self) -> W:
        """Return the worker, which finishes its work at the end of the process."""
        with self._lock:
            if self._worker is None:
                self._worker = self._make()
                atexit.register(self.flush)
            return self._worker

    def flush(self, timeout: float = FLUSH_TIMEOUT) -> bool:
        """Finish the queued work, at most ``timeout`` seconds; return whether it is done."""
        return self._worker is None or self._worker.flush(timeout)

    def _reset(self) -> None:
        """Start empty in a forked child: the parent does its own work."""
        self._worker, self._lock = None, threading.Lock()
        atexit.unregister(self.flush)
