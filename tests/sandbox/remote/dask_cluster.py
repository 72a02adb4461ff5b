"""``python -m tests.sandbox.remote.dask_cluster THREADS...``: a scheduler and a worker for each number, in one process.

Writes the scheduler's address, and ends with standard input.
"""

from __future__ import annotations

import asyncio
import sys

import dask
from distributed import Scheduler, Worker


async def main(threads: list[int]) -> None:
    dask.config.set({"distributed.worker.memory.terminate": False})
    quiet = {"dashboard": False, "dashboard_address": None}
    async with Scheduler(host="127.0.0.1", port=0, **quiet) as scheduler:
        workers = [await Worker(scheduler.address, nthreads=count, dashboard=False) for count in threads]
        print(scheduler.address, flush=True)
        await asyncio.to_thread(sys.stdin.read)
        for worker in workers:
            await worker.close()


if __name__ == "__main__":
    asyncio.run(main([int(count) for count in sys.argv[1:]]))
