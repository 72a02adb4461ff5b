"""Tests whether the sources of published figures can be rendered, before pages offer it. Server process.

Each new source is tested once, in the background and with low priority, while nothing is being published, so that a
publishing cell has the processor to itself. An earlier request, or one after a sandbox upgrade, starts it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import replace

from ....errors import Conflict, DeadlineExceeded, FigServeError, OutputInvalid, TooLarge, Unavailable
from ....model.figures import FigureRecord
from ....model.formats import FORMATS
from ....model.rendering import DrawOptions
from ....model.source_check import ALL_FORMATS, DIFFERENT, SourceCheck, SourceProblem
from ....store.store import Store
from ..callers import BACKGROUND
from ..rendering.service import RenderService
from .redraw import redraw_as_published, render_again
from .source_problems import NO_SANDBOX, UNCHECKED, describe_problem, explain_no_kernel, missing_format

_MAX_WAITING = 1_000
_PAUSE = 3.0
"""Seconds without a publish after which a test begins."""
_MAX_PAUSE = 120.0
"""Maximum wait for such a pause, in seconds."""
_PATIENCE = 5.0
"""Seconds for which a page waits for a test."""
API_PATIENCE = 15.0
"""Seconds for which a program's request waits for a test."""
_RETRY_SECONDS = 3600.0
"""Time after which a failed source is tested again: a missing library may have been installed."""
_TRIED = (DrawOptions("svg"), DrawOptions("pdf"), DrawOptions("eps"))
"""One for each of matplotlib's backends besides the one that draws the published image."""
_SAME_BACKEND = {"svg": ("svg", "svgz")}
_SVG = FORMATS["svg"]
_log = logging.getLogger("jupyter_figserve")


