"""The render service: looks in the cache, joins a render under way, or queues a job. Server process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from ....errors import DeadlineExceeded, OutputInvalid, TooLarge
from ....model.figures import Source, sha256_hex
from ....model.rendering import DrawOptions, RenderJob, RenderResult
from ....model.times import Clock
from ....store.files.render_cache import CachedRender, RenderCache
from ..bounded_queue import Claim
from ..callers import OWNER, Caller
from ..known_failures import KnownFailures
from ..single_flight import SingleFlight
from .cache_keys import cache_key
from .executor import Executor, KernelExecutors, NoKernels
from .queue import RenderQueue

T = TypeVar("T")
_FAILURE_SECONDS = 60.0
BeforeRender = Callable[[], None]
"""Called before a job is queued, to count it; an exception that it raises refuses the job."""


@dataclass(frozen=True)
class _Work:
    """A job, and the text that names its result in the cache; both may cost much and are made in a thread."""

    name: Callable[[], str]
    compose: Callable[[], RenderJob]
    limit: float
    executor: Executor


class RenderService:
    """Renders through ``queue``, and keeps the results of reproducible jobs in ``cache``.

    Attributes
    ----------
    kernels
        Draw sources where there is no sandbox.
    """

    kernels: KernelExecutors = NoKernels()

    def __init__(self, queue: RenderQueue, cache: RenderCache, clock: Clock) -> None:
        self.queue = queue
        self._cache = cache
        self._clock = clock
        self._renders: SingleFlight[RenderResult] = SingleFlight()
        self._failures = KnownFailures(clock, _FAILURE_SECONDS)
        self.hits = self.misses = 0

    @property
    def waiters(self) -> int:
        """Number of callers waiting for renders that can be shared."""
        return self._renders.waiters

    @property
    def asks_kernels(self) -> bool:
        """Whether kernels draw sources, because it is known that there is no sandbox."""
        return self.kernels.is_enabled and not self.queue.maybe_available

    async def render(self, job: RenderJob, caller: Caller = OWNER) -> RenderResult:
        """Run a job whose result is not shared, such as code whose image differs each time."""
        return await self.queue.render(job, Claim(caller))

    async def render_cached(
        self, job: RenderJob, caller: Caller = OWNER, before_render: BeforeRender | None = None
    ) -> tuple[RenderResult, bool]:
        """Run a reproducible job; return its result and whether it came from the cache.

        A failure is remembered for a minute or ten times its duration, so that an address that is requested again and
        again costs little; a job that exceeded its time is tried again with more, and a visitor's for the owner.
        """
        await self.queue.start()
        libraries = self.queue.libraries
        work = _Work(lambda: cache_key(job, libraries), lambda: job, self.queue.get_limit(job), self.queue)
        return await self._render_cached(work, caller, before_render)

    async def choose_executor(self, owner: str, source: Source, options: DrawOptions) -> Executor:
        """Return what draws an owner's source: the sandbox, or where there is none, the kernel that made it."""
        await self.queue.start()
        is_for_kernel = source.kind == "figure" and self.kernels.is_enabled and not self.queue.is_available
        return self.kernels.get_executor(owner, source, options) if is_for_kernel else self.queue

    async def render_stored(
        self,
        job: RenderJob,
        digest: str,
        read: Callable[[], bytes],
        caller: Caller = OWNER,
        before_render: BeforeRender | None = None,
        executor: Executor | None = None,
    ) -> tuple[RenderResult, bool]:
        """Do the same for a job whose source is in the store; it is read in a thread when the job's turn has come.

        Parameters
        ----------
        job
            Without its source.
        digest
            Of the source.
        executor
            From ``choose_executor``; None for the sandbox.
        """
        if executor is None:
            await self.queue.start()
            executor = self.queue
        libraries, limit = executor.libraries, executor.get_limit(job)
        work = _Work(lambda: cache_key(job, libraries, digest), lambda: replace(job, source=read()), limit, executor)
        return await self._render_cached(work, caller, before_render)

    async def render_composed(
        self,
        key: str,
        compose: Callable[[], RenderJob],
        timeout: float,
        caller: Caller = OWNER,
        before_render: BeforeRender | None = None,
    ) -> tuple[RenderResult, bool]:
        """Do the same for a job that costs much to compose: it is composed in a thread, and only after a miss.

        Parameters
        ----------
        key
            Digest of all that the job is composed of.
        timeout
            The job's timeout in seconds.
        """
        await self.queue.start()
        libraries = self.queue.libraries
        work = _Work(lambda: json.dumps([key, dict(libraries)]), compose, timeout, self.queue)
        return await self._render_cached(work, caller, before_render)

    async def _render_cached(
        self, work: _Work, caller: Caller, before_render: BeforeRender | None
    ) -> tuple[RenderResult, bool]:
        # In a thread: a source and its renders may have many megabytes.
        key, cached = await _in_thread(lambda: self._look_up(work.name))
        if cached is not None:
            self.hits += 1
            metadata = {**cached.metadata, "warnings": tuple(cached.metadata["warnings"])}
            return RenderResult(cached.images, **metadata), True
        self.misses += 1
        for is_low in (False, not caller.uses_reserved):
            self._failures.check((key, is_low), work.limit)
        if before_render is not None and not self._renders.would_coalesce(key):
            before_render()
        return await self._renders.run(key, lambda claim: self._render_and_keep(key, work, claim), caller), False

    def _look_up(self, name: Callable[[], str]) -> tuple[str, CachedRender | None]:
        key = sha256_hex(name().encode())
        return key, self._cache.find(key)

    async def _render_and_keep(self, key: str, work: _Work, claim: Claim) -> RenderResult:
        began, limit = self._clock(), work.limit
        try:
            rendered = await work.executor.render_composed(lambda: _in_thread(work.compose), claim)
        except DeadlineExceeded as error:
            # What was too slow at a visitor's priority may be fast enough at the owner's.
            self._failures.record((key, not claim.caller.uses_reserved), error, limit, limit)
            raise
        except (OutputInvalid, TooLarge) as error:
            self._failures.record((key, False), error, min(limit, self._clock() - began))
            raise
        metadata = {name: getattr(rendered, name) for name in ("title", "alt", "output", "warnings")}
        cached = CachedRender(rendered.images, metadata | {"libraries": dict(rendered.libraries)})
        await _in_thread(lambda: self._cache.put(key, cached))
        return rendered


async def _in_thread(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, work)
