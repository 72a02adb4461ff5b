"""The jobs of a Dask worker: a pool of its own for each server's settings. Runs in the Dask worker, beside its tasks.

A server calls these functions by Dask's ``run``, outside the scheduler's tasks, so that no job is ever repeated, none
waits behind another task, and none is prefetched. They return bytes alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ...errors import FigServeError, InvalidInput
from ..host.pool import LocalRenderer
from .answers import PROTOCOL, pack_error
from .job_runner import JobRunner

_CLOSE_SECONDS = 5.0
_pools: dict[tuple[str, str], _Pool] = {}


class _Pool:
    """A pool, and the tasks of its jobs by their ids."""

    def __init__(self, settings: Mapping[str, Any], slots: int) -> None:
        self.runner = JobRunner(LocalRenderer(jobs=slots, **settings))
        self.tasks: dict[str, asyncio.Task[bytes]] = {}
        self.starting = asyncio.ensure_future(self.runner.start())

    async def run(self, job_id: str, frame: bytes, timeout: float, allow_unsandboxed: bool) -> bytes:
        slot = self.runner.admit(allow_unsandboxed=allow_unsandboxed)
        self.tasks[job_id] = task = asyncio.ensure_future(self.runner.run(frame, timeout))
        try:
            return await task
        finally:
            del self.tasks[job_id]
            self.runner.release(slot)


async def report(protocol: int, settings: Mapping[str, Any], dask_worker: Any) -> bytes:
    """Return the report of this worker's pool as JSON; the first call starts the pool."""
    if protocol != PROTOCOL:
        return json.dumps({"worker": "other", "protocol": PROTOCOL, "slots": 1, "tier": "none"}).encode()
    return json.dumps(_get_pool(settings, dask_worker).runner.report()).encode()


async def run_job(
    job_id: str, frame: bytes, timeout: float, allow_unsandboxed: bool, settings: Mapping[str, Any], dask_worker: Any
) -> bytes:
    """Run the frame of a job and return that of its answer."""
    try:
        return await _get_pool(settings, dask_worker).run(job_id, frame, timeout, allow_unsandboxed)
    except FigServeError as error:
        return pack_error(error)
    except asyncio.CancelledError:
        return pack_error(InvalidInput("The job was cancelled.", code="not_a_job"))


def cancel_job(job_id: str, settings: Mapping[str, Any], dask_worker: Any) -> bytes:
    """End a job that nobody waits for."""
    task = _get_pool(settings, dask_worker).tasks.get(job_id)
    if task is not None:
        task.cancel()
    return b""


def _get_pool(settings: Mapping[str, Any], worker: Any) -> _Pool:
    """Return the pool of these settings; it ends with the worker."""
    name = hashlib.sha256(json.dumps(dict(settings), sort_keys=True).encode()).hexdigest()[:16]
    key = (str(worker.id), name)
    if key not in _pools:
        _pools[key] = _Pool(settings, max(1, int(worker.state.nthreads)))
        worker.loop.add_callback(_close_with, worker, key)
    return _pools[key]


async def _close_with(worker: Any, key: tuple[str, str]) -> None:
    """Close a pool when its worker closes, which Dask reports to plugins."""
    from distributed import WorkerPlugin

    class Closer(WorkerPlugin):
        async def teardown(self, worker: Any) -> None:
            pool = _pools.pop(key, None)
            if pool is not None:
                await pool.starting
                await pool.runner.close(_CLOSE_SECONDS)

    await worker.plugin_add(Closer(), name=f"figserve-{key[1]}")
