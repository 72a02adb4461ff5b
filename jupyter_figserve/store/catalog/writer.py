"""The writer: runs submitted functions in order, in one thread or several. Server process."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from ...errors import FigServeError, Unavailable

T = TypeVar("T")
_MAX_QUEUE = 1_000
_PAUSE = 0.02
"""Seconds without work after which deferred work runs."""
_MAX_DEFERRED = 100
_RETRY_SECONDS = 1.0
"""Time after which deferred work is tried again that the database could not do."""
_log = logging.getLogger("jupyter_figserve")


class Writer:
    """Runs functions in threads, so that an fsync never blocks a reader.

    Parameters
    ----------
    threads
        How many run at the same time; deferred functions run one after another in any case.
    """

    def __init__(self, threads: int = 1) -> None:
        self._queue: queue.Queue[tuple[Future[Any], Callable[[], Any]] | None] = queue.Queue(_MAX_QUEUE)
        self._deferred: deque[Callable[[], None]] = deque()
        self._retry_at = 0.0
        self._closed = False
        self._lock = threading.Lock()
        self._deferring = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, name="figserve-writer", daemon=True) for _ in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Queue ``work``.

        Raises
        ------
        Unavailable
            When the queue is full or the writer is closed.
        """
        future: Future[T] = Future()
        with self._lock:
            self.check_open()
            try:
                self._queue.put_nowait((future, work))
            except queue.Full:
                raise Unavailable("The store is busy; try again in a few seconds.", retry_after=5) from None
        return future

    def check_open(self) -> None:
        """Raise ``Unavailable`` when the writer is closed."""
        if self._closed:
            raise Unavailable("The store is closed: the server is shutting down.")

    def defer(self, work: Callable[[], None]) -> None:
        """Run ``work`` once the queue is empty; called from a writer's thread."""
        self._deferred.append(work)

    def finish_deferred(self) -> None:
        """Run all deferred work now, and wait for what another thread is running; called from a writer's thread."""
        while self._run_deferred():
            pass

    def close(self) -> None:
        """Finish queued and deferred work, then stop the threads."""
        with self._lock:
            self._closed = True
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

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
            pause = max(_PAUSE, self._retry_at - time.monotonic())
            if len(self._deferred) <= _MAX_DEFERRED or pause > _PAUSE:
                try:
                    return self._queue.get(timeout=pause)
                except queue.Empty:
                    # Nothing to do for a moment: time for deferred work.
                    pass
            self._run_deferred()
        return self._queue.get()

    def _run_deferred(self) -> bool:
        """Run the next deferred function; return False when there is none, or it has to wait for the database."""
        with self._deferring:
            try:
                work = self._deferred.popleft()
            except IndexError:
                return False
            try:
                work()
            except Unavailable as error:
                self._deferred.appendleft(work)
                if not self._retry_at:
                    _log.warning("figserve finishes deferred work later: %s", error)
                self._retry_at = time.monotonic() + _RETRY_SECONDS
                return False
            except FigServeError as error:
                _log.error("figserve could not finish deferred work: %s", error)
            except Exception:
                # It has no caller. Manifests that are behind the catalog are found and written at the next start.
                _log.exception("figserve could not finish deferred work")
            self._retry_at = 0.0
            return True
