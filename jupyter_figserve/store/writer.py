"""The one thread that writes: work is done in the order it came, each piece answered by a future. Server process."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from ..errors import Unavailable

T = TypeVar("T")
_QUEUE_LENGTH = 1_000


class Writer:
    """Runs functions one after another, so that an fsync never stalls a reader."""

    def __init__(self) -> None:
        self._queue: queue.Queue[tuple[Future[Any], Callable[[], Any]] | None] = queue.Queue(_QUEUE_LENGTH)
        self._closed = False
        self._gate = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="figserve-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Queue ``work``.

        Raises
        ------
        Unavailable
            When a thousand pieces of work wait already, and after the end.
        """
        future: Future[T] = Future()
        with self._gate:
            if self._closed:
                raise Unavailable("The store is closed: the server is ending.")
            try:
                self._queue.put_nowait((future, work))
            except queue.Full:
                raise Unavailable("The store is busy; try again in a few seconds.", retry_after=5) from None
        return future

    def close(self) -> None:
        """Finish what was queued, then end."""
        with self._gate:
            self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            future, work = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)
