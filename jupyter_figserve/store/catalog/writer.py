"""The writer thread: runs submitted functions in order. Server process."""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from ...errors import Unavailable

T = TypeVar("T")
_MAX_QUEUE = 1_000
_PAUSE = 0.02
"""Seconds without work after which deferred work runs."""
_MAX_DEFERRED = 100
_log = logging.getLogger("jupyter_figserve")


class Writer:
    """Runs functions one after another in a thread, so that an fsync never blocks a reader."""

    def __init__(self) -> None:
        self._queue: queue.Queue[tuple[Future[Any], Callable[[], Any]] | None] = queue.Queue(_MAX_QUEUE)
        self._deferred: deque[Callable[[], None]] = deque()
        self._closed = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="figserve-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Queue ``work``.

        Raises
        ------
        Unavailable
            When the queue is full or the writer is closed.
        """
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise Unavailable("The store is closed: the server is shutting down.")
            try:
                self._queue.put_nowait((future, work))
            except queue.Full:
                raise Unavailable("The store is busy; try again in a few seconds.", retry_after=5) from None
        return future

    def defer(self, work: Callable[[], None]) -> None:
        """Run ``work`` once the queue is empty; called from the writer's thread."""
        self._deferred.append(work)

    def finish_deferred(self) -> None:
        """Run all deferred work now; called from the writer's thread."""
        while self._deferred:
            self._run_deferred()

    def close(self) -> None:
        """Finish queued and deferred work, then stop the thread."""
        with self._lock:
            self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (item := self._next()) is not None:
            future, work = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work())
            except BaseException as error:
                # Whatever it is, it belongs to the caller, and the thread has to go on.
                future.set_exception(error)
        self.finish_deferred()

    def _next(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        """Wait for the next item, running deferred work when idle, or at once when there is too much of it."""
        while self._deferred:
            if len(self._deferred) <= _MAX_DEFERRED:
                try:
                    return self._queue.get(timeout=_PAUSE)
                except queue.Empty:
                    # Nothing to do for a moment: time for deferred work.
                    pass
            self._run_deferred()
        return self._queue.get()

    def _run_deferred(self) -> None:
        try:
            self._deferred.popleft()()
        except Exception:
            # It has no caller. Manifests that are behind the catalog are found and written at the next start.
            _log.exception("figserve could not finish deferred work")
