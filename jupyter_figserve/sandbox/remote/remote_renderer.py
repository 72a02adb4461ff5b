"""What the remote renderers share: the fleet, its sweeps, and jobs that wait for a free worker. Server process."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ...errors import DeadlineExceeded, FigServeError, SandboxUnavailable, Unavailable
from ...model.rendering import RenderJob, RenderResult
from ..host.job_frames import pack_job
from ..host.job_limits import JobLimits, check_job
from ..host.results import parse_result
from ..renderer import STOPPING, RendererStatus
from .answers import WorkerBusy, read_answer
from .fleet import Fleet

_log = logging.getLogger(__name__)
GRACE = 5.0
"""Seconds beyond a job's own timeout in which its answer has to arrive."""
_SWEEP_SECONDS = 2.0
_FIRST_PAUSE, _MAX_PAUSE = 0.02, 0.25
_MAX_ATTEMPTS = 2


class NotReached(Exception):
    """No answer began: no connection, or one that was lost before the first byte of an answer.

    Parameters
    ----------
    reason
        A phrase.
    is_silent
        Whether the time has passed, so that another attempt would make it twice as long.
    """

    def __init__(self, reason: str, *, is_silent: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.is_silent = reason, is_silent


@dataclass(frozen=True)
class RemoteLimits:
    """Limits on the server's side.

    Parameters
    ----------
    jobs
        Limits of jobs.
    result_bytes, output_bytes
        Limits of a result and of the printed output.
    queue_timeout
        Seconds that a job waits for a free worker, beyond its turn in this server's queue.
    allow_unsandboxed
        Whether workers without a sandbox may be used.
    """

    jobs: JobLimits
    result_bytes: int
    output_bytes: int
    queue_timeout: float
    allow_unsandboxed: bool = False


class RemoteRenderer(ABC):
    """Sends the frames of jobs to workers, and validates what comes back as that of a local child.

    Parameters
    ----------
    name
        Its name in ``FigServe.renderer``.
    """

    def __init__(self, name: str, limits: RemoteLimits) -> None:
        self.limits = limits
        self.fleet = Fleet(name)
        self._sweeping: asyncio.Task[None] | None = None
        self._swept = float("-inf")
        self._fault = ""
        self._is_closed = False
        self._timer: asyncio.TimerHandle | None = None

    @abstractmethod
    async def ask_workers(self) -> str:
        """Record the reports of the workers; return what is wrong where none can be asked, as a phrase."""

    @abstractmethod
    async def get_answer(self, frame: bytes, job: RenderJob) -> bytes:
        """Return the frame of a worker's answer; cancelling the call ends the job."""

    @property
    def status(self) -> RendererStatus:
        return self.fleet.status

    async def probe(self) -> None:
        """Ask the workers, unless that was done just now, or join those who are asking."""
        if self._is_due or (self._sweeping is not None and not self._sweeping.done()):
            await self.sweep()

    async def start(self) -> None:
        await self.sweep()

    async def close(self) -> None:
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)

    async def render(self, job: RenderJob) -> RenderResult:
        check_job(job, self.limits.jobs)
        if self._is_closed:
            raise Unavailable(STOPPING)
        if not self.fleet.workers:
            await self.sweep()
            self._check_available()
        elif self._is_due:
            self.begin_sweep()
        frame = b"".join(pack_job(job).frame)
        try:
            data = await self.get_answer(frame, job)
        except Unavailable as error:
            if not isinstance(error, DeadlineExceeded):
                self.begin_sweep()
            raise
        return parse_result(job, read_answer(data, job, self.limits.output_bytes), self.limits.jobs)

    async def send_until_taken(self, send: Callable[[], Awaitable[bytes | FigServeError]]) -> bytes:
        """Send a job until a worker takes it; one that has begun is not sent again, as it may have ended its worker.

        Parameters
        ----------
        send
            Returns the answer, or the error of a job that did not begin; raises ``NotReached``, or the error of one
            that began.
        """
        loop = asyncio.get_running_loop()
        deadline, pause, lost = loop.time() + self.limits.queue_timeout, _FIRST_PAUSE, 0
        while True:
            try:
                answer = await send()
            except NotReached as fault:
                lost += 1 + fault.is_silent
                answer = _make_lost(fault.reason)
                if lost < _MAX_ATTEMPTS:
                    continue
            if isinstance(answer, bytes):
                return answer
            if answer.code != WorkerBusy.code or loop.time() >= deadline:
                raise answer
            await asyncio.sleep(pause)
            pause = min(_MAX_PAUSE, 2 * pause)

    def begin_sweep(self) -> asyncio.Task[None]:
        """Ask the workers, or join those who are asking."""
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = asyncio.create_task(self._ask())
        return self._sweeping

    async def sweep(self) -> None:
        await asyncio.shield(self.begin_sweep())

    @property
    def _is_due(self) -> bool:
        return asyncio.get_running_loop().time() - self._swept > _SWEEP_SECONDS

    def _check_available(self) -> None:
        if self.fleet.workers:
            return
        if self._fault:
            raise Unavailable(self._fault, code="no_workers", retry_after=5)
        raise SandboxUnavailable(" ".join(("No render worker can be used.", *self.status.reasons)), retry_after=5)

    async def _ask(self) -> None:
        """Keep the outcome of a sweep, and log what has changed."""
        before = len(self.fleet.workers)
        fault = await self.ask_workers()
        loop = asyncio.get_running_loop()
        self._swept = loop.time()
        if self._timer is not None:
            self._timer.cancel()
        if (fault or not self.fleet.workers) and not self._is_closed:
            # Pages offer no renders meanwhile, so that nobody else would notice that workers are back.
            self._timer = loop.call_later(_SWEEP_SECONDS, self.begin_sweep)
        if fault:
            message = f"No render worker can be reached ({fault}); see FigServe.renderer_url."
            if message != self._fault:
                _log.warning(message)
            self.fleet.record_fault(message)
            self._fault = message
            return
        self._fault = ""
        status = self.status
        if len(status.workers) != before:
            _log.info("%d render workers with %s slots answer.", len(status.workers), status.slots)


def _make_lost(reason: str) -> Unavailable:
    """Return the error of a job that reached no worker."""
    return Unavailable(f"No render worker can be reached ({reason}).", code="not_reached", retry_after=5)


def make_worker_lost() -> Unavailable:
    """Return the error of a job whose worker was lost after it had begun."""
    return Unavailable(
        "The render worker was lost while it drew this figure; try again.", code="worker_lost", retry_after=1
    )
