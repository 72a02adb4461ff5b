"""Has running kernels draw the figures that they have published, where there is no sandbox for it. Server process.

A request takes its turn among the live calls of the kernel, with the same limits. The kernel opens only what it has
made itself; what it answers is checked like an image of the sandbox.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from cachetools import LRUCache

from ....errors import FigServeError, NotFound, Unavailable
from ....model.figures import Source
from ....model.rendering import DrawOptions, RenderJob, RenderResult
from ....sandbox.host.job_limits import JobLimits, check_job
from ..bounded_queue import Claim
from ..callers import Caller
from ..monitoring.work_meter import WorkMeter
from ..rendering.executor import Executor, NoKernelError
from ..timings import DRAW, timed
from .backends.agent_backend import AgentBackend
from .backends.backend import RETRY_SECONDS, KernelUnavailable
from .backends.replica_backend import ReplicaBackend
from .backends.replica_messages import ReplicaRedraw
from .call_queue import LiveTimeout
from .service import LiveService

_SECONDS = RenderJob.timeout
"""As long as the sandbox may take."""
_LATE_BYTES = 32 * 2**20
_Backend = AgentBackend | ReplicaBackend
"""The ways to kernels that draw."""


@dataclass(frozen=True)
class RedrawLimits:
    """Limits of images that kernels draw again.

    Parameters
    ----------
    jobs
        As the sandbox has them.
    result_bytes
        Maximum size of one image.
    """

    jobs: JobLimits
    result_bytes: int


class KernelRedraws:
    """The kernels that are connected to this server, or to another one on the same catalog, which asks them.

    Parameters
    ----------
    meter
        Measures these renders, too.
    """

    def __init__(self, live: LiveService, limits: RedrawLimits, meter: WorkMeter, *, is_enabled: bool) -> None:
        self.live = live
        self.limits = limits
        self.meter = meter
        self.is_enabled = is_enabled
        self.late: LRUCache[tuple[str, str], RenderResult] = LRUCache(_LATE_BYTES, getsizeof=_count_bytes)
        """Images that came after the deadline, for those who ask again."""

    def find_unsupported(self, owner: str, source: Source) -> tuple[str, ...] | None:
        found = self.find_kernel(owner, source)
        return None if found is None else found[1].unsupported

    def get_executor(self, owner: str, source: Source, options: DrawOptions) -> Executor:
        return _KernelExecutor(self, owner, source, options, lambda: self.find_kernel(owner, source))

    async def draw_own(self, redraw: ReplicaRedraw, read: Callable[[], Awaitable[bytes]]) -> RenderResult:
        """Have a kernel that is connected to this server draw, for another server.

        Parameters
        ----------
        read
            Returns the source.

        Raises
        ------
        NotFound
            When the kernel has not made the source, or may not be asked.
        Unavailable
            When the kernel is busy or gone.
        """

        def find() -> tuple[str, AgentBackend] | None:
            # Never passed on once more: two servers that hold each other for the right one would do so for ever.
            found = self.find_kernel(redraw.owner, redraw.source, redraw.kernel)
            return (found[0], found[1]) if found is not None and isinstance(found[1], AgentBackend) else None

        async def compose() -> RenderJob:
            return RenderJob("figure", await read(), redraw.options)

        executor = _KernelExecutor(self, redraw.owner, redraw.source, redraw.options, find)
        try:
            return await executor.render_composed(compose, Claim(redraw.caller))
        except NoKernelError as error:
            raise NotFound("The kernel has not made this figure.", code="not_own") from error

    def find_kernel(self, owner: str, source: Source, kernel: str | None = None) -> tuple[str, _Backend] | None:
        """Return an owner's kernel that has published a source, with the way to it.

        Parameters
        ----------
        kernel
            Its id; None for any.
        """
        if not self.is_enabled or source.kind != "figure":
            return None
        for one, backend in self.live.registry.list_backends():
            if not isinstance(backend, _Backend) or kernel not in (None, one):
                continue
            if backend.owner == owner and backend.has_source(source.digest):
                return one, backend
        return None


class _KernelExecutor:
    """An ``Executor`` for one source and one way to draw it.

    Parameters
    ----------
    find
        Returns the kernel to ask, when it is its turn.
    """

    def __init__(
        self,
        redraws: KernelRedraws,
        owner: str,
        source: Source,
        options: DrawOptions,
        find: Callable[[], tuple[str, _Backend] | None],
    ) -> None:
        self._redraws = redraws
        self._owner = owner
        self._source = source
        self._options = options
        self._find = find
        self._key = json.dumps(["redraw", source.digest, options.__dict__], sort_keys=True)
        self._timeout = min(_SECONDS, redraws.limits.jobs.timeout)

    @property
    def libraries(self) -> Mapping[str, str]:
        """The versions that made the source, and whose kernel draws it: nobody gets an image of another's kernel."""
        return {**self._source.libraries, "owner": self._owner}

    def get_limit(self, job: RenderJob) -> float:
        return self._timeout

    async def render_composed(
        self, compose: Callable[[], Awaitable[RenderJob]], claim: Claim | None = None
    ) -> RenderResult:
        found = self._find()
        if found is None:
            raise NoKernelError
        kernel, backend = found
        late = self._redraws.late.pop((self._owner, self._key), None)
        if late is not None:
            return late
        try:
            return await self._wait(kernel, backend, compose, Claim() if claim is None else claim)
        except (LiveTimeout, KernelUnavailable, NotFound) as error:
            raise self._explain(error) from error

    async def _wait(
        self, kernel: str, backend: _Backend, compose: Callable[[], Awaitable[RenderJob]], claim: Claim
    ) -> RenderResult:
        redraws, loop = self._redraws, asyncio.get_running_loop()
        began = loop.time()
        with redraws.meter.measure() as work:

            async def draw() -> RenderResult:
                work.begin()
                if isinstance(backend, ReplicaBackend):
                    drawn = await self._pass_on(backend, claim.caller)
                else:
                    drawn = await self._draw(backend, await compose())
                if loop.time() - began >= self._timeout and _count_bytes(drawn) < _LATE_BYTES:
                    redraws.late[self._owner, self._key] = drawn
                return drawn

            return await redraws.live.run_in_kernel(kernel, self._key, draw, self._timeout, claim.caller)

    async def _draw(self, backend: AgentBackend, job: RenderJob) -> RenderResult:
        limits = self._redraws.limits
        job = replace(job, timeout=self._timeout)
        check_job(job, limits.jobs)
        with timed(DRAW):
            return await backend.redraw(job, limits.jobs, limits.result_bytes)

    async def _pass_on(self, backend: ReplicaBackend, caller: Caller) -> RenderResult:
        limits = self._redraws.limits.jobs
        check_job(RenderJob("figure", b"", self._options, timeout=self._timeout), limits)
        redraw = ReplicaRedraw(backend.kernel, self._owner, self._source, self._options, caller)
        with timed(DRAW):
            return await backend.redraw(redraw, limits)

    def _explain(self, error: FigServeError) -> Exception:
        if isinstance(error, NotFound):
            return NoKernelError()
        if isinstance(error, KernelUnavailable):
            what, code = "has ended, or its connection was cut", "kernel_gone"
        else:
            what, code = f"is busy, and has not drawn it within {self._timeout:g} s", "kernel_busy"
        return Unavailable(
            f"The kernel of this figure's notebook {what}. Try again in a moment.", code=code, retry_after=RETRY_SECONDS
        )


def _count_bytes(result: RenderResult) -> int:
    return sum(len(image.data) for image in result.images)
