"""The renderer "dask": the workers of an existing Dask cluster. Server process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ...errors import FigServeError
from ...model.rendering import RenderJob
from ..host.job_limits import deadline_error
from . import dask_jobs
from .answers import MAX_ANSWER_OVERHEAD, PROTOCOL, WorkerBusy, read_answer
from .dask_exchange import REPORT_BYTES, DaskExchange
from .fleet import read_report
from .remote_renderer import GRACE, NotReached, RemoteLimits, RemoteRenderer, make_worker_lost

_REPORT_SECONDS = 5.0
_ALIVE_SECONDS = 1.0
_START_SECONDS = 40.0
_START_PAUSE = 0.2


class DaskRenderer(RemoteRenderer):
    """Renders in pools on the workers of a cluster, one job for each of their threads.

    Parameters
    ----------
    settings
        Those of the pools.
    """

    def __init__(self, exchange: DaskExchange, limits: RemoteLimits, settings: Mapping[str, Any]) -> None:
        super().__init__("dask", limits)
        self._exchange = exchange
        self._settings = dict(settings)
        self._max_bytes = limits.result_bytes + limits.output_bytes + MAX_ANSWER_OVERHEAD
        self._addresses: dict[str, str] = {}
        self._running: Counter[str] = Counter()
        self._starting = False
        self._cancelling: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Ask the workers until their pools have started, which takes seconds the first time."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _START_SECONDS
        await self.sweep()
        while self._starting and loop.time() < end:
            await asyncio.sleep(_START_PAUSE)
            await self.sweep()

    async def close(self) -> None:
        await super().close()
        await asyncio.gather(*self._cancelling, return_exceptions=True)
        await self._exchange.close()

    async def ask_workers(self) -> str:
        try:
            await self._exchange.open()
            workers = await self._exchange.find_workers(_REPORT_SECONDS)
            if not workers:
                return "the Dask cluster has no workers"
            asked = (PROTOCOL, self._settings)
            answers = await self._exchange.call(dask_jobs.report, asked, workers, _REPORT_SECONDS, REPORT_BYTES)
        except ImportError:
            return "Dask is missing: pip install 'jupyter_figserve[dask]'"
        except NotReached as error:
            return error.reason
        except TimeoutError:
            return "the Dask scheduler does not answer in time"
        reports = {}
        self._starting = False
        for address, data in answers.items():
            values = _parse(data)
            self._starting = self._starting or values.get("state") == "starting"
            report = read_report(values, allow_unsandboxed=self.limits.allow_unsandboxed)
            if report is not None:
                reports[report.id] = (address, report)
        if not reports:
            return "no Dask worker has this version of jupyter_figserve"
        self._addresses = {name: address for name, (address, _) in reports.items()}
        self.fleet.replace(report for _, report in reports.values())
        return ""

    async def get_answer(self, frame: bytes, job: RenderJob) -> bytes:
        return await self.send_until_taken(lambda: self._send(frame, job))

    async def _send(self, frame: bytes, job: RenderJob) -> bytes | FigServeError:
        """Send a job to the worker with the most free slots, of those that the scheduler knows at this moment.

        For one that has just ended, the scheduler would wait half a minute.
        """
        try:
            alive = await self._exchange.find_workers(_ALIVE_SECONDS)
        except TimeoutError:
            raise NotReached("the Dask scheduler does not answer in time", is_silent=True) from None
        workers = [report for report in self.fleet.workers if self._addresses.get(report.id) in alive]
        if not workers:
            raise NotReached("the Dask cluster has no workers", is_silent=True)
        free = {report.id: report.slots - self._running[report.id] for report in workers}
        name = max(free, key=free.__getitem__)
        if free[name] <= 0:
            return WorkerBusy("All slots of the Dask workers are taken; try again soon.", retry_after=3)
        self._running[name] += 1
        try:
            data = await self._run(self._addresses[name], frame, job)
        finally:
            self._running[name] -= 1
        return data

    async def _run(self, address: str, frame: bytes, job: RenderJob) -> bytes | FigServeError:
        job_id = secrets.token_hex(8)
        arguments = (job_id, frame, float(job.timeout), self.limits.allow_unsandboxed, self._settings)
        try:
            seconds = job.timeout + GRACE
            answers = await self._exchange.call(dask_jobs.run_job, arguments, [address], seconds, self._max_bytes)
        except asyncio.CancelledError:
            self._cancel(address, job_id)
            raise
        except TimeoutError:
            self._cancel(address, job_id)
            raise deadline_error(job.timeout) from None
        except NotReached as error:
            # Whether the job began is not known, so that it is not sent again.
            raise make_worker_lost() from error
        data = answers.get(address)
        if data is None or len(data) > self._max_bytes:
            raise make_worker_lost()
        try:
            read_answer(data, job, 0)
        except WorkerBusy as error:
            return error
        except FigServeError:
            # Raised again where the answer is read.
            pass
        return data

    def _cancel(self, address: str, job_id: str) -> None:
        """End a job that nobody waits for, without waiting for its end."""
        arguments = (job_id, self._settings)
        call = self._exchange.call(dask_jobs.cancel_job, arguments, [address], _REPORT_SECONDS, max_bytes=0)
        task = asyncio.create_task(_ignore_loss(call))
        self._cancelling.add(task)
        task.add_done_callback(self._cancelling.discard)


async def _ignore_loss(call: Any) -> None:
    # Where it is lost, the worker ends the job at its deadline.
    with contextlib.suppress(NotReached, TimeoutError):
        await call


def _parse(data: bytes) -> dict[str, Any]:
    try:
        values = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}
