"""A child process from its parent's side; the test writes to the other ends of its pipes."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from jupyter_figserve.errors import DeadlineExceeded, OutputInvalid
from jupyter_figserve.sandbox import wire
from jupyter_figserve.sandbox.host.child_process import ChildProcess
from jupyter_figserve.sandbox.host.job_frames import PackedJob


def in_loop(scene: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in its own event loop, like the renderer's thread."""

    @functools.wraps(scene)
    def run(**arguments: Any) -> None:
        asyncio.run(scene(**arguments))

    return run


FRAME = b"".join(wire.pack_frame({"status": "rendered"}, [b"data"]))


@contextlib.asynccontextmanager
async def ready_child(
    *, result_bytes: int = 1_000, output_bytes: int = 100
) -> AsyncIterator[tuple[ChildProcess, int, int]]:
    """A child that is ready, with the descriptors of its result and its output."""
    child = ChildProcess(1, result_bytes=1_000, output_bytes=output_bytes, on_ready=lambda _: None)
    job, result, output = (os.dup(descriptor) for descriptor in child.descriptors)
    child.close_child_ends()
    os.write(result, wire.READY)
    await child.is_ready
    try:
        yield child, result, output
    finally:
        for descriptor in (job, result, output):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        child.on_exit(0)


@in_loop
async def test_a_result_is_returned():
    """``run`` returns the frame, regardless of the number of pieces."""
    async with ready_child() as (child, result, output):
        task = asyncio.ensure_future(child.run(PackedJob([b"job"], 5)))
        os.write(output, b"printed")
        for byte in FRAME:
            os.write(result, bytes([byte]))
            await asyncio.sleep(0)
        assert await task == FRAME
        assert (child.output, child.died_before_job) == ("printed", False)


@pytest.mark.parametrize("size", [1, 11, 12, 20, len(FRAME) - 1])
@in_loop
async def test_half_a_result(size: int):
    """A child that then waits is stopped by the deadline; one that then exits has sent no result."""
    async with ready_child() as (child, result, _):
        os.write(result, FRAME[:size])
        with pytest.raises(DeadlineExceeded):
            await child.run(PackedJob([b"job"], 0.01))
    async with ready_child() as (child, result, _):
        os.write(result, FRAME[:size])
        task = asyncio.ensure_future(child.run(PackedJob([b"job"], 5)))
        await asyncio.sleep(0)
        child.on_exit(0)
        assert await task is None


@pytest.mark.parametrize(
    "start",
    [
        struct.pack(">IQ", 10, 2**62),
        struct.pack(">IQ", 2**31, 1),
        struct.pack(">IQ", wire.MAX_HEADER_BYTES + 1, 0),
        struct.pack(">IQ", 2, 1_001),
        FRAME + b"x",
    ],
)
@in_loop
async def test_lengths_beyond_the_limits(start: bytes):
    """The lengths alone are enough to refuse a result; no memory is reserved for it."""
    async with ready_child() as (child, result, _):
        os.write(result, start)
        with pytest.raises(OutputInvalid) as caught:
            await child.run(PackedJob([b"job"], 5))
        assert caught.value.code == "output_too_large"


@in_loop
async def test_a_flood_of_output():
    """Output over the limit is discarded; far over it, the child is stopped."""
    async with ready_child(output_bytes=10) as (child, _, output):
        task = asyncio.ensure_future(child.run(PackedJob([b"job"], 5)))
        os.write(output, b"x" * 1_000)
        while not child.output:
            await asyncio.sleep(0)
        assert child.output == "x" * 10 + "\n[990 more bytes were discarded]"
        os.write(output, b"x" * 2_000)
        with pytest.raises(OutputInvalid, match="printed more than"):
            await task


@in_loop
async def test_a_child_that_exits_before_its_job():
    """The job was not read, so that another child can run it."""
    child = ChildProcess(1, result_bytes=10, output_bytes=10, on_ready=lambda _: None)
    os.write(child.descriptors[1], wire.READY)
    await child.is_ready
    child.close_child_ends()
    task = asyncio.ensure_future(child.run(PackedJob([b"x" * 100_000], 5)))
    await asyncio.sleep(0)
    child.on_exit(-9)
    assert await task is None
    assert child.died_before_job
