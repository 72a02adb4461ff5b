"""One child as the parent sees it: three pipes, a handle to kill it by, and one job. Sandbox, parent side."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
from collections.abc import Callable
from dataclasses import asdict
from typing import Literal

from ...errors import DeadlineExceeded, OutputInvalid, SandboxUnavailable
from .. import wire
from ..renderer import RenderJob

_PIECE = 1 << 18
# What is printed beyond the bound is thrown away; beyond so many times of it, the code is ended.
_OUTPUT_KILL_FACTOR = 256
State = Literal["starting", "ready", "warming", "working", "gone"]


class ChildProcess:
    """A forked process that waits for its one job.

    Parameters
    ----------
    number
        Unique among the children of a zygote.
    result_bytes, output_bytes
        Bounds on the answer, and on what is kept of the output.
    on_ready
        Called when it has put on its jail, or has warmed up, and waits.
    """

    def __init__(
        self, number: int, *, result_bytes: int, output_bytes: int, on_ready: Callable[[ChildProcess], None]
    ) -> None:
        self.number = number
        self.state: State = "starting"
        self.is_warm = False
        self.status: int | None = None
        self.died_before_job = False
        """Whether it ended before it had read its job, so that none of the job was done."""
        self._result_bytes, self._output_bytes = result_bytes, output_bytes
        self._on_ready = on_ready
        self._loop = asyncio.get_running_loop()
        self._answer, self._output = bytearray(), bytearray()
        self._printed = 0
        self._handle: int | None = None
        self._is_killed = False
        self._to_write: list[memoryview] = []
        self.is_ready: asyncio.Future[None] = self._loop.create_future()
        self.is_answered: asyncio.Future[None] = self._loop.create_future()
        # Whoever waited may have gone away: then nobody looks at an error, and that is well.
        self.is_answered.add_done_callback(lambda future: future.cancelled() or future.exception())
        self.is_gone: asyncio.Future[None] = self._loop.create_future()
        self._open_pipes()

    def _open_pipes(self) -> None:
        job, self._job_end = os.pipe()
        self._answer_end, answer = os.pipe()
        self._output_end, output = os.pipe()
        self.descriptors = [job, answer, output]
        for end in (self._job_end, self._answer_end, self._output_end):
            os.set_blocking(end, False)
        self._open = {self._job_end, self._answer_end, self._output_end}
        self._loop.add_reader(self._answer_end, self._read_answer)
        self._loop.add_reader(self._output_end, self._read_output)

    def close_child_ends(self) -> None:
        """When they were sent: only the child's own copies are to keep the pipes open."""
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = []

    def forked(self, handle: int) -> None:
        """The zygote has made it; ``handle`` is a pidfd."""
        self._handle = handle
        if self._is_killed:
            self.kill()

    def warm_up(self) -> None:
        """Let it draw a throw-away figure, so that its pages, fonts and caches are its own before its job comes."""
        assert self.state == "ready"
        assert not self.is_warm
        self.state, self.is_warm = "warming", True
        # Smaller than any pipe, and the pipe is empty. If the child is gone, that is noticed elsewhere.
        with contextlib.suppress(OSError):
            os.write(self._job_end, b"".join(wire.pack({"kind": wire.WARM_UP})))

    async def do(self, job: RenderJob) -> bytes | None:
        """Send the job and wait; the answer's frame, or None when the child ended without one.

        Raises
        ------
        DeadlineExceeded, OutputInvalid
        """
        assert self.state == "ready"
        self.state = "working"
        self._to_write = [memoryview(piece) for piece in _frame(job)]
        self._write_job()
        try:
            async with asyncio.timeout(job.timeout):
                await asyncio.shield(self.is_answered)
        except TimeoutError:
            raise DeadlineExceeded(
                f"The code took longer than {job.timeout:g} seconds; give it less to do, or a longer timeout.",
                retry_after=5,
            ) from None
        self._read_output()
        return bytes(self._answer) if self._is_whole() else None

    def why_not_ready(self) -> SandboxUnavailable:
        """What a child that ended before its job had to say; no foreign code has run in it."""
        words = self.output or f"status {self.status}"
        return SandboxUnavailable(f"The sandbox could not be put on: {words}.", retry_after=30)

    @property
    def output(self) -> str:
        text = self._output.decode("utf-8", "replace")
        cut = self._printed - len(self._output)
        return f"{text}\n[{cut:,} more bytes were not kept]" if cut > 0 else text

    def kill(self) -> None:
        """End it now, whatever it does; more than once is allowed."""
        self._is_killed = True
        if self._handle is not None and not self.is_gone.done():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def take_handle(self) -> int | None:
        """The pidfd, which is then the caller's to close."""
        handle, self._handle = self._handle, None
        return handle

    def ended(self, status: int | None) -> None:
        """The zygote has reaped it, or is no more itself."""
        if self.is_gone.done():
            return
        self.status = status
        # What the pipes still hold is read before they are closed.
        self._read_output()
        self._read_answer()
        self.state = "gone"
        for end in list(self._open):
            self._close(end)
        self.close_child_ends()
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        self.is_gone.set_result(None)
        for waiting in (self.is_answered, self.is_ready):
            if not waiting.done():
                waiting.set_result(None)

    def _write_job(self) -> None:
        try:
            while self._to_write:
                written = os.write(self._job_end, self._to_write[0][:_PIECE])
                rest = self._to_write[0][written:]
                self._to_write[:1] = [rest] if rest else []
        except BlockingIOError:
            self._loop.add_writer(self._job_end, self._write_job)
            return
        except BrokenPipeError:
            self.died_before_job = True
            self._to_write = []
        self._loop.remove_writer(self._job_end)
        self._close(self._job_end)

    def _read_answer(self) -> None:
        while self._answer_end in self._open:
            piece = self._read(self._answer_end)
            if piece is None:
                return
            if not piece:
                # Without an answer it has nothing more to do; how it ended, the zygote tells.
                self._close(self._answer_end)
                self.kill()
                return
            if self.state in ("starting", "warming") and piece.startswith(wire.READY):
                piece = piece[len(wire.READY) :]
                self.state = "ready"
                if not self.is_ready.done():
                    self.is_ready.set_result(None)
                self._on_ready(self)
            self._answer += piece
            if self._is_too_large():
                self._fail(f"The figure takes more than {self._result_bytes:,} bytes; draw less, or as png.")
                return
            if self._is_whole():
                self._finish()
                return

    def _finish(self) -> None:
        if not self.is_answered.done():
            self.is_answered.set_result(None)

    def _read_output(self) -> None:
        while self._output_end in self._open:
            piece = self._read(self._output_end)
            if piece is None:
                return
            if not piece:
                self._close(self._output_end)
                return
            self._printed += len(piece)
            self._output += piece[: max(0, self._output_bytes - len(self._output))]
            if self._printed > self._output_bytes * _OUTPUT_KILL_FACTOR:
                self._fail(
                    f"The code printed more than {self._output_bytes * _OUTPUT_KILL_FACTOR:,} bytes; print less."
                )
                return

    def _read(self, end: int) -> bytes | None:
        """The next piece, None when there is none yet, empty at the end."""
        try:
            return os.read(end, _PIECE)
        except BlockingIOError:
            return None

    def _sizes(self) -> tuple[int, int] | None:
        return (
            wire.lengths(bytes(self._answer[: wire.PREFIX_BYTES])) if len(self._answer) >= wire.PREFIX_BYTES else None
        )

    def _is_whole(self) -> bool:
        sizes = self._sizes()
        return sizes is not None and len(self._answer) == wire.PREFIX_BYTES + sum(sizes)

    def _is_too_large(self) -> bool:
        sizes = self._sizes()
        if sizes is None:
            return False
        return (
            sizes[0] > wire.HEADER_BYTES
            or sizes[1] > self._result_bytes
            or len(self._answer) > wire.PREFIX_BYTES + sum(sizes)
        )

    def _fail(self, words: str) -> None:
        self.kill()
        if not self.is_answered.done():
            self.is_answered.set_exception(OutputInvalid(words, code="output_too_large"))
        self._close(self._answer_end)
        self._close(self._output_end)

    def _close(self, end: int) -> None:
        if end in self._open:
            self._open.discard(end)
            self._loop.remove_reader(end)
            self._loop.remove_writer(end)
            os.close(end)


def _frame(job: RenderJob) -> list[bytes]:
    header = {
        "kind": job.kind,
        "options": asdict(job.options),
        "figure": job.figure,
        "seed": job.seed,
        "wants_thumbnail": job.with_thumbnail,
        "libraries": dict(job.libraries),
        "density": job.density,
    }
    arguments = [pickle.dumps(dict(job.arguments))] if job.kind == "function" else []
    return wire.pack(header, [job.source, *arguments])
