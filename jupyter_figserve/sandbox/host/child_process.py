"""A child process as its parent sees it: three pipes, a pidfd to kill it by, and one job. Server process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from ...errors import OutputInvalid, SandboxUnavailable
from .. import wire
from .job_frames import PackedJob
from .job_limits import deadline_error

_CHUNK_BYTES = 1 << 18
# Output beyond the limit is discarded; beyond this multiple of the limit the child is killed.
_OUTPUT_KILL_FACTOR = 256
State = Literal["starting", "ready", "warming", "working", "gone"]


class ChildProcess:
    """A forked process that runs one job.

    Parameters
    ----------
    number
        Unique among the children of a zygote.
    result_bytes, output_bytes
        Limits of the result, and of the output that is kept.
    on_ready
        Called when the child is jailed or warm, and waits for its job.
    """

    def __init__(
        self, number: int, *, result_bytes: int, output_bytes: int, on_ready: Callable[[ChildProcess], None]
    ) -> None:
        self.number = number
        self.state: State = "starting"
        self.is_warm = False
        self.status: int | None = None
        self.died_before_job = False
        """Whether it ended before it had read its job, so that the job can run elsewhere."""
        self._result_bytes, self._output_bytes = result_bytes, output_bytes
        self._on_ready = on_ready
        self._loop = asyncio.get_running_loop()
        self._result, self._output = bytearray(), bytearray()
        self._printed_bytes = 0
        self._pidfd: int | None = None
        self._is_killed = False
        self._niceness = 0
        self._unsent: list[memoryview] = []
        self.is_ready: asyncio.Future[None] = self._loop.create_future()
        self.is_answered: asyncio.Future[None] = self._loop.create_future()
        # If the caller of `run` was cancelled, nobody retrieves the exception; asyncio would log it.
        self.is_answered.add_done_callback(lambda future: future.cancelled() or future.exception())
        self.is_gone: asyncio.Future[None] = self._loop.create_future()
        self._open_pipes()

    def _open_pipes(self) -> None:
        job, self._job_pipe = os.pipe()
        self._result_pipe, result = os.pipe()
        self._output_pipe, output = os.pipe()
        self.descriptors = [job, result, output]
        for pipe in (self._job_pipe, self._result_pipe, self._output_pipe):
            os.set_blocking(pipe, False)
        self._open = {self._job_pipe, self._result_pipe, self._output_pipe}
        self._loop.add_reader(self._result_pipe, self._read_result)
        self._loop.add_reader(self._output_pipe, self._read_output)

    def close_child_ends(self) -> None:
        """Close the parent's copies of the child's descriptors, so that a pipe closes with the child."""
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = []

    @property
    def is_forked(self) -> bool:
        return self._pidfd is not None

    def on_forked(self, pidfd: int) -> None:
        """Record the pidfd of the forked process."""
        self._pidfd = pidfd
        # The job may have come before this message.
        self._lower_priority()
        if self._is_killed:
            self.kill()

    def warm_up(self) -> None:
        """Let the child draw a throw-away figure, so that its memory pages, fonts and caches are ready for the job."""
        assert self.state == "ready"
        assert not self.is_warm
        self.state, self.is_warm = "warming", True
        # The frame fits into the empty pipe. If the child is gone, its end is noticed elsewhere.
        with contextlib.suppress(OSError):
            os.write(self._job_pipe, b"".join(wire.pack_frame({"kind": wire.WARM_UP})))

    async def run(self, job: PackedJob) -> bytes | None:
        """Send the job and return the frame of the result, or None if the child ended without one.

        Raises
        ------
        DeadlineExceeded
            The job's timeout has passed.
        OutputInvalid
            The result or the output is too large.
        """
        assert self.state == "ready"
        self.state = "working"
        self._niceness = job.niceness
        self._lower_priority()
        self._unsent = [memoryview(piece) for piece in job.frame]
        self._write_job()
        try:
            async with asyncio.timeout(job.timeout):
                await asyncio.shield(self.is_answered)
        except TimeoutError:
            raise deadline_error(job.timeout) from None
        self._read_output()
        return bytes(self._result) if self._is_complete() else None

    def start_error(self) -> SandboxUnavailable:
        """Return the error of a child that ended before its job; no foreign code has run in it."""
        reason = self.output or f"status {self.status}"
        return SandboxUnavailable(f"The sandbox could not be entered: {reason}.", retry_after=30)

    @property
    def output(self) -> str:
        text = self._output.decode("utf-8", "replace")
        omitted = self._printed_bytes - len(self._output)
        return f"{text}\n[{omitted:,} more bytes were discarded]" if omitted > 0 else text

    def kill(self) -> None:
        """Kill the process; calling this again is harmless."""
        self._is_killed = True
        if self._pidfd is not None and not self.is_gone.done():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def detach_pidfd(self) -> int | None:
        """Return the pidfd, which the caller has to close."""
        pidfd, self._pidfd = self._pidfd, None
        return pidfd

    def on_exit(self, status: int | None) -> None:
        """Clean up after the process; ``status`` is None if the zygote ended with it."""
        if self.is_gone.done():
            return
        self.status = status
        # The pipes may still hold data.
        self._read_output()
        self._read_result()
        self.state = "gone"
        for pipe in list(self._open):
            self._close(pipe)
        self.close_child_ends()
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
        self.is_gone.set_result(None)
        for future in (self.is_answered, self.is_ready):
            if not future.done():
                future.set_result(None)

    def _lower_priority(self) -> None:
        if not self._niceness or self._pidfd is None:
            return
        # The pid in this process's namespace; -1 when it has ended. Another user's process may not be changed.
        with contextlib.suppress(OSError, StopIteration):
            lines = Path(f"/proc/self/fdinfo/{self._pidfd}").read_text(encoding="utf-8").splitlines()
            pid = next(int(line.partition(":")[2]) for line in lines if line.startswith("Pid:"))
            if pid > 0:
                os.setpriority(os.PRIO_PROCESS, pid, self._niceness)

    def _write_job(self) -> None:
        try:
            while self._unsent:
                written = os.write(self._job_pipe, self._unsent[0][:_CHUNK_BYTES])
                rest = self._unsent[0][written:]
                self._unsent[:1] = [rest] if rest else []
        except BlockingIOError:
            self._loop.add_writer(self._job_pipe, self._write_job)
            return
        except BrokenPipeError:
            self.died_before_job = True
            self._unsent = []
        self._loop.remove_writer(self._job_pipe)
        self._close(self._job_pipe)

    def _read_result(self) -> None:
        while self._result_pipe in self._open:
            chunk = self._read(self._result_pipe)
            if chunk is None:
                return
            if not chunk:
                # Without a result there is nothing left to do; the zygote reports the exit status.
                self._close(self._result_pipe)
                self.kill()
                return
            if self.state in ("starting", "warming") and chunk.startswith(wire.READY):
                chunk = chunk[len(wire.READY) :]
                self.state = "ready"
                if not self.is_ready.done():
                    self.is_ready.set_result(None)
                self._on_ready(self)
            self._result += chunk
            if self._is_too_large():
                self._fail(f"The figure takes more than {self._result_bytes:,} bytes; draw less, or as png.")
                return
            if self._is_complete():
                if not self.is_answered.done():
                    self.is_answered.set_result(None)
                return

    def _read_output(self) -> None:
        while self._output_pipe in self._open:
            chunk = self._read(self._output_pipe)
            if chunk is None:
                return
            if not chunk:
                self._close(self._output_pipe)
                return
            self._printed_bytes += len(chunk)
            self._output += chunk[: max(0, self._output_bytes - len(self._output))]
            limit = self._output_bytes * _OUTPUT_KILL_FACTOR
            if self._printed_bytes > limit:
                self._fail(f"The code printed more than {limit:,} bytes; print less.")
                return

    def _read(self, pipe: int) -> bytes | None:
        """Return the next chunk, None if there is none yet, empty at the end."""
        try:
            return os.read(pipe, _CHUNK_BYTES)
        except BlockingIOError:
            return None

    def _lengths(self) -> tuple[int, int] | None:
        prefix = bytes(self._result[: wire.PREFIX_BYTES])
        return wire.parse_lengths(prefix) if len(prefix) == wire.PREFIX_BYTES else None

    def _is_complete(self) -> bool:
        lengths = self._lengths()
        return lengths is not None and len(self._result) == wire.PREFIX_BYTES + sum(lengths)

    def _is_too_large(self) -> bool:
        lengths = self._lengths()
        if lengths is None:
            return False
        header, body = lengths
        return (
            header > wire.MAX_HEADER_BYTES
            or body > self._result_bytes
            or len(self._result) > wire.PREFIX_BYTES + header + body
        )

    def _fail(self, message: str) -> None:
        self.kill()
        if not self.is_answered.done():
            self.is_answered.set_exception(OutputInvalid(message, code="output_too_large"))
        self._close(self._result_pipe)
        self._close(self._output_pipe)

    def _close(self, pipe: int) -> None:
        if pipe in self._open:
            self._open.discard(pipe)
            self._loop.remove_reader(pipe)
            self._loop.remove_writer(pipe)
            os.close(pipe)
