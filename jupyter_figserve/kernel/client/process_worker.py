"""A background worker for each process, created on first use. Kernel."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

FLUSH_TIMEOUT = 5.0
"""Seconds for which the exit of the process waits for the remaining work."""


class Worker(Protocol):
    """A worker that finishes its queue when the process exits."""

    def flush(self, timeout: float) -> bool:
        """Finish the queued work, at most ``timeout`` seconds; return whether it is done."""


W = TypeVar("W", bound=Worker)


class ProcessWorker(Generic[W]):
    """The process's worker. A forked child does not inherit its thread, and starts without one.

    Parameters
    ----------
    make
        Creates the worker on first use.
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
        """Start empty in a forked child; the parent finishes its own work."""
        self._worker, self._lock = None, threading.Lock()
        atexit.unregister(self.flush)
