"""Base of the repositories: how a query or a change reaches the catalog. Server process."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy.engine import Connection

from ...errors import FigServeError, QuotaExceeded, ReadOnly
from ..call_observer import READ, SCAN, WRITE
from ..catalog.database import DISK_FULL, Catalog

P = ParamSpec("P")
T = TypeVar("T")
_log = logging.getLogger("jupyter_figserve")


class Repository:
    """Queries and changes of the catalog.

    Queries are coroutines: SQLite answers them at once on the event loop's thread, PostgreSQL in another thread.
    Changes run in a writer's thread, and are durable when their coroutine returns.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def _read(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        with self._catalog.calls.timed(READ):
            return await self._catalog.read(query, *args, **kwargs)

    async def _read_in_thread(
        self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a slow query in another thread, on a separate connection."""
        with self._catalog.calls.timed(SCAN):
            reading = self._catalog.read_in_thread(lambda connection: query(connection, *args, **kwargs))
            return await asyncio.wrap_future(reading)

    async def _write(self, change: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``change`` in one write transaction.

        Raises
        ------
        ReadOnly
            When the catalog or the disk cannot be written.
        QuotaExceeded
            When the disk is full.
        """
        with self._catalog.calls.timed(WRITE):
            return await asyncio.wrap_future(self._start_write(change, *args, **kwargs))

    def _write_later(
        self, change: Callable[Concatenate[Connection, P], Any], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Queue ``change`` without waiting for it; a failure is logged."""
        try:
            self._start_write(change, *args, **kwargs).add_done_callback(_log_failure)
        except FigServeError as error:
            _log.warning("figserve could not record a change: %s", error)

    def _start_write(
        self, change: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        return self._start(lambda: self._catalog.transact(change, *args, **kwargs))

    async def _run(self, work: Callable[[], T]) -> T:
        """Run ``work`` in the writer's thread; it writes by ``Catalog.transact``."""
        with self._catalog.calls.timed(WRITE):
            return await asyncio.wrap_future(self._start(work))

    def _start(self, work: Callable[[], T]) -> Future[T]:
        return self._catalog.submit(lambda: _translate_os_errors(work))


def translate_os_error(error: OSError) -> FigServeError:
    """Return an error of ours, with advice, for one of the file system."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return QuotaExceeded(DISK_FULL)
    return ReadOnly(
        f"The store could not be written ({error.strerror}); nothing was changed. Check its directory and try again."
    )


def _translate_os_errors(work: Callable[[], T]) -> T:
    """Run ``work``, translating errors of the file system into ours."""
    try:
        return work()
    except OSError as error:
        raise translate_os_error(error) from error


def _log_failure(done: Future[Any]) -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        _log.warning("figserve could not record a change: %s", error)
