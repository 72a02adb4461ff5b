"""Writes the blobs of a change, and removes them when its transaction is rejected. Server process."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import TypeVar

from ...errors import FigServeError
from ...model.times import Clock
from ..call_observer import BLOB_WRITE, WRITE
from ..catalog import references
from ..catalog.database import Catalog
from ..files.blobs import BlobStore
from ..lifecycle import garbage_collection
from .repository import Repository, translate_os_error

NamedBytes = tuple[str, bytes]
"""A digest and the bytes with this digest."""
_QUICK_BYTES = 2**20
"""Total size up to which blobs are written to the local disk while the transaction runs."""
_MAX_HOLD_SECONDS = 0.1
"""Time for which a transaction waits for them, and others for it."""
T = TypeVar("T")


class BlobWriter(Repository):
    """Stores blobs so that a slow disk or bucket holds up no other change.

    They are written before the transaction that refers to them, outside of any. Small ones on the local disk are
    written while it runs; when they take long, it is undone, and runs again once they are written. When it is rejected,
    they are removed once they are written, for which nobody waits.

    Garbage collection leaves a new blob alone for a while. One that existed without a reference may be about to be
    removed, so its row is touched, which excludes garbage collection, and then it is put once more.

    Parameters
    ----------
    check
        Raises while nothing can be stored yet.
    """

    def __init__(self, catalog: Catalog, blobs: BlobStore, clock: Clock, check: Callable[[], None]) -> None:
        super().__init__(catalog)
        self._blobs = blobs
        self._clock = clock
        self._check = check

    async def run_after(
        self, blobs: Sequence[NamedBytes], work: Callable[[], T], putting: Sequence[Future[bool]] | None = None
    ) -> T:
        """Store blobs, then run ``work`` in the writer's thread; when it fails, remove the new ones.

        Parameters
        ----------
        work
            Its transaction refers to the blobs.
        putting
            What is storing them already.

        Raises
        ------
        ReadOnly
            When the catalog cannot be written.
        QuotaExceeded
            When the disk is full.
        Unavailable
            When the blobs cannot be stored.
        """
        self._catalog.check_writable()
        self._check()
        new: set[str] = set()
        running: Future[T] | None = None
        try:
            existing = await self._put(blobs, map(asyncio.wrap_future, putting) if putting else None, new)
            if existing:
                await self._put(await self._touch(existing), None, new)
            with self._catalog.calls.timed(WRITE):
                running = self._start(work)
                return await asyncio.wrap_future(running)
        except BaseException:
            if running is None or running.done():
                await self._drop(new)
            else:
                # The client has left, and a transaction that runs ends nevertheless: it may refer to them.
                running.add_done_callback(lambda _: self._drop_later(new))
            raise

    def is_quick(self, blobs: Sequence[NamedBytes]) -> bool:
        """Whether blobs are written while the transaction runs that refers to them."""
        is_local = self._blobs.is_local and self._catalog.has_one_writer
        return is_local and sum(len(data) for _, data in blobs) <= _QUICK_BYTES

    async def run_with(self, blobs: Sequence[NamedBytes], change: Callable[[Callable[[], None]], T]) -> T:
        """Store blobs and run ``change`` in the writer's thread.

        Its transaction refers to the blobs, and ends with a call of the function that ``change`` gets. It may run
        twice. The errors are those of ``run_after``.
        """
        putting = None
        if self.is_quick(blobs):
            self._catalog.check_writable()
            self._check()
            putting = [self._catalog.calls.observe(BLOB_WRITE, self._blobs.start_put(*blob)) for blob in blobs]
            try:
                return await self._run_meanwhile(blobs, putting, change)
            except _StillWriting:
                # Nothing has changed; once they are on the disk, it begins anew.
                pass
        return await self.run_after(blobs, lambda: change(_do_nothing), putting)

    async def _run_meanwhile(
        self, blobs: Sequence[NamedBytes], putting: Sequence[Future[bool]], change: Callable[[Callable[[], None]], T]
    ) -> T:
        again: set[str] = set()

        def wait_for_blobs() -> None:
            end = time.monotonic() + _MAX_HOLD_SECONDS
            for (digest, data), future in zip(blobs, putting, strict=True):
                # One that existed may have been removed since; the transaction excludes garbage collection.
                if not _wait(future, end) and _wait(self._blobs.start_put(digest, data), end):
                    again.add(digest)

        try:
            return await self._run(lambda: change(wait_for_blobs))
        except _StillWriting:
            raise
        except BaseException:
            # A refusal does not wait for a disk that hangs.
            _call_when_done(putting, lambda: self._drop_later(again | _find_new(blobs, putting)))
            raise

    async def _put(
        self, blobs: Sequence[NamedBytes], putting: Iterable[Awaitable[bool]] | None, new: set[str]
    ) -> list[NamedBytes]:
        """Store blobs at the same time; add the digests of new ones to ``new``, and return those that existed."""
        if putting is None:
            putting = [self._catalog.calls.watch(BLOB_WRITE, self._blobs.start_put(*blob)) for blob in blobs]
        results = await asyncio.gather(*putting, return_exceptions=True)
        new.update(digest for (digest, _), result in zip(blobs, results, strict=True) if result is True)
        for result in results:
            if isinstance(result, OSError):
                raise translate_os_error(result) from result
            if isinstance(result, BaseException):
                raise result
        return [blob for blob, result in zip(blobs, results, strict=True) if not result]

    async def _touch(self, blobs: Sequence[NamedBytes]) -> list[NamedBytes]:
        """Touch the rows of those to which nothing refers, and return them."""
        sizes = {digest: len(data) for digest, data in blobs}
        touched = await self._write(references.touch_unreferenced, sizes, self._clock())
        return [blob for blob in blobs if blob[0] in touched]

    async def _drop(self, digests: set[str]) -> None:
        """Remove blobs to which nothing refers; what cannot be removed is left to garbage collection."""
        if digests:
            with contextlib.suppress(FigServeError):
                await self._write(garbage_collection.delete_unreferenced, self._blobs, digests)

    def _drop_later(self, digests: set[str]) -> None:
        """Do the same without waiting for it."""
        if digests:
            self._write_later(garbage_collection.delete_unreferenced, self._blobs, digests)


class _StillWriting(Exception):
    """The disk is slow: the transaction is undone, so that it holds up no other one."""


def _wait(future: Future[bool], end: float) -> bool:
    with contextlib.suppress(TimeoutError):
        return future.result(max(0.0, end - time.monotonic()))
    if future.done():
        return future.result()
    raise _StillWriting


def _find_new(blobs: Sequence[NamedBytes], putting: Sequence[Future[bool]]) -> set[str]:
    """Return the digests of the blobs that were stored and did not exist before."""
    stored = [not future.cancelled() and future.exception() is None and future.result() for future in putting]
    return {digest for (digest, _), is_new in zip(blobs, stored, strict=True) if is_new}


def _call_when_done(futures: Sequence[Future[bool]], callback: Callable[[], None]) -> None:
    """Call back once all are done, in the thread that does the last, or now."""
    others = itertools.count(len(futures) - 1, -1)

    def on_done(_: Future[bool]) -> None:
        if next(others) == 0:
            callback()

    for future in futures:
        future.add_done_callback(on_done)


def _do_nothing() -> None:
    pass