class SourceChecker:
    """Tests sources in the sandbox, and records the results in the catalog.

    Parameters
    ----------
    max_bytes
        Maximum size of the SVG that is stored with a figure made from posted code; 0 stores none.
    """

    def __init__(self, store: Store, rendering: RenderService, max_bytes: int) -> None:
        self._store = store
        self._rendering = rendering
        self._max_bytes = max_bytes
        self._waiting: deque[tuple[str, int]] = deque(maxlen=_MAX_WAITING)
        self._worker: asyncio.Task[None] | None = None
        self._tries: dict[tuple[str, int], asyncio.Task[SourceCheck | None]] = {}
        self._last_scheduled = 0.0

    def schedule(self, figure_id: str, version: int) -> None:
        """Schedule a version, whose source has just been stored."""
        self._waiting.append((figure_id, version))
        self._last_scheduled = asyncio.get_running_loop().time()
        if self._worker is None or self._worker.done():
            self._worker = asyncio.ensure_future(self._run())

    async def accept(self, record: FigureRecord) -> FigureRecord:
        """Record that a source works, because the sandbox has just rendered it; return the updated figure."""
        check = SourceCheck(self._sandbox, self._store.clock(), self._missing_formats)
        await self._store.figures.record_source_check(record, check)
        return _with_check(record, check)

    async def checked(self, record: FigureRecord, patience: float = _PATIENCE) -> FigureRecord:
        """Return a figure with a current check of its source, if one is done within a few seconds."""
        queue = self._rendering.queue
        if not queue.maybe_available:
            return self.known(record)
        if record.version.source is None:
            return record
        key = (record.id, record.version.number)
        task = self._tries.get(key)
        if task is None:
            if self._is_current(record.version.check):
                return record
            task = self._tries[key] = asyncio.ensure_future(self._check(record))
            task.add_done_callback(lambda _: self._tries.pop(key, None))
        await asyncio.wait([task], timeout=patience)
        check = task.result() if task.done() and not task.cancelled() else None
        if check is None:
            is_unchecked = queue.maybe_available
            check = SourceCheck("", 0.0, {ALL_FORMATS: UNCHECKED}) if is_unchecked else self._check_kernel(record)
        return _with_check(record, check)

    def is_drawable_by_kernel(self, record: FigureRecord) -> bool:
        """Whether a running kernel has made the source of a figure, and can draw it."""
        source = record.version.source
        return source is not None and self._rendering.kernels.find_unsupported(record.owner, source) is not None

    def _check_kernel(self, record: FigureRecord) -> SourceCheck:
        """Return what the kernel that made a source can draw, as there is no sandbox; nothing is drawn for it."""
        source, kernels = record.version.source, self._rendering.kernels
        if source is None or source.kind != "figure" or not kernels.is_enabled:
            return SourceCheck("", 0.0, {ALL_FORMATS: NO_SANDBOX})
        unsupported = kernels.find_unsupported(record.owner, source)
        if unsupported is None:
            return SourceCheck("", 0.0, {ALL_FORMATS: explain_no_kernel(record.version)})
        return SourceCheck("", 0.0, {name: missing_format(name, "the notebook's kernel") for name in unsupported})

    async def recheck_problem(self, record: FigureRecord) -> FigureRecord:
        """Return a figure whose known problem, if any, is still current; a source without one is not tested."""
        check = record.version.check
        return record if check is None or not check.problems else await self.checked(record)

    def known(self, record: FigureRecord) -> FigureRecord:
        """Return a figure with what is known about its source, without a test."""
        if self._rendering.queue.maybe_available:
            return record
        return _with_check(record, self._check_kernel(record))

    def is_complete(self, record: FigureRecord) -> bool:
        """Whether a figure is available in its stored formats only."""
        if record.version.source is None:
            return True
        return not self._rendering.queue.maybe_available and not self.is_drawable_by_kernel(record)

    async def close(self) -> None:
        tasks = [task for task in (self._worker, *self._tries.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def _sandbox(self) -> str:
        libraries = self._rendering.queue.libraries
        return ", ".join(f"{name} {libraries[name]}" for name in sorted(libraries))

    @property
    def _missing_formats(self) -> dict[str, SourceProblem]:
        return {name: missing_format(name) for name in self._rendering.queue.status.unsupported}

    def _is_current(self, check: SourceCheck | None) -> bool:
        """Whether a check is still current; until the sandbox has started, its libraries are unknown."""
        if check is None or self._sandbox not in ("", check.sandbox):
            return False
        if not check.problems or self._store.clock() - check.checked < _RETRY_SECONDS:
            return True
        # Chance may draw the same picture once: what was seen to differ is not tried again.
        problem = check.find_problem(ALL_FORMATS)
        return problem is not None and problem.code == DIFFERENT

    async def _run(self) -> None:
        while self._waiting:
            await self._pause()
            figure_id, number = self._waiting.popleft()
            try:
                await self._try_scheduled(figure_id, number)
            except FigServeError as error:
                _log.debug("figserve could not test the source of figure %s: %s", figure_id, error)
            except Exception:
                _log.exception("figserve could not test the source of figure %s", figure_id)

    async def _try_scheduled(self, figure_id: str, number: int) -> None:
        record = await self._store.figures.find(figure_id, number)
        if record is None or record.version.source is None:
            return
        kind = record.version.source.kind
        record = await self.checked(record)
        if kind == "code" and record.version.find_representation(_SVG) is None:
            await self._compare_code(record)
            await self._store_svg(record)

    async def _compare_code(self, record: FigureRecord) -> None:
        """Compare what posted code draws the second time, as the clock or an unseeded generator may change it.

        Raises
        ------
        Conflict
            It is another picture, which is recorded.
        """
        problems = await self._compare(record)
        problem = problems.get(ALL_FORMATS)
        if problem is not None and problem.code == DIFFERENT:
            check = SourceCheck(self._sandbox, self._store.clock(), problems)
            await self._store.figures.record_source_check(record, check)
            raise Conflict(problem.reason, code="not_redrawable")

    async def _store_svg(self, record: FigureRecord) -> None:
        """Store the SVG of posted code, drawn by the same sandbox with the same random numbers."""
        if not self._max_bytes:
            return
        svg = await render_again(self._store, self._rendering, record, DrawOptions(_SVG.name), BACKGROUND)
        if len(svg.data) <= self._max_bytes:
            await self._store.figures.add_representation(record, record.version.number, svg)

    async def _pause(self) -> None:
        """Wait until nothing has been published for ``_PAUSE`` seconds."""
        loop = asyncio.get_running_loop()
        latest = loop.time() + _MAX_PAUSE
        while (left := min(self._last_scheduled + _PAUSE, latest) - loop.time()) > 0:
            await asyncio.sleep(left)

    async def _check(self, record: FigureRecord) -> SourceCheck | None:
        """Test a source and record the result; None when the sandbox is not available now."""
        await self._rendering.queue.start()
        if not self._rendering.queue.maybe_available:
            return None
        if self._is_current(record.version.check):
            return record.version.check
        bare = _with_check(record, None)
        try:
            problems = self._missing_formats | (await self._compare(bare) or await self._try_formats(bare))
        except Unavailable:
            return None
        check = SourceCheck(self._sandbox, self._store.clock(), problems)
        await self._store.figures.record_source_check(record, check)
        return check

    async def _compare(self, record: FigureRecord) -> dict[str, SourceProblem]:
        """Draw a figure as it was published; return why, in all formats, it cannot be or looks different."""
        try:
            await redraw_as_published(self._store, self._rendering, record)
        except (OutputInvalid, TooLarge, DeadlineExceeded) as error:
            return {ALL_FORMATS: self._describe(error, record)}
        return {}

    async def _try_formats(self, record: FigureRecord) -> dict[str, SourceProblem]:
        problems: dict[str, SourceProblem] = {}
        for options in _TRIED:
            try:
                await render_again(self._store, self._rendering, record, options, BACKGROUND)
            except (OutputInvalid, TooLarge, DeadlineExceeded) as error:
                names = _SAME_BACKEND.get(options.format, (options.format,))
                problems |= dict.fromkeys(names, self._describe(error, record))
        return problems

    def _describe(self, error: FigServeError, record: FigureRecord) -> SourceProblem:
        return describe_problem(error, record, self._rendering.queue.libraries)


def _with_check(record: FigureRecord, check: SourceCheck | None) -> FigureRecord:
    return replace(record, version=replace(record.version, check=check))
