"""The bounded queue before the renderer: who draws now, who waits, who is told to come back. Server process."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from ....errors import Unavailable
from ....sandbox.renderer import Renderer, RendererStatus, RenderJob, RenderResult

_FIRST_GUESS = 1.0
_SMOOTHING = 0.2
_MAX_WAIT = 600


class RenderQueue:
    """Hands jobs to a renderer, which starts with the first of them.

    Parameters
    ----------
    at_once
        Jobs under way together.
    queue
        The most that wait besides; one more is refused.
    longest
        Seconds that a job may take, whatever it says of itself.
    """

    def __init__(self, renderer: Renderer, at_once: int, queue: int, longest: float) -> None:
        self.renderer = renderer
        self._at_once = at_once
        self._queue = queue
        self._longest = longest
        self._running = 0
        self._waiting: list[tuple[bool, int, asyncio.Future[None]]] = []
        self._count = itertools.count()
        self._seconds = _FIRST_GUESS
        self._probing: asyncio.Task[None] | None = None
        self._starting: asyncio.Task[None] | None = None

    @property
    def report(self) -> RendererStatus:
        return self.renderer.report

    @property
    def is_available(self) -> bool:
        """Whether there is anything that draws, once it is started."""
        return self.report.tier != "none" or self.report.is_unsandboxed

    @property
    def maybe_available(self) -> bool:
        """The same, before that is found out too: a page may offer what it cannot know yet."""
        return self.is_available or not any(
            task is not None and task.done() for task in (self._probing, self._starting)
        )

    @property
    def running(self) -> int:
        return self._running

    @property
    def waiting(self) -> int:
        return sum(not turn.done() for _, _, turn in self._waiting)

    def probe(self) -> None:
        """Have it found out, beside everything else, what this host allows."""
        if self._probing is None and self._starting is None:
            self._probing = asyncio.ensure_future(self.renderer.probe())

    async def told(self, seconds: float) -> RendererStatus:
        """What the renderer can do; a probe that is under way, else a start, is waited for, but not for long."""
        under_way = self._probing or self._starting
        if under_way is not None:
            await asyncio.wait([under_way], timeout=seconds)
        return self.report

    async def start(self) -> None:
        """Have the renderer ready; only the first call starts it."""
        if self._starting is None:
            self._starting = asyncio.ensure_future(self.renderer.start())
        await asyncio.shield(self._starting)

    async def close(self) -> None:
        # What is under way is ended as well: nobody would close what it makes.
        under_way = [task for task in (self._probing, self._starting) if task is not None]
        await asyncio.gather(*under_way, return_exceptions=True)
        if self._starting is not None:
            await self.renderer.close()

    async def render(self, job: RenderJob, *, low_priority: bool = False) -> RenderResult:
        """Do a job when its turn comes; a patient one lets all others go first, and is never refused.

        Raises
        ------
        Unavailable
            When too many wait already.
        """
        await self.start()
        async with self._turn(low_priority):
            began = time.monotonic()
            rendered = await self.renderer.render(replace(job, timeout=min(job.timeout, self._longest)))
            self._seconds += _SMOOTHING * (time.monotonic() - began - self._seconds)
            return rendered

    @asynccontextmanager
    async def _turn(self, low_priority: bool) -> AsyncIterator[None]:
        await self._wait(low_priority)
        try:
            yield
        finally:
            self._running -= 1
            self._call_next()

    async def _wait(self, low_priority: bool) -> None:
        if self._running < self._at_once and not self.waiting:
            self._running += 1
            return
        if not low_priority and self.waiting >= self._queue:
            raise self._refusal()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (low_priority, next(self._count), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # The turn came at the moment of leaving: it is the next one's.
                self._running -= 1
                self._call_next()
            raise

    def _call_next(self) -> None:
        while self._waiting and self._running < self._at_once:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self._running += 1
                turn.set_result(None)

    def _refusal(self) -> Unavailable:
        wait = min(_MAX_WAIT, max(1, math.ceil(self._seconds * (self.waiting + 1) / self._at_once)))
        return Unavailable(
            f"{self._running} renders are under way and {self.waiting} wait, as many as may (FigServe.render_queue);"
            f" try again in {wait} seconds.",
            code="queue_full",
            retry_after=wait,
        )
