"""The jobs of one render worker: one for each slot, refused beyond that, and drained at the end. Worker process."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any, Literal

from ...errors import FigServeError, InvalidInput, SandboxUnavailable, TooLarge
from ..host.job_frames import read_job_frame
from ..host.pool import LocalRenderer
from .answers import PROTOCOL, WorkerBusy, is_rendered, pack_answer, pack_error

_MAX_SECONDS = 86_400.0
State = Literal["starting", "ready", "draining", "unavailable"]


class JobRunner:
    """Runs the frames of jobs in a pool.

    Parameters
    ----------
    pool
        Its number of jobs is the worker's number of slots.

    Attributes
    ----------
    id
        Tells the workers of a fleet apart; new with each start.
    """

    def __init__(self, pool: LocalRenderer) -> None:
        self.id = secrets.token_hex(8)
        self._pool = pool
        self._is_started = self._is_draining = False
        self._admitted: set[object] = set()
        self._begun = 0
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    @property
    def state(self) -> State:
        status = self._pool.status
        if self._is_draining:
            return "draining"
        if not self._is_started:
            return "starting"
        return "ready" if status.tier != "none" or status.is_unsandboxed else "unavailable"

    @property
    def running(self) -> int:
        """Number of jobs that have been admitted and have not ended."""
        return len(self._admitted)

    async def start(self) -> None:
        """Start the pool; ``state`` tells whether it can render."""
        await self._pool.start()
        self._is_started = True

    def report(self) -> dict[str, Any]:
        """Return the worker's state as JSON, for servers and for people."""
        status = self._pool.status
        return {
            "worker": self.id,
            "protocol": PROTOCOL,
            "state": self.state,
            "slots": self._pool.jobs,
            "running": self.running,
            "begun": self._begun,
            "tier": status.tier,
            "is_unsandboxed": status.is_unsandboxed,
            "why": list(status.reasons),
            "libraries": dict(status.libraries),
            "unsupported": list(status.unsupported),
        }

    def admit(self, *, allow_unsandboxed: bool = False) -> object:
        """Take a slot for a job, to be given back with ``release``.

        Raises
        ------
        WorkerBusy
            All slots are taken, or the worker is starting or draining.
        SandboxUnavailable
            It cannot run code safely, or not as safely as the server that sends the job requires.
        """
        state, status = self.state, self._pool.status
        if state in ("draining", "starting"):
            raise WorkerBusy(f"This render worker is {state}; use another one.", retry_after=1)
        if state == "unavailable" or (status.is_unsandboxed and not allow_unsandboxed):
            raise SandboxUnavailable(" ".join(("A render worker cannot run code safely.", *status.reasons)))
        if self.running >= self._pool.jobs:
            raise WorkerBusy(f"All {self._pool.jobs} slots of this render worker are taken.", retry_after=1)
        slot = object()
        self._admitted.add(slot)
        self._is_idle.clear()
        return slot

    def release(self, slot: object) -> None:
        """Give a slot back; calling this again is harmless."""
        self._admitted.discard(slot)
        if not self._admitted:
            self._is_idle.set()

    async def run(self, frame: bytes, timeout: float, on_begin: Callable[[], None] | None = None) -> bytes:
        """Run an admitted job and return the frame of its answer; cancelling the call kills the child.

        Parameters
        ----------
        on_begin
            Called when the job begins. Errors before that are raised, later ones are part of the answer.

        Raises
        ------
        FigServeError
            The job did not begin.
        """
        limits, has_begun = self._pool.limits, False
        if not 0 < timeout <= _MAX_SECONDS:
            raise InvalidInput("The timeout of the job must be a positive number of seconds.", code="not_a_job")
        job = read_job_frame(frame, min(timeout, limits.timeout))
        if len(job.source) > limits.source_bytes:
            raise TooLarge(f"The source has more than {limits.source_bytes:,} bytes, the limit of this worker.")

        def begin() -> None:
            nonlocal has_begun
            has_begun = True
            self._begun += 1
            if on_begin is not None:
                on_begin()

        try:
            answer = await self._pool.run_packed(job.packed, begin)
        except FigServeError as error:
            if not has_begun:
                raise
            return pack_error(error)
        finally:
            self._begun -= has_begun
        if is_rendered(answer):
            self._pool.learn(job.kind, job.source)
        return pack_answer(answer)

    def drain(self) -> None:
        """Take no further jobs."""
        self._is_draining = True

    async def close(self, seconds: float) -> None:
        """Wait at most this long for the jobs under way, and stop the pool."""
        self.drain()
        try:
            async with asyncio.timeout(seconds):
                await self._is_idle.wait()
        except TimeoutError:
            pass
        await self._pool.close()
