"""The local renderer: a zygote, warm children and deadlines. Sandbox, parent side; asyncio alone."""

from __future__ import annotations

import asyncio
import logging
import math
import os
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from pathlib import Path

from ...errors import SandboxUnavailable, Unavailable
from ..renderer import RendererStatus, RenderJob, RenderResult
from . import tiers
from .child_process import ChildProcess
from .results import JobLimits, check_job, read_answer
from .zygote_process import ZygoteProcess

_log = logging.getLogger(__name__)

MEMORY_BYTES = 2**30
PIXELS = 25_000_000
SOURCE_BYTES = 64 * 2**20
RESULT_BYTES = 16 * 2**20
OUTPUT_BYTES = 64 * 2**10
SCRATCH_BYTES = 16 * 2**20
LONGEST = 60.0
_SPAWN_PATIENCE = 15.0
_RESTART_PATIENCE = 20.0
_TRIES = 8
# A job that comes within this time after another one takes the core that a child would be warmed on.
_WARM_DELAY = 0.01
_RESTART_DELAYS = (0.0, 0.0, 0.5, 2.0, 10.0)


def usual_cache() -> Path:
    """Where matplotlib's list of fonts is kept between starts; making it takes a second."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "jupyter_figserve" / "sandbox"


def _cores() -> int:
    """Of this process, which may be allowed fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _report_of(error: Exception) -> RendererStatus:
    """Of a host on which no sandbox could be started."""
    if isinstance(error, SandboxUnavailable):
        return RendererStatus("none", (str(error),))
    _log.error("The sandbox could not be started", exc_info=error)
    return RendererStatus("none", (f"The sandbox could not be started: {type(error).__name__}: {error}.",))


