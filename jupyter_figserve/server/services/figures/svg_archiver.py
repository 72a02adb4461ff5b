"""After each publish the figure's SVG is drawn once and kept, so that an archive outlives upgrades. Server process.

One at a time, behind everything that somebody waits for, and in a pause of publishing: a cell that publishes has the
processor to itself. What a restart left undone is found again with the first publish after it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque

from ....errors import FigServeError
from ....model.formats import FORMATS
from ....sandbox.renderer import DrawOptions
from ....store.store import Store
from ..rendering.service import RenderService
from .redraw import draw_again

_QUEUE = 1_000
_CAUGHT_UP = 200
_PAUSE = 3.0
"""Seconds without a publish, after which drawing begins."""
_MAX_PAUSE = 120.0
"""Seconds that it waits for such a pause at most."""
_SVG = FORMATS["svg"]
_log = logging.getLogger("jupyter_figserve")


class SvgArchiver:
    """Draws what ``note`` names.

    Parameters
    ----------
    most
        Bytes of a source, and of an SVG; a larger one is left alone. 0 is without limit.
    """

    def __init__(self, store: Store, drawing: RenderService, most: int, *, is_on: bool) -> None:
        self._store = store
        self._drawing = drawing
        self._most = most or 2**62
        self._is_on = is_on
        self._waiting: deque[tuple[str, int]] = deque(maxlen=_QUEUE)
        self._worker: asyncio.Task[None] | None = None
        self._has_caught_up = False
        self._noted = 0.0
        self._is_awaited = asyncio.Event()

    def note(self, figure_id: str, version: int) -> None:
        """A version has its source now."""
        if not self._is_on:
            return
        self._waiting.append((figure_id, version))
        self._noted = asyncio.get_running_loop().time()
        if self._worker is None or self._worker.done():
            self._worker = asyncio.ensure_future(self._run())

    async def settle(self) -> None:
        """Wait until nothing waits, without pauses."""
        self._is_awaited.set()
        try:
            while self._worker is not None and not self._worker.done():
                await asyncio.wait([self._worker])
        finally:
            self._is_awaited.clear()

    async def close(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)

    async def _run(self) -> None:
        await self._pause()
        await self._drawing.queue.start()
        if not self._drawing.queue.is_available:
            self._waiting.clear()
            return
        await self._catch_up()
        while self._waiting:
            await self._pause()
            figure_id, version = self._waiting.popleft()
            try:
                await self._preserve(figure_id, version)
            except FigServeError as error:
                _log.debug("figserve keeps no SVG of figure %s: %s", figure_id, error)
            except Exception:
                _log.exception("figserve could not keep an SVG of figure %s", figure_id)

    async def _pause(self) -> None:
        """Until nothing was published for a while."""
        loop = asyncio.get_running_loop()
        latest = loop.time() + _MAX_PAUSE
        while not self._is_awaited.is_set() and (left := min(self._noted + _PAUSE, latest) - loop.time()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._is_awaited.wait()

    async def _catch_up(self) -> None:
        if self._has_caught_up:
            return
        self._has_caught_up = True
        found = await self._store.figures.list_without(_SVG.mimetype, _CAUGHT_UP)
        known = set(self._waiting)
        self._waiting.extend(each for each in found if each not in known)

    async def _preserve(self, figure_id: str, number: int) -> None:
        record = await self._store.figures.find(figure_id, number)
        if record is None or record.version.source is None or record.version.find_representation(_SVG) is not None:
            return
        if record.version.source.size > self._most:
            return
        drawn = await draw_again(self._store, self._drawing, record, DrawOptions(format=_SVG.name), low_priority=True)
        if len(drawn.data) <= self._most:
            await self._store.figures.add_representation(record, number, drawn)
