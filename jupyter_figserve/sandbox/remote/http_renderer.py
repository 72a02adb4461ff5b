"""The renderer "http": workers behind one address, such as a load balancer's. Server process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ...errors import FigServeError, OutputInvalid, TooLarge, Unavailable
from ...model.rendering import RenderJob
from ..host.job_limits import deadline_error
from .answers import MAX_ANSWER_OVERHEAD, PROTOCOL, read_error
from .fleet import read_report
from .http_exchange import Answer, AnswerLimits, AnswerLost, AnswerTooLarge, HttpExchange
from .remote_renderer import GRACE, NotReached, RemoteLimits, RemoteRenderer, make_worker_lost

JOBS, HEALTH = "/jobs", "/healthz"
WORKER_HEADER = "X-Figserve-Worker"
"""Header of a worker's own responses, as opposed to those of a proxy in front of it."""
PROTOCOL_HEADER, TIMEOUT_HEADER, UNSANDBOXED_HEADER = (
    "X-Figserve-Protocol",
    "X-Figserve-Timeout",
    "X-Figserve-Allow-Unsandboxed",
)
BEAT = b"\n"
"""Sent before an answer, again and again while its job runs; no frame begins with it, as its first byte is zero."""
_TYPE = "application/octet-stream"
_FOR_REPORTS = AnswerLimits(0.9, 0.9, 65_536)
_MAX_SAMPLES = 64
_MAX_REPEATED = 2


class HttpRenderer(RemoteRenderer):
    """Renders on the workers behind an address.

    Parameters
    ----------
    keys
        The first is sent with each request.
    """

    def __init__(self, exchange: HttpExchange, limits: RemoteLimits, keys: Sequence[str] = ()) -> None:
        super().__init__("http", limits)
        self._exchange = exchange
        self._max_bytes = limits.result_bytes + limits.output_bytes + MAX_ANSWER_OVERHEAD
        self._headers = {PROTOCOL_HEADER: str(PROTOCOL), UNSANDBOXED_HEADER: str(int(limits.allow_unsandboxed))}
        if keys:
            self._headers["Authorization"] = f"Bearer {keys[0]}"

    async def get_answer(self, frame: bytes, job: RenderJob) -> bytes:
        return await self.send_until_taken(lambda: self._send(frame, job))

    async def _send(self, frame: bytes, job: RenderJob) -> bytes | FigServeError:
        headers = {**self._headers, TIMEOUT_HEADER: str(float(job.timeout)), "Content-Type": _TYPE}
        limits = AnswerLimits(self.limits.queue_timeout + GRACE, job.timeout + GRACE, self._max_bytes)
        try:
            answer = await self._exchange.send("POST", JOBS, headers, frame, limits)
        except AnswerTooLarge:
            raise OutputInvalid(
                "The figure is larger than this server accepts; draw less, or as png.", code="output_too_large"
            ) from None
        except AnswerLost:
            raise make_worker_lost() from None
        except TimeoutError:
            raise deadline_error(job.timeout) from None
        if answer.status == 200 and WORKER_HEADER in answer.headers:
            return bytes(answer.body).lstrip(BEAT)
        return _read_refusal(answer, job)

    async def ask_workers(self) -> str:
        """Ask for reports until the load balancer shows no worker that is new to this sweep."""
        self.fleet.begin_sweep()
        repeated = 0
        for _ in range(_MAX_SAMPLES):
            values, fault = await self._ask_one()
            report = None if fault else read_report(values, allow_unsandboxed=self.limits.allow_unsandboxed)
            if report is None:
                return fault or "what answers is not a render worker"
            repeated = 0 if self.fleet.record(report) else repeated + 1
            if repeated >= _MAX_REPEATED:
                break
        return ""

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
            return None, error.reason
        except (AnswerLost, AnswerTooLarge, TimeoutError, ValueError, RecursionError):
            return None, "its answer is incomplete"


def _read_refusal(answer: Answer, job: RenderJob) -> FigServeError:
    """Return the error in an answer that is no result.

    Raises
    ------
    NotReached
        A proxy did not reach a worker.
    """
    if WORKER_HEADER in answer.headers:
        if answer.status == 401:
            return Unavailable("The render workers reject the key of this server.", code="worker_key", retry_after=60)
        try:
            return read_error(json.loads(answer.body), job)
        except (ValueError, RecursionError):
            return Unavailable("A render worker sent an invalid answer; see its log.", code="worker_invalid")
    if answer.status == 502:
        # A proxy's: the worker closed the connection before it answered.
        raise NotReached("connection lost")
    if answer.status == 413:
        return TooLarge("The source is larger than the proxy in front of the render workers accepts; raise its limit.")
    if answer.status in (503, 504):
        return Unavailable("All render workers are busy or down; try again soon.", code="workers_busy", retry_after=3)
    return Unavailable(f"The address of the render workers answers with status {answer.status}.", code="no_workers")
