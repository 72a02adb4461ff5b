"""The local renderer: a bounded number of jobs in jailed children, some of which wait warm. Server process."""

from __future__ import annotations

import asyncio
import logging
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from ...errors import SandboxUnavailable, Unavailable
from ...model.rendering import RenderJob, RenderResult
from ..renderer import STOPPING, RendererStatus
from .child_process import ChildProcess
from .job_frames import ChildAnswer, PackedJob, pack_job
from .job_limits import JobLimits, check_job
from .learned_preload import LearnedPreload
from .results import parse_result
from .supervisor import ZygoteSupervisor
from .tiers import SandboxHost
from .zygote_process import ZygoteProcess

_log = logging.getLogger(__name__)

MEMORY_BYTES = 2**30
PIXELS = 25_000_000
SOURCE_BYTES = 64 * 2**20
RESULT_BYTES = 16 * 2**20
OUTPUT_BYTES = 64 * 2**10
SCRATCH_BYTES = 16 * 2**20
MAX_TIMEOUT = 60.0
_SPAWN_TIMEOUT = 15.0
_MAX_ATTEMPTS = 8
# A job that follows within this time needs the core on which a child would warm up.
_WARM_DELAY = 0.01


def default_cache() -> Path:
    """Return the directory that keeps matplotlib's font list between starts; building the list takes a second."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "jupyter_figserve" / "sandbox"


def _count_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class LocalRenderer:
    """Renders in jailed child processes of a zygote on this machine.

    Parameters
    ----------
    render_python
        Interpreter with matplotlib; by default the current one. Posted code can use its installed packages.
    memory_bytes
        Memory of one job, in addition to what the libraries occupy.
    jobs
        Maximum number of jobs that run at once; by default the number of cores. More jobs wait; the caller bounds them.
    warm
        Number of warm children kept ready; by default equal to ``jobs``.
    pixels
        Maximum number of pixels of an image.
    source_bytes, result_bytes, output_bytes, scratch_bytes
        Limits of a job's source, its result, the output that is kept, and the files that it writes.
    timeout
        Maximum timeout of a job in seconds.
    preload
        Modules that the zygote imports at its start, such as ``pandas``, so that jobs need not.
    learned_bytes
        Memory that libraries may occupy which the zygote imports ahead once a job has imported them; 0 learns none.
    cache
        A directory for the font list that no other program uses.
    wrap
        A command that starts the interpreter in another container, such as ``bwrap``.
    idle_timeout
        Seconds without a job after which all processes are stopped until the next job; None keeps them running.
    allow_unsandboxed
        Run code without a sandbox on hosts that have none. Only for servers where everyone who can post is trusted.
    """

    def __init__(
        self,
        *,
        render_python: str = "",
        memory_bytes: int = MEMORY_BYTES,
        jobs: int | None = None,
        warm: int | None = None,
        pixels: int = PIXELS,
        source_bytes: int = SOURCE_BYTES,
        result_bytes: int = RESULT_BYTES,
        output_bytes: int = OUTPUT_BYTES,
        scratch_bytes: int = SCRATCH_BYTES,
        timeout: float = MAX_TIMEOUT,
        preload: Sequence[str] = (),
        learned_bytes: int = 0,
        cache: Path | None = None,
        wrap: Sequence[str] = (),
        idle_timeout: float | None = None,
        allow_unsandboxed: bool = False,
    ) -> None:
        self.jobs = jobs or _count_cores()
        self.warm = self.jobs if warm is None else warm
        self._result_bytes, self._output_bytes = result_bytes, output_bytes
        self.limits = JobLimits(pixels, source_bytes, timeout)
        limits = {"memory": memory_bytes, "scratch": scratch_bytes, "seconds": math.ceil(timeout) + 5, "pixels": pixels}
        settings = {**limits, "preload": list(preload)}
        self._host = SandboxHost(render_python, tuple(wrap), cache or default_cache(), settings, allow_unsandboxed)
        self._supervisor = ZygoteSupervisor(
            self._host,
            idle_timeout=idle_timeout,
            is_busy=lambda: self._pending > 0,
            on_start=lambda: self._schedule_refill(0),
            on_exit=lambda: self._idle.clear(),
        )
        self._learned, self._learned_bytes = LearnedPreload(), learned_bytes
        self._learning: asyncio.Task[None] | None = None
        self._is_closed, self._pending = False, 0
        self._running, self._idle = set[ChildProcess](), list[ChildProcess]()
        self._slots = asyncio.Semaphore(self.jobs)
        self._refill_timer: asyncio.TimerHandle | None = None

    @property
    def status(self) -> RendererStatus:
        return self._supervisor.status

    @property
    def pending(self) -> int:
        """Number of jobs running or waiting for a slot."""
        return self._pending

    async def probe(self) -> None:
        await self._supervisor.probe()

    async def start(self) -> None:
        await self._supervisor.start()

    async def close(self) -> None:
        self._is_closed = True
        if self._refill_timer is not None:
            self._refill_timer.cancel()
        if self._learning is not None:
            # A zygote that is being started has to be closed, too.
            await asyncio.gather(self._learning, return_exceptions=True)
        await self._supervisor.close()

    async def render(self, job: RenderJob) -> RenderResult:
        check_job(job, self.limits)
        answer = await self.run_packed(pack_job(job))
        result = parse_result(job, answer, self.limits)
        self.learn(job.kind, job.source)
        return result

    async def run_packed(self, job: PackedJob, on_begin: Callable[[], None] | None = None) -> ChildAnswer:
        """Run a packed job, and return what its child answered, which nobody has looked at yet.

        Parameters
        ----------
        on_begin
            Called when a child is about to get the job; until then nothing of it has run.
        """
        if not self._supervisor.is_started.is_set():
            await self._supervisor.is_started.wait()
        self._check()
        await self._acquire_slot()
        child: ChildProcess | None = None
        try:
            child, frame = await self._get_child(), None
            if on_begin is not None:
                on_begin()
            for _ in range(_MAX_ATTEMPTS):
                self._running.add(child)
                self._schedule_refill(_WARM_DELAY)
                frame = await child.run(job)
                if not child.died_before_job:
                    break
                self._running.discard(child)
                child = await self._get_child()
            if frame is None and child.status is None:
                raise Unavailable("The sandbox restarted while it drew this figure; try again.", retry_after=1)
            return ChildAnswer(frame, child.output, child.status)
        finally:
            self._release(child)

    def learn(self, kind: str, source: bytes) -> None:
        """Import the libraries of a rendered job ahead from now on, unless others are being imported."""
        names = self._learned.find_new(kind, source) if self._learned_bytes and self._learning is None else ()
        if names and not self._is_closed:
            self._learning = asyncio.create_task(self._load(names))
            self._learning.add_done_callback(self._on_learned)

    async def _load(self, names: tuple[str, ...]) -> None:
        """Load libraries, one by one if that fails for all together."""
        if await self._supervisor.replace(self._learned.modules_with(names), self._learned_bytes):
            self._learned.add(names)
        elif len(names) == 1:
            self._learned.refuse(names[0])
        else:
            for name in names:
                await self._load((name,))

    def _on_learned(self, task: asyncio.Task[None]) -> None:
        self._learning = None
        if not task.cancelled() and task.exception() is not None:
            _log.error("The sandbox could not import libraries ahead", exc_info=task.exception())

    def _check(self) -> None:
        if self._is_closed:
            raise Unavailable(STOPPING)
        status = self.status
        if status.tier == "none" and not status.is_unsandboxed:
            raise SandboxUnavailable(" ".join(("This server cannot run code safely.", *status.reasons)))

    async def _acquire_slot(self) -> None:
        self._pending += 1
        try:
            await self._slots.acquire()
        except BaseException:
            self._pending -= 1
            raise

    def _release_slot(self) -> None:
        self._pending -= 1
        self._slots.release()
        self._schedule_refill(_WARM_DELAY)

    def _release(self, child: ChildProcess | None) -> None:
        """Kill the child; its slot becomes free when it has ended, which takes a moment."""
        if child is None:
            self._release_slot()
            return
        child.kill()

        def on_exit(_: object) -> None:
            self._running.discard(child)
            self._release_slot()
            self._supervisor.restart_idle_timer()

        child.is_gone.add_done_callback(on_exit)

    async def _get_child(self) -> ChildProcess:
        """Return a child that waits for its job: a warm one, else a cold one, else a new one."""
        for _ in range(_MAX_ATTEMPTS):
            zygote = await self._supervisor.get_running()
            ready = [child for child in self._idle if child.state == "ready"]
            child = max(ready, key=lambda child: child.is_warm) if ready else self._spawn(zygote)
            if ready:
                self._idle.remove(child)
            try:
                async with asyncio.timeout(_SPAWN_TIMEOUT):
                    await asyncio.shield(child.is_ready)
            except TimeoutError:
                _log.error("The zygote of the sandbox does not respond; restarting it.")
                zygote.kill()
                await asyncio.shield(zygote.is_ending)
            except BaseException:
                child.kill()
                raise
            if child.state == "ready":
                return child
            if child.status is not None and child.status > 0:
                raise child.start_error()
        raise Unavailable("The sandbox's processes exited while they started; try again soon.", retry_after=5)

    def _spawn(self, zygote: ZygoteProcess) -> ChildProcess:
        return zygote.spawn(
            on_ready=lambda _child: self._schedule_refill(0),
            result_bytes=self._result_bytes,
            output_bytes=self._output_bytes,
        )

    def _schedule_refill(self, delay: float) -> None:
        if self._refill_timer is None and not self._is_closed:
            self._refill_timer = asyncio.get_running_loop().call_later(delay, self._refill)

    def _refill(self) -> None:
        """Keep children ready, and warm them up one at a time while no job runs.

        A job without a ready child would wait for the fork anyway. Warming up costs as much as two jobs: under load the
        processor time is better spent on jobs.
        """
        self._refill_timer = None
        zygote = self._supervisor.find_running()
        if zygote is None:
            return
        self._idle = [child for child in self._idle if child.state != "gone"]
        states = [child.state for child in self._idle]
        if len(states) < self.warm and "starting" not in states:
            self._idle.append(self._spawn(zygote))
        elif not self._pending and "warming" not in states:
            cold = next((child for child in self._idle if child.state == "ready" and not child.is_warm), None)
            if cold is not None:
                cold.warm_up()
