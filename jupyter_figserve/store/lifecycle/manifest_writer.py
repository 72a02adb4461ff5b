"""Writes the manifests of changed records to a bucket, after the changes. Server process, a thread of its own.

Within a transaction a slow bucket would hold up every other writer.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from sqlalchemy.engine import Connection

from ...errors import FigServeError
from ...model.times import Clock
from ..catalog import manifest_queue
from ..catalog.database import Catalog
from ..catalog.manifest_queue import QueuedManifest
from ..files.manifests import Manifest
from .aggregate import Aggregate

_log = logging.getLogger("jupyter_figserve")
_POLL_SECONDS = 1.0
_MAX_PAUSE_SECONDS = 30.0
_THREADS = 8
Work = tuple[QueuedManifest, Manifest | None]


class ManifestWriter:
    """Writes the manifests that are queued in the catalog, those of other servers too.

    Parameters
    ----------
    aggregates
        By kind; without one that queues its manifests, the writer does nothing.
    """

    def __init__(self, catalog: Catalog, aggregates: Mapping[str, Aggregate[Any]], clock: Clock) -> None:
        self._catalog = catalog
        self._aggregates = aggregates
        self._clock = clock
        self._is_closing = threading.Event()
        self._flushing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._writers = ThreadPoolExecutor(_THREADS, "figserve-manifests")

    def open(self) -> None:
        """Start to write them in the background."""
        if any(aggregate.is_queued for aggregate in self._aggregates.values()):
            self._thread = threading.Thread(target=self._run, name="figserve-manifest-writer", daemon=True)
            self._thread.start()

    def flush(self) -> int:
        """Write the manifests that are queued; return how many could not be written, or another server writes."""
        # One at a time: what the background has claimed is written, or queued again, before this returns.
        with self._flushing:
            while work := self._catalog.write(self._claim).result():
                failed = self._write(work)
                if failed:
                    break
        return self._catalog.read_in_thread(manifest_queue.count).result()

    def close(self) -> None:
        """End, writing once what is queued; what cannot be written stays queued for another server, or the next."""
        self._is_closing.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            self._try_to_flush()
        self._writers.shutdown()

    def _run(self) -> None:
        pause = _POLL_SECONDS
        while not self._is_closing.wait(pause):
            pause = _POLL_SECONDS if self._try_to_flush() else min(2 * pause, _MAX_PAUSE_SECONDS)

    def _try_to_flush(self) -> bool:
        try:
            if not self._catalog.read_in_thread(manifest_queue.count).result():
                return True
            return not self.flush()
        except Exception as error:
            _log.warning("figserve could not write manifests: %s", error)
            return False

    def _claim(self, connection: Connection) -> list[Work]:
        claimed = manifest_queue.claim(connection, self._clock())
        return [(one, self._aggregates[one.kind].describe(connection, one.id)) for one in claimed]

    def _write(self, work: list[Work]) -> list[QueuedManifest]:
        """Write manifests, or remove those of deleted records; return those that could not be written."""
        failed = [one for one in self._writers.map(self._try_to_write, work) if one is not None]
        written = [one for one, _ in work if one not in failed]
        self._catalog.write(partial(manifest_queue.finish, written=written, failed=failed)).result()
        return failed

    def _try_to_write(self, work: Work) -> QueuedManifest | None:
        one, manifest = work
        manifests = self._aggregates[one.kind].manifests
        try:
            if manifest is None:
                manifests.delete(one.id)
            else:
                manifests.write(manifest)
        except (FigServeError, OSError):
            return one
        return None
