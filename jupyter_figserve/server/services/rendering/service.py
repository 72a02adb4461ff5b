"""The render service: looks in the cache, joins a render under way, or queues a job. Server process."""

from __future__ import annotations

import asyncio

from cachetools import TTLCache

from ....errors import OutputInvalid
from ....model.figures import sha256_hex
from ....model.rendering import RenderJob, RenderResult
from ....model.times import Clock
from ....store.files.render_cache import CachedRender, RenderCache
from ..single_flight import SingleFlight
from .queue import RenderQueue
from .request import cache_key

_FAILURE_SECONDS = 60.0
_MAX_FAILURES = 1_000


class RenderService:
    """Renders through ``queue``, and keeps the results of reproducible jobs in ``cache``."""

    def __init__(self, queue: RenderQueue, cache: RenderCache, clock: Clock) -> None:
        self.queue = queue
        self._cache = cache
        self._renders: SingleFlight[RenderResult] = SingleFlight()
        self._failures: TTLCache[str, OutputInvalid] = TTLCache(_MAX_FAILURES, _FAILURE_SECONDS, timer=clock)

    @property
    def waiters(self) -> int:
        """Number of callers waiting for renders that can be shared."""
        return self._renders.waiters

    async def render(self, job: RenderJob, *, low_priority: bool = False) -> RenderResult:
        """Run a job whose result is not shared, such as code whose image differs each time."""
        return await self.queue.render(job, low_priority=low_priority)

    async def render_cached(self, job: RenderJob, *, low_priority: bool = False) -> tuple[RenderResult, bool]:
        """Run a reproducible job; return its result and whether it came from the cache.

        A failure is remembered for a minute, so that an address that is requested again and again costs one job.
        """
        await self.queue.start()
        # In a thread: a source and its renders may have many megabytes.
        key, cached = await asyncio.get_running_loop().run_in_executor(None, self._look_up, job)
        if cached is not None:
            metadata = {**cached.metadata, "warnings": tuple(cached.metadata["warnings"])}
            return RenderResult(cached.images, **metadata), True
        self._raise_known_failure(key)
        return await self._renders.run(key, lambda: self._render_and_keep(key, job, low_priority)), False

    def _look_up(self, job: RenderJob) -> tuple[str, CachedRender | None]:
        key = sha256_hex(cache_key(job, self.queue.report.libraries).encode())
        return key, self._cache.find(key)

    async def _render_and_keep(self, key: str, job: RenderJob, low_priority: bool) -> RenderResult:
        try:
            rendered = await self.queue.render(job, low_priority=low_priority)
        except OutputInvalid as error:
            self._failures[key] = error
            raise
        metadata = {name: getattr(rendered, name) for name in ("title", "alt", "output", "warnings")}
        cached = CachedRender(rendered.images, metadata | {"libraries": dict(rendered.libraries)})
        await asyncio.get_running_loop().run_in_executor(None, self._cache.put, key, cached)
        return rendered

    def _raise_known_failure(self, key: str) -> None:
        error = self._failures.get(key)
        if error is not None:
            # Without the stack frames of the first raise, to which each further one would add its own.
            raise error.with_traceback(None)
