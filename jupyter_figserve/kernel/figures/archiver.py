"""Draws and uploads archive images of published figures after the cell. One daemon thread of the kernel.

The cell never waits. The main thread draws, between two cells, what another thread cannot: a figure that cannot be
pickled, if it still looks as published, and one drawn before a change of state that all threads share.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from ...model.figures import MAX_VECTOR_BYTES, EncodedImage
from ..cells.cell_monitor import CellMonitor
from ..client.client import FigServeClient
from ..client.process_worker import FLUSH_TIMEOUT, ProcessWorker

if TYPE_CHECKING:
    from ...plotting.encode import EncodedFigure

_MAX_QUEUE_LENGTH = 64
_MAX_QUEUE_BYTES = 256 * 2**20
_MAX_WAIT = 10.0
"""Seconds after which a figure is drawn although a cell is running."""
_POLL_SECONDS = 0.1
_REPLY_DELAY = 0.05
"""Seconds between the end of a cell and drawing in the main thread, so that the cell's reply goes out first."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PublishedVersion:
    """The version that images are for."""

    client: FigServeClient
    figure: str
    version: int

    def send(self, image: EncodedImage) -> None:
        sizes = {"width": image.width, "height": image.height, "dpi": image.dpi}
        path = f"api/figures/{self.figure}/versions/{self.version}/representations"
        self.client.put_bytes(path, image.data, content_type=image.mimetype, **sizes)


@dataclass(frozen=True)
class SnapshotJob:
    """Draws a pickled figure.

    Parameters
    ----------
    published
        The published image of a figure that uses code of the notebook, which may draw something else each time: by
        the clock, or with random numbers. It is compared.
    """

    target: PublishedVersion
    source: bytes
    published: EncodedImage | None = None

    def draw(self, max_bytes: int) -> list[EncodedImage] | None:
        """Draw it in this thread; None if only the main thread can."""
        from ...plotting.archive import draw_archive
        from ...plotting.redraw import draw_in_background

        return draw_in_background(self.source, lambda found, dpi: draw_archive(found, dpi, max_bytes, self.published))

    def draw_alone(self, max_bytes: int) -> list[EncodedImage]:
        """Draw it in the main thread, between two cells."""
        from ...plotting.archive import draw_archive
        from ...plotting.redraw import draw_alone

        return draw_alone(self.source, lambda found, dpi: draw_archive(found, dpi, max_bytes, self.published))


@dataclass(frozen=True)
class UnpickledJob:
    """Draws a figure that cannot be pickled, if it still gives the published image."""

    target: PublishedVersion
    encoded: EncodedFigure

    def draw_alone(self, max_bytes: int) -> list[EncodedImage]:
        """Draw it in the main thread, between two cells."""
        from ...plotting.archive import draw_if_unchanged

        return draw_if_unchanged(self.encoded, max_bytes)


class Archiver:
    """A bounded queue of figures; those that do not fit, or fail, get no archive images."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._snapshots: deque[tuple[float, SnapshotJob]] = deque()
        self._for_main_thread: deque[SnapshotJob | UnpickledJob] = deque(maxlen=_MAX_QUEUE_LENGTH)
        self._drawn: deque[tuple[PublishedVersion, list[EncodedImage]]] = deque()
        self._limits: WeakKeyDictionary[FigServeClient, int] = WeakKeyDictionary()
        self._is_working = self._is_flushing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._monitor = CellMonitor(self._end_cell)

    def put(self, job: SnapshotJob | UnpickledJob) -> None:
        """Queue a figure that the running cell has published."""
        self._monitor.begin()
        with self._changed:
            if isinstance(job, UnpickledJob):
                self._for_main_thread.append(job)
            else:
                self._snapshots.append((time.monotonic() + _MAX_WAIT, job))
                while len(self._snapshots) > _MAX_QUEUE_LENGTH or self._bytes() > _MAX_QUEUE_BYTES:
                    self._snapshots.popleft()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="figserve-archive", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self, timeout: float = FLUSH_TIMEOUT) -> bool:
        """Draw and send everything without waiting for a cell, for at most ``timeout`` seconds; return True if done."""
        self._is_flushing = True
        until = time.monotonic() + timeout
        try:
            if threading.current_thread() is threading.main_thread():
                while self._wait_for_main_thread(until):
                    self._draw_alone()
            with self._changed:
                self._changed.notify_all()
                return self._changed.wait_for(self._is_empty, max(0.0, until - time.monotonic()))
        finally:
            self._is_flushing = False

    def _wait_for_main_thread(self, until: float) -> bool:
        """Wait until there is something to draw in the main thread; return whether there is."""
        with self._changed:
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: bool(self._for_main_thread) or self._is_empty(), max(0.0, until - time.monotonic())
            )
            return bool(self._for_main_thread) and time.monotonic() < until

    def _bytes(self) -> int:
        return sum(len(job.source) for _, job in self._snapshots)

    def _is_empty(self) -> bool:
        return not (self._snapshots or self._drawn or self._is_working)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._snapshots or self._drawn))
                self._is_working = True
            try:
                self._work()
            except Exception as error:
                _log.debug("A figure has no image for HiDPI screens: %s: %s", type(error).__name__, error)
            finally:
                with self._changed:
                    self._is_working = False
                    self._changed.notify_all()

    def _work(self) -> None:
        """Send what the main thread has drawn, else draw and send the oldest snapshot."""
        if self._send_drawn():
            return
        with self._changed:
            until, job = self._snapshots.popleft()
        max_bytes = self._find_limit(job.target.client)
        if not max_bytes:
            return
        while not self._is_flushing and time.monotonic() < until and not self._monitor.wait(_POLL_SECONDS):
            self._send_drawn()
        images = job.draw(max_bytes)
        if images is None:
            self._for_main_thread.append(job)
            self._wake_main_thread()
            return
        for image in images:
            job.target.send(image)

    def _send_drawn(self) -> bool:
        """Send the images of one figure that the main thread has drawn; return whether there was one."""
        with self._changed:
            if not self._drawn:
                return False
            target, images = self._drawn.popleft()
        if self._find_limit(target.client):
            for image in images:
                target.send(image)
        return True

    def _find_limit(self, client: FigServeClient) -> int:
        """Return the server's limit of an SVG in bytes; 0 if it stores none."""
        if client not in self._limits:
            limits = client.get("api/status").get("limits", {})
            self._limits[client] = int(limits.get("preserve_bytes", 0))
        return self._limits[client]

    def _end_cell(self) -> None:
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None
            self._draw_alone()
        else:
            self._loop.call_later(_REPLY_DELAY, self._draw_alone)

    def _wake_main_thread(self) -> None:
        """Let the thread draw although no cell ends."""
        if self._loop is not None:
            # Closed: the kernel is exiting, and flushes the queue.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._draw_alone)

    def _draw_alone(self) -> None:
        """Draw in the main thread; a cell that has begun meanwhile goes first."""
        while self._for_main_thread and (self._monitor.is_idle or self._is_flushing):
            job = self._for_main_thread.popleft()
            try:
                images = job.draw_alone(self._limits.get(job.target.client, MAX_VECTOR_BYTES))
            except Exception as error:
                _log.debug("A figure has no image for HiDPI screens: %s: %s", type(error).__name__, error)
                continue
            with self._changed:
                self._drawn.append((job.target, images))
                self._changed.notify_all()


_archiver = ProcessWorker(Archiver)
flush = _archiver.flush


def enqueue(job: SnapshotJob | UnpickledJob) -> None:
    """Queue a figure in this process's archiver."""
    _archiver.get().put(job)
