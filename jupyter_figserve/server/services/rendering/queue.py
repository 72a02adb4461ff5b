"""The bounded queue in front of the renderer, which starts with the first job. Server process."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from ....errors import SandboxUnavailable, Unavailable
from ....model.rendering import RenderJob, RenderResult
from ....sandbox.renderer import Renderer, RendererStatus
from ..bounded_queue import BoundedQueue, Claim
from ..monitoring.work_meter import WorkMeter
from ..timings import add_timings

_FIRST_ESTIMATE = 1.0
_SMOOTHING = 0.2
PROBE_SECONDS = 4.0
"""How long a response waits for the probe of a server that has just started; it does not start the renderer."""
_CHECK_SECONDS = 1.0
_PROBE_AFTER_SECONDS = 5.0
_MAX_RETRY_SECONDS = 600
_VISITOR_NICENESS = 10
"""The owner's renders, cells and requests get the processor before visitors' renders do."""


class RenderQueue:
    """Passes jobs to a renderer; refuses them with ``Retry-After`` when too many wait.

    Parameters
    ----------
    max_running
        Jobs under way at once, unless the renderer tells how many slots it has.
    max_waiting
        Jobs that may wait; further ones are refused.
    max_seconds
        Upper limit of a job's timeout.
    reserved
        Jobs of the owner and of keys that find a free slot while visitors' jobs are under way.
    max_share
        Jobs that may wait for one link or signed URL; None for as many as for all.
    """

    def __init__(
        self,
        renderer: Renderer,
        max_running: int,
        max_waiting: int,
        max_seconds: float,
        *,
        reserved: int = 0,
        max_share: int | None = None,
    ) -> None:
        self.renderer = renderer
        self.meter = WorkMeter()
        self._turns = BoundedQueue(max_running, max_waiting, self._make_refusal, reserved=reserved, max_share=max_share)
        self._max_seconds = max_seconds
        self._mean_seconds = _FIRST_ESTIMATE
        self._probing: asyncio.Task[None] | None = None
        self._starting: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def status(self) -> RendererStatus:
        return self.renderer.status

    @property
    def libraries(self) -> Mapping[str, str]:
        """Versions in the sandbox; empty before the start."""
        return self.status.libraries

    @property
    def is_available(self) -> bool:
        """Whether this host can render; known after the start."""
        return self.status.tier != "none" or self.status.is_unsandboxed

    @property
    def maybe_available(self) -> bool:
        """Whether this host can render, or does not know yet; pages offer renders on that assumption."""
        return self.is_available or not any(
            task is not None and task.done() for task in (self._probing, self._starting)
        )

    @property
    def width(self) -> int:
        """Number of jobs that run at once."""
        return self._turns.max_running

    @property
    def running(self) -> int:
        return self._turns.running

    @property
    def waiting(self) -> int:
        return self._turns.waiting

    def probe(self) -> None:
        """Probe the host's capabilities in the background."""
        if self._probing is None and self._starting is None:
            self._probing = asyncio.ensure_future(self.renderer.probe())

    def probe_later(self) -> None:
        """Probe in a few seconds, which leaves the processor to the start of the server, unless someone asks sooner."""
        self._timer = asyncio.get_running_loop().call_later(_PROBE_AFTER_SECONDS, self.probe)

    async def wait_for_status(self, seconds: float) -> RendererStatus:
        """Return the renderer's status, waiting at most ``seconds`` for the probe or the start."""
        self.probe()
        under_way = self._probing or self._starting
        if under_way is not None and under_way.done() and self.status.slots is not None:
            # Workers come and go.
            under_way = self._asking = asyncio.ensure_future(self.renderer.probe())
        if under_way is not None:
            await asyncio.wait([under_way], timeout=seconds)
        self._fit()
        return self.status

    def _fit(self) -> None:
        """Run as many jobs at once as the renderer has slots; without any, one at a time learns whether there are."""
        slots = self.status.slots
        if slots is not None and max(1, slots) != self._turns.max_running:
            self._turns.resize(max(1, slots))

    async def check(self) -> None:
        """Raise when it is known that this host cannot render.

        Raises
        ------
        SandboxUnavailable
            With the reasons.
        """
        if not self.maybe_available:
            await self.wait_for_status(_CHECK_SECONDS)
        if not self.maybe_available:
            raise SandboxUnavailable(" ".join(self.status.reasons))

    async def start(self) -> None:
        """Wait until the renderer is ready; the first call starts it."""
        if self._starting is None:
            self._starting = asyncio.ensure_future(self.renderer.start())
        await asyncio.shield(self._starting)

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        # A probe or a start has to end first, or nobody would close the processes that it makes.
        under_way = [task for task in (self._probing, self._starting, self._asking) if task is not None]
        await asyncio.gather(*under_way, return_exceptions=True)
        if self._starting is not None:
            await self.renderer.close()

    def get_limit(self, job: RenderJob) -> float:
        """Return the seconds that a job may take."""
        return min(job.timeout, self._max_seconds)

    async def render(self, job: RenderJob, claim: Claim | None = None) -> RenderResult:
        """Run a job when its turn comes; without a claim, as the owner's.

        Raises
        ------
        Unavailable
            When the queue is full.
        """

        async def compose() -> RenderJob:
            return job

        return await self.render_composed(compose, claim)

    async def render_composed(
        self, compose: Callable[[], Awaitable[RenderJob]], claim: Claim | None = None
    ) -> RenderResult:
        """Do the same for a job that is composed when its turn has come, so that none waits in memory."""
        claim = Claim() if claim is None else claim
        with self.meter.measure() as work:
            await self.start()
            self._fit()
            async with self._turns.turn(claim):
                work.begin()
                began = time.monotonic()
                job = await compose()
                niceness = 0 if claim.caller.uses_reserved else _VISITOR_NICENESS
                rendered = await self.renderer.render(replace(job, timeout=self.get_limit(job), niceness=niceness))
                add_timings(rendered.timing)
                self._mean_seconds += _SMOOTHING * (time.monotonic() - began - self._mean_seconds)
                self._fit()
                return rendered

    def _make_refusal(self) -> Unavailable:
        turns = self._turns
        seconds = math.ceil(self._mean_seconds * (turns.waiting + 1) / turns.max_running)
        retry_after = min(_MAX_RETRY_SECONDS, max(1, seconds))
        return Unavailable(
            f"The render queue is full: {turns.running} renders are running and {turns.waiting} are waiting, the"
            f" maximum (FigServe.render_queue). Try again in {retry_after} s.",
            code="queue_full",
            retry_after=retry_after,
        )
