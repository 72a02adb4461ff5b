"""Archives an SVG of each published figure, which stays readable after upgrades of matplotlib. Server process.

It renders one figure at a time, with low priority, while nothing is being published, so that a publishing cell has the
processor to itself. The first publish after a restart also schedules the versions that the restart interrupted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque

from ....errors import FigServeError
from ....model.formats import FORMATS
from ....model.rendering import DrawOptions
from ....store.store import Store
from ..rendering.service import RenderService
from .redraw import render_again

_MAX_WAITING = 1_000
_MAX_CATCH_UP = 200
_PAUSE = 3.0
"""Seconds without a publish after which rendering begins."""
_MAX_PAUSE = 120.0
"""Maximum wait for such a pause, in seconds."""
_SVG = FORMATS["svg"]
_log = logging.getLogger("jupyter_figserve")


class SvgArchiver:
    """Background task that renders the scheduled figures.

    Parameters
    ----------
    max_bytes
        Maximum size of a source, and of its SVG; larger ones are skipped. 0 for no limit.
    """

    def __init__(self, store: Store, rendering: RenderService, max_bytes: int, *, is_on: bool) -> None:
        self._store = store
        self._rendering = rendering
        self._max_bytes = max_bytes or 2**62
        self._is_on = is_on
        self._waiting: deque[tuple[str, int]] = deque(maxlen=_MAX_WAITING)
        self._worker: asyncio.Task[None] | None = None
        self._has_caught_up = False
        self._last_scheduled = 0.0
        self._skips_pauses = asyncio.Event()

    def schedule(self, figure_id: str, version: int) -> None:
        """Schedule a version, whose source has just been attached."""
        if not self._is_on:
            return
        self._waiting.append((figure_id, version))
        self._last_scheduled = asyncio.get_running_loop().time()
        if self._worker is None or self._worker.done():
            self._worker = asyncio.ensure_future(self._run())

    async def wait_until_idle(self) -> None:
        """Archive all scheduled versions without pauses."""
        self._skips_pauses.set()
        try:
            while self._worker is not None and not self._worker.done():
                await asyncio.wait([self._worker])
        finally:
            self._skips_pauses.clear()

    async def close(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)

    async def _run(self) -> None:
        await self._pause()
        await self._rendering.queue.start()
        if not self._rendering.queue.is_available:
            self._waiting.clear()
            return
        await self._catch_up()
        while self._waiting:
            await self._pause()
            figure_id, version = self._waiting.popleft()
            try:
                await self._archive(figure_id, version)
            except FigServeError as error:
                _log.debug("figserve skips the SVG of figure %s: %s", figure_id, error)
            except Exception:
                _log.exception("figserve could not archive an SVG of figure %s", figure_id)

    async def _pause(self) -> None:
        """Wait until nothing has been published for ``_PAUSE`` seconds."""
        loop = asyncio.get_running_loop()
        latest = loop.time() + _MAX_PAUSE
        while (
            not self._skips_pauses.is_set() and (left := min(self._last_scheduled + _PAUSE, latest) - loop.time()) > 0
        ):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._skips_pauses.wait()

    async def _catch_up(self) -> None:
        if self._has_caught_up:
            return
        self._has_caught_up = True
        found = await self._store.figures.list_without(_SVG.mimetype, _MAX_CATCH_UP)
        known = set(self._waiting)
        self._waiting.extend(each for each in found if each not in known)

    async def _archive(self, figure_id: str, number: int) -> None:
        record = await self._store.figures.find(figure_id, number)
        if record is None or record.version.source is None or record.version.find_representation(_SVG) is not None:
            return
        if record.version.source.size > self._max_bytes:
            return
        options = DrawOptions(format=_SVG.name)
        svg = await render_again(self._store, self._rendering, record, options, low_priority=True)
        if len(svg.data) <= self._max_bytes:
            await self._store.figures.add_representation(record, number, svg)
