"""The thread that does what the server and front ends ask of this kernel, in order. Kernel.

One piece of work at a time: matplotlib's rcParams are only isolated in this thread, and a second thread would only wait
for the interpreter lock. It is a daemon thread, so that the kernel can exit at any time.
"""

from __future__ import annotations

import atexit
import os
import queue
import threading
from collections.abc import Callable

from .switch_interval import short_switch_interval


class WorkerThread:
    """A queue and the thread that empties it, which starts with the first work."""

    is_ending = False
    """Whether the kernel ends, so that the user's functions lose their globals."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, work: Callable[[], None]) -> None:
        """Queue work that does not raise."""
        with self._lock:
            if self._thread is None:
                # IPython clears the user's namespace in an exit handler of its own, which runs after later ones.
                atexit.register(self.begin_end)
                self._thread = threading.Thread(target=self._run, name="figserve-live", daemon=True)
                self._thread.start()
        short_switch_interval.__enter__()
        self._queue.put(work)

    def begin_end(self) -> None:
        """From now on a failure is that of the kernel, which ends, not of the work."""
        self.is_ending = True

    def reset_after_fork(self) -> None:
        """Drop the queue: the parent does its work."""
        self._lock = threading.Lock()
        self._queue = queue.SimpleQueue()
        self._thread = None

    def _run(self) -> None:
        while True:
            work = self._queue.get()
            try:
                work()
            finally:
                short_switch_interval.__exit__()


worker_thread = WorkerThread()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=worker_thread.reset_after_fork)
