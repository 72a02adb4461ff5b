"""The renderer "http": workers behind one address, such as a load balancer's. Server process."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any

from ...errors import DeadlineExceeded, FigServeError, OutputInvalid, SandboxUnavailable, TooLarge, Unavailable
from ...model.rendering import RenderJob, RenderResult
from ..host.job_frames import pack_job
from ..host.job_limits import JobLimits, check_job
from ..host.results import parse_result
from ..renderer import RendererStatus
from .answers import MAX_ANSWER_OVERHEAD, PROTOCOL, WorkerBusy, read_answer, read_error
from .fleet import Fleet, read_report
from .http_exchange import Allowance, Answer, AnswerLost, AnswerTooLarge, HttpExchange, NotReached

_log = logging.getLogger(__name__)

JOBS, HEALTH = "/jobs", "/healthz"
WORKER_HEADER = "X-Figserve-Worker"
"""In what a worker answers, as opposed to a proxy before it."""
PROTOCOL_HEADER, TIMEOUT_HEADER, UNSANDBOXED_HEADER = (
    "X-Figserve-Protocol",
    "X-Figserve-Timeout",
    "X-Figserve-Allow-Unsandboxed",
)
BEAT = b"\n"
"""Sent before an answer, again and again while its job runs; no frame begins with it, as its first byte is zero."""
_TYPE = "application/octet-stream"
_FOR_REPORTS = Allowance(0.9, 0.9, 65_536)
_SWEEP_SECONDS = 2.0
_MAX_SAMPLES = 64
_MAX_REPEATED = 2
_GRACE = 5.0
_FIRST_PAUSE, _MAX_PAUSE = 0.02, 0.25
_MAX_ATTEMPTS = 2


class HttpRenderer:
    """Sends the frames of jobs to workers, and validates what comes back as that of a local child.

    Parameters
    ----------
    keys
        The first is sent with each request.
    limits, result_bytes, output_bytes
        Limits of jobs and results on this side.
    queue_timeout
        Seconds that a job waits for a free worker, beyond its turn in this server's queue.
    allow_unsandboxed
        Whether workers without a sandbox may be used.
    """

    def __init__(
        self,
        exchange: HttpExchange,
        *,
        keys: Sequence[str] = (),
        limits: JobLimits,
        result_bytes: int,
        output_bytes: int,
        queue_timeout: float,
        allow_unsandboxed: bool = False,
    ) -> None:
        self._exchange, self._limits = exchange, limits
        self._output_bytes = output_bytes
        self._max_bytes = result_bytes + output_bytes + MAX_ANSWER_OVERHEAD
        self._queue_timeout = queue_timeout
        self._allow_unsandboxed = allow_unsandboxed
        self._headers = {PROTOCOL_HEADER: str(PROTOCOL), UNSANDBOXED_HEADER: str(int(allow_unsandboxed))}
        if keys:
            self._headers["Authorization"] = f"Bearer {keys[0]}"
        self._fleet = Fleet("http")
        self._sweeping: asyncio.Task[None] | None = None
        self._swept = float("-inf")
        self._fault = ""
        self._is_closed = False

    @property
    def status(self) -> RendererStatus:
        return self._fleet.status

    async def probe(self) -> None:
        """Ask the workers, unless that was done just now."""
        if self._is_due:
            await self._sweep()

    async def start(self) -> None:
        await self._sweep()

    async def close(self) -> None:
        self._is_closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)

    async def render(self, job: RenderJob) -> RenderResult:
        check_job(job, self._limits)
        if self._is_closed:
            raise Unavailable("The server is closing.")
        if not self._fleet.workers:
            await self._sweep()
            self._check_available()
        elif self._is_due:
            self._begin_sweep()
        frame = b"".join(pack_job(job).frame)
        try:
            data = await self._get_answer(frame, job)
        except Unavailable as error:
            if not isinstance(error, DeadlineExceeded):
                self._begin_sweep()
            raise
        return parse_result(job, read_answer(data, job, self._output_bytes), self._limits)

    def _check_available(self) -> None:
        status = self.status
        if self._fleet.workers:
            return
        if self._fault:
            raise Unavailable(self._fault, code="no_workers", retry_after=5)
        raise SandboxUnavailable(" ".join(("No render worker can be used.", *status.reasons)), retry_after=5)

    async def _get_answer(self, frame: bytes, job: RenderJob) -> bytes:
        """Send a job until a worker takes it; one that has begun is not sent again, as it may have ended its worker."""
        loop = asyncio.get_running_loop()
        deadline, pause, lost = loop.time() + self._queue_timeout, _FIRST_PAUSE, 0
        while True:
            try:
                answer = await self._send(frame, job)
                if answer.status == 200 and WORKER_HEADER in answer.headers:
                    return bytes(answer.body).lstrip(BEAT)
                error = _read_refusal(answer, job)
            except NotReached as fault:
                lost += fault.is_silent
                error = _make_lost(fault.reason)
            if error.code == WorkerBusy.code and loop.time() < deadline:
                await asyncio.sleep(pause)
                pause = min(_MAX_PAUSE, 2 * pause)
            elif error.code == "not_reached" and lost + 1 < _MAX_ATTEMPTS:
                lost += 1
            else:
                raise error

    async def _send(self, frame: bytes, job: RenderJob) -> Answer:
        headers = {**self._headers, TIMEOUT_HEADER: str(float(job.timeout)), "Content-Type": _TYPE}
        allowance = Allowance(self._queue_timeout + _GRACE, job.timeout + _GRACE, self._max_bytes)
        try:
            return await self._exchange.send("POST", JOBS, headers, frame, allowance)
        except AnswerTooLarge:
            raise OutputInvalid(
                "The figure is larger than this server accepts; draw less, or as png.", code="output_too_large"
            ) from None
        except AnswerLost:
            message = "The render worker was lost while it drew this figure; try again."
            raise Unavailable(message, code="worker_lost", retry_after=1) from None
        except TimeoutError:
            message = f"The code took longer than {job.timeout:g} seconds; reduce its work or raise the timeout."
            raise DeadlineExceeded(message, retry_after=5) from None

    @property
    def _is_due(self) -> bool:
        return asyncio.get_running_loop().time() - self._swept > _SWEEP_SECONDS

    async def _sweep(self) -> None:
        await asyncio.shield(self._begin_sweep())

    def _begin_sweep(self) -> asyncio.Task[None]:
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = asyncio.create_task(self._ask_workers())
        return self._sweeping

    async def _ask_workers(self) -> None:
        """Ask for reports until the load balancer shows no worker that is new to this sweep."""
        self._fleet.begin_sweep()
        before, repeated, fault = len(self._fleet.workers), 0, ""
        for _ in range(_MAX_SAMPLES):
            values, fault = await self._ask_one()
            report = None if fault else read_report(values, allow_unsandboxed=self._allow_unsandboxed)
            if report is None:
                fault = fault or "what answers is not a render worker"
                break
            repeated = 0 if self._fleet.record(report) else repeated + 1
            if repeated >= _MAX_REPEATED:
                break
        self._swept = asyncio.get_running_loop().time()
        self._note(fault, before)

    async def _ask_one(self) -> tuple[Any, str]:
        """Return a worker's report, or what is wrong."""
        try:
            answer = await self._exchange.send("GET", HEALTH, self._headers, b"", _FOR_REPORTS)
            if answer.status == 401:
                return None, "it rejects the key of this server"
            if WORKER_HEADER not in answer.headers:
                return None, f"a proxy answers with status {answer.status}"
            return json.loads(answer.body), ""
        except NotReached as error:
            return None, error.reason.lower()
        except (AnswerLost, AnswerTooLarge, TimeoutError, ValueError, RecursionError):
            return None, "its answer is incomplete"

    def _note(self, fault: str, before: int) -> None:
        """Keep the outcome of a sweep, and log what has changed."""
        if fault:
            message = f"No render worker can be reached ({fault}); see FigServe.renderer_url."
            if message != self._fault:
                _log.warning(message)
            self._fleet.record_fault(message)
            self._fault = message
            return
        self._fault = ""
        status = self._fleet.status
        if len(status.workers) != before:
            _log.info("%d render workers with %s slots answer.", len(status.workers), status.slots)


def _make_lost(reason: str) -> Unavailable:
    return Unavailable(f"No render worker can be reached ({reason.lower()}).", code="not_reached", retry_after=5)


def _read_refusal(answer: Answer, job: RenderJob) -> FigServeError:
    """Return the error in an answer that is no result."""
    if WORKER_HEADER in answer.headers:
        if answer.status == 401:
            return Unavailable("The render workers reject the key of this server.", code="worker_key", retry_after=60)
        try:
            return read_error(json.loads(answer.body), job)
        except (ValueError, RecursionError):
            return Unavailable("A render worker sent an invalid answer; see its log.", code="worker_invalid")
    if answer.status == 502:
        # A proxy's: the worker closed the connection before it answered.
        return _make_lost("connection lost")
    if answer.status == 413:
        return TooLarge("The source is larger than the proxy before the render workers accepts.")
    if answer.status in (503, 504):
        return Unavailable("All render workers are busy or down; try again soon.", code="workers_busy", retry_after=3)
    return Unavailable(f"The address of the render workers answers with status {answer.status}.", code="no_workers")