class LocalRenderer:
    """Draws in jailed children of a zygote on this machine.

    Parameters
    ----------
    render_python
        Interpreter with matplotlib; by default the one that runs this. Its installed packages are what code can use.
    memory_bytes
        For one job, above what the libraries take.
    jobs
        At once; by default as many as this process has cores. Others wait; the caller bounds how many.
    warm
        Children that wait with everything loaded; by default as many as jobs.
    pixels
        In a picture.
    source_bytes, result_bytes, output_bytes, scratch_bytes
        Of a job's source, of its answer, of what is kept of its output, of the files that it writes.
    timeout
        Seconds, the most that a job may ask for.
    preload
        Modules that the zygote imports too, such as ``pandas`` and ``seaborn``: it starts later, and they are free.
    cache
        A directory of this renderer's own, for the list of fonts.
    wrap
        A command that starts the interpreter inside something more, such as ``bwrap``.
    rest_after
        Seconds without a job, after which all processes end until the next one, which waits for their start; None for
        never.
    allow_unsandboxed
        Run code without any sandbox where the host has none. For a host on which all who can post are trusted.
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
        timeout: float = LONGEST,
        preload: Sequence[str] = (),
        cache: Path | None = None,
        wrap: Sequence[str] = (),
        idle_timeout: float | None = None,
        allow_unsandboxed: bool = False,
    ) -> None:
        self.jobs = jobs or _cores()
        self.warm = self.jobs if warm is None else warm
        self._result_bytes, self._output_bytes = result_bytes, output_bytes
        self._limits = JobLimits(pixels, source_bytes, timeout)
        bounds = {"memory": memory_bytes, "scratch": scratch_bytes, "seconds": math.ceil(timeout) + 5, "pixels": pixels}
        self._host = tiers.SandboxHost(
            render_python, tuple(wrap), cache or usual_cache(), {**bounds, "preload": list(preload)}, allow_unsandboxed
        )
        self._zygote: ZygoteProcess | None = None
        self._report = RendererStatus("none", ("What this host allows is not known yet; ask again in a moment.",))
        self._is_started = asyncio.Event()
        self._is_up = asyncio.Event()
        self._is_closed = False
        self._running: set[ChildProcess] = set()
        self._idle: list[ChildProcess] = []
        self._slots = asyncio.Semaphore(self.jobs)
        self._pending = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._starts: deque[float] = deque(maxlen=len(_RESTART_DELAYS))
        self._refill_timer: asyncio.TimerHandle | None = None
        self._rest_after = idle_timeout
        self._rest_timer: asyncio.TimerHandle | None = None
        self._is_resting = False

    @property
    def report(self) -> RendererStatus:
        return self._report

    @property
    def pending(self) -> int:
        """Number of jobs running or waiting for a slot."""
        return self._pending

    async def probe(self) -> None:
        try:
            report = await self._host.probe()
        except Exception as error:
            report = _report_of(error)
        if not self._is_started.is_set():
            self._report = report

    async def start(self) -> None:
        try:
            self._zygote, self._report = await self._host.find_tier()
        except Exception as error:
            self._report = _report_of(error)
        self._is_started.set()
        if self._zygote is None:
            return
        self._go_on(self._zygote)

    async def close(self) -> None:
        self._is_closed = True
        if self._refill_timer is not None:
            self._refill_timer.cancel()
        if self._rest_timer is not None:
            self._rest_timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        zygote, self._zygote = self._zygote, None
        if zygote is not None:
            await zygote.close()
        self._host.close()

    async def render(self, job: RenderJob) -> RenderResult:
        self._check(job)
        if not self._is_started.is_set():
            await self._is_started.wait()
            self._check(job)
        await self._take_slot()
        child: ChildProcess | None = None
        try:
            child, frame = await self._take_child(), None
            for _ in range(_TRIES):
                self._running.add(child)
                self._refill_later(_WARM_DELAY)
                frame = await child.do(job)
                if not child.died_before_job:
                    break
                self._running.discard(child)
                child = await self._take_child()
            if frame is None and child.status is None:
                raise Unavailable("The sandbox was restarted while it drew this figure; send it again.", retry_after=1)
            return read_answer(job, frame, child.output, child.status, self._limits)
        finally:
            self._give_back(child)

    def _check(self, job: RenderJob) -> None:
        if self._is_closed:
            raise Unavailable("The server is closing.")
        if self._is_started.is_set() and self._report.tier == "none" and not self._report.is_unsandboxed:
            raise SandboxUnavailable(" ".join(("This server cannot run code safely.", *self._report.why)))
        check_job(job, self._limits)

    async def _take_slot(self) -> None:
        self._pending += 1
        try:
            await self._slots.acquire()
        except BaseException:
            self._pending -= 1
            raise

    def _free_slot(self) -> None:
        self._pending -= 1
        self._slots.release()
        self._refill_later(_WARM_DELAY)

    def _give_back(self, child: ChildProcess | None) -> None:
        """The slot is free again when its child is gone, which is at once."""
        if child is None:
            self._free_slot()
            return
        child.kill()

        def free(_gone: object) -> None:
            self._running.discard(child)
            self._free_slot()
            self._rest_later()

        child.is_gone.add_done_callback(free)

    async def _take_child(self) -> ChildProcess:
        """A child that waits for its job: a warm one, else one that is not, else a new one."""
        for _ in range(_TRIES):
            zygote = await self._get_zygote()
            ready = [child for child in self._idle if child.state == "ready"]
            child = max(ready, key=lambda child: child.is_warm) if ready else self._spawn(zygote)
            if ready:
                self._idle.remove(child)
            try:
                async with asyncio.timeout(_SPAWN_PATIENCE):
                    await asyncio.shield(child.is_ready)
            except TimeoutError:
                _log.error("The sandbox's zygote does not answer; it is started anew.")
                zygote.kill()
                await asyncio.shield(zygote.is_ending)
            except BaseException:
                child.kill()
                raise
            if child.state == "ready":
                return child
            if child.status is not None and child.status > 0:
                raise child.why_not_ready()
        raise Unavailable("The sandbox's processes end before they begin; try again soon.", retry_after=5)

    async def _get_zygote(self) -> ZygoteProcess:
        try:
            async with asyncio.timeout(_RESTART_PATIENCE):
                while self._zygote is not None and self._zygote.is_ending.done():
                    self._is_up.clear()
                    self._wake()
                    await self._is_up.wait()
        except TimeoutError:
            raise Unavailable("The sandbox ended and does not start again; see the server's log.") from None
        if self._zygote is None:
            raise Unavailable("The server is closing.")
        return self._zygote

    def _spawn(self, zygote: ZygoteProcess) -> ChildProcess:
        return zygote.spawn(
            on_ready=lambda _child: self._refill_later(0),
            result_bytes=self._result_bytes,
            output_bytes=self._output_bytes,
        )

    def _refill_later(self, delay: float) -> None:
        if self._refill_timer is None and not self._is_closed:
            self._refill_timer = asyncio.get_running_loop().call_later(delay, self._refill)

    def _refill(self) -> None:
        """Keep children waiting, and let them warm up one by one while nothing is drawn.

        What a fork costs, a job would have to pay anyway. Warming up is twice a job's work, which under load is better
        spent on jobs.
        """
        self._refill_timer = None
        if self._zygote is None or not self._is_up.is_set():
            return
        self._idle = [child for child in self._idle if child.state != "gone"]
        states = [child.state for child in self._idle]
        if len(states) < self.warm and "starting" not in states:
            self._idle.append(self._spawn(self._zygote))
        elif not self._pending and "warming" not in states:
            cold = next((child for child in self._idle if child.state == "ready" and not child.is_warm), None)
            if cold is not None:
                cold.warm_up()

    def _go_on(self, zygote: ZygoteProcess) -> None:
        """Use this zygote until it dies."""
        self._zygote = zygote
        self._is_up.set()
        self._run(self._watch(zygote))
        self._refill_later(0)
        self._rest_later()

    async def _watch(self, zygote: ZygoteProcess) -> None:
        await asyncio.shield(zygote.is_ending)
        self._is_up.clear()
        self._idle = []
        if not self._is_resting:
            _log.warning("The sandbox's zygote ended; another one is started.")
            await self._start_again()

    async def _start_again(self) -> None:
        """Start another one, more patiently when that happens often."""
        loop = asyncio.get_running_loop()
        while not self._is_closed:
            recent = sum(loop.time() - start < 60 for start in self._starts)
            await asyncio.sleep(_RESTART_DELAYS[min(recent, len(_RESTART_DELAYS) - 1)])
            self._starts.append(loop.time())
            try:
                self._go_on(await self._host.start_again())
            except SandboxUnavailable as error:
                _log.error("The sandbox does not start again: %s", error)
                self._report = replace(self._report, why=(*self._report.why[:4], str(error)))
                continue
            return

    def _rest_later(self) -> None:
        if self._rest_timer is not None:
            self._rest_timer.cancel()
        if self._rest_after is not None and not self._is_closed:
            self._rest_timer = asyncio.get_running_loop().call_later(self._rest_after, self._rest)

    def _rest(self) -> None:
        """Give the memory back; whoever comes next wakes it."""
        self._rest_timer = None
        if self._zygote is not None and not self._pending:
            self._is_resting = True
            self._zygote.kill()

    def _wake(self) -> None:
        if self._is_resting:
            self._is_resting = False
            self._run(self._start_again())

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
