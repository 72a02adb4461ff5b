"""One way to a picture: out of what was drawn before, with who waits for the same, or by a job. Server process."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from ....errors import OutputInvalid
from ....model.figures import sha256_hex
from ....model.times import Clock
from ....sandbox.renderer import RenderJob, RenderResult
from ....store.files.render_cache import CachedRender, RenderCache
from .queue import RenderQueue
from .request import cache_key
from .single_flight import SingleFlight

_FAILED_SECONDS = 60.0
_KEPT_FAILURES = 1_000


class RenderService:
    """Draws by ``jobs``, and keeps in ``files`` what comes out the same every time."""

    def __init__(self, jobs: RenderQueue, files: RenderCache, clock: Clock) -> None:
        self.jobs = jobs
        self._files = files
        self._clock = clock
        self._flights: SingleFlight[RenderResult] = SingleFlight()
        self._failures: OrderedDict[str, tuple[float, OutputInvalid]] = OrderedDict()

    @property
    def sharers(self) -> int:
        """How many wait for a job that others may share."""
        return self._flights.passengers

    async def draw(self, job: RenderJob, *, low_priority: bool = False) -> RenderResult:
        """Do a job whose outcome nobody else may share: code that draws something else each time."""
        return await self.jobs.render(job, low_priority=low_priority)

    async def render_cached(self, job: RenderJob, *, low_priority: bool = False) -> tuple[RenderResult, bool]:
        """A job that gives the same each time: its outcome, and whether it was known before.

        A failure is remembered for a minute, so that an address that is asked for again and again costs one job.
        """
        await self.jobs.start()
        # In a thread: a source, and what was drawn from it, may have many megabytes.
        key, known = await asyncio.get_running_loop().run_in_executor(None, self._look, job)
        if known is not None:
            return RenderResult(known.pictures, **known.words), True
        self._raise_known_failure(key)
        return await self._flights.join(key, lambda: self._draw_and_keep(key, job, low_priority)), False

    def _look(self, job: RenderJob) -> tuple[str, CachedRender | None]:
        key = sha256_hex(cache_key(job, self.jobs.report.libraries).encode())
        return key, self._files.find(key)

    async def _draw_and_keep(self, key: str, job: RenderJob, low_priority: bool) -> RenderResult:
        try:
            rendered = await self.jobs.render(job, low_priority=low_priority)
        except OutputInvalid as error:
            self._failures[key] = (self._clock() + _FAILED_SECONDS, error)
            while len(self._failures) > _KEPT_FAILURES:
                self._failures.popitem(last=False)
            raise
        words = {"title": rendered.title, "alt": rendered.alt, "output": rendered.output}
        drawn = CachedRender(rendered.pictures, words | {"libraries": dict(rendered.libraries)})
        await asyncio.get_running_loop().run_in_executor(None, self._files.put, key, drawn)
        return rendered

    def _raise_known_failure(self, key: str) -> None:
        until, error = self._failures.get(key, (0.0, None))
        if error is not None and self._clock() < until:
            # Without the frames of its first time, which every further raise would add to.
            raise error.with_traceback(None)
