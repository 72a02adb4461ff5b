"""Times the calls of the store, for the metrics. Server process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import TypeVar

from ..errors import FigServeError

T = TypeVar("T")
READ, SCAN, WRITE = "read", "scan", "write"
"""A query on the event loop, a slow query in a thread, and a change, with its time in the writer's queue."""
BLOB_READ, BLOB_WRITE = "blob_read", "blob_write"
KINDS = (READ, SCAN, WRITE, BLOB_READ, BLOB_WRITE)
Listener = Callable[[str, float, bool], None]
"""Takes the kind of a call, its time in seconds, and whether it failed; called in any thread."""


def _ignore(kind: str, seconds: float, is_failed: bool) -> None:
    pass


class CallObserver:
    """Passes the time of each call to its listener, of which there is at most one."""

    def __init__(self) -> None:
        self.listener: Listener = _ignore

    async def watch(self, kind: str, work: Future[T]) -> T:
        """Wait for work of another thread, and pass on its time."""
        with self.timed(kind):
            return await asyncio.wrap_future(work)

    def observe(self, kind: str, work: Future[T]) -> Future[T]:
        """Pass on the time of work of another thread once it is done, and return the work."""
        timing = self.timed(kind)

        def on_done(done: Future[T]) -> None:
            if not done.cancelled():
                timing.__exit__(None, done.exception(), None)

        timing.__enter__()
        work.add_done_callback(on_done)
        return work

    def timed(self, kind: str) -> Timing:
        """Return a context manager around one call."""
        return Timing(self, kind)


class Timing:
    """The time of one call; a failure is the store's, not that of a request which it refuses."""

    __slots__ = ("_began", "_kind", "_observer")

    def __init__(self, observer: CallObserver, kind: str) -> None:
        self._observer = observer
        self._kind = kind

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._observer.listener(self._kind, time.perf_counter() - self._began, _is_failure(error))


def _is_failure(error: BaseException | None) -> bool:
    if isinstance(error, FigServeError):
        return error.status in (500, 503, 504)
    return isinstance(error, Exception)
