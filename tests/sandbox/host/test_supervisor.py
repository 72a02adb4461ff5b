"""Supervision of the zygote, with zygotes that end when the test lets them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any

import pytest

from jupyter_figserve.sandbox.host.supervisor import ZygoteSupervisor
from jupyter_figserve.sandbox.renderer import RendererStatus

from ...waiting import PATIENCE


class FakeZygote:
    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.ready = {"resident": 1}
        self.is_killed = asyncio.Event()
        self.is_ending, self.is_dead = loop.create_future(), loop.create_future()

    def kill(self) -> None:
        self.is_killed.set()

    def end(self) -> None:
        self.is_ending.set_result(None)

    async def close(self) -> None:
        self.kill()


class FakeHost:
    """Starts zygotes at once, and counts them."""

    def __init__(self) -> None:
        self.zygotes: list[FakeZygote] = []

    async def find_tier(self) -> tuple[FakeZygote, RendererStatus]:
        return await self.restart(), RendererStatus("FULL")

    async def restart(self) -> FakeZygote:
        self.zygotes.append(FakeZygote())
        return self.zygotes[-1]

    def close(self) -> None: ...


def in_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), PATIENCE))

    return run


@asynccontextmanager
async def suspended() -> AsyncIterator[tuple[ZygoteSupervisor, FakeHost, FakeZygote]]:
    """A supervisor whose zygote has been killed, because nothing used it, and has not ended yet."""
    host, exits = FakeHost(), []
    supervisor: Any = ZygoteSupervisor(
        host, idle_timeout=0, is_busy=lambda: False, on_start=lambda: None, on_exit=lambda: exits.append(1)
    )
    await supervisor.start()
    (zygote,) = host.zygotes
    await zygote.is_killed.wait()
    assert (supervisor.find_running(), exits) == (None, [1])
    supervisor._idle_timeout = None
    yield supervisor, host, zygote
    await supervisor.close()


async def settle() -> None:
    for _ in range(9):
        await asyncio.sleep(0)


@in_loop
async def test_a_stopped_zygote_gets_no_further_job():
    """A job that comes before it has ended waits for the next one, as do the jobs after it."""
    async with suspended() as (supervisor, host, old):
        found = await asyncio.gather(*(supervisor.get_running() for _ in range(3)))
        assert found == [host.zygotes[1]] * 3
        old.end()
        await settle()
        assert supervisor.find_running() is host.zygotes[1]
        assert len(host.zygotes) == 2


@pytest.mark.parametrize("iterations", range(4))
@in_loop
async def test_a_stopped_zygote_is_replaced_once(iterations):
    """Also by a job that comes at the moment in which it ends."""
    async with suspended() as (supervisor, host, old):
        old.end()
        for _ in range(iterations):
            await asyncio.sleep(0)
        new = await supervisor.get_running()
        await settle()
        assert [new, supervisor.find_running()] == [host.zygotes[1]] * 2
        assert len(host.zygotes) == 2


@in_loop
async def test_without_a_job_it_is_not_replaced():
    """Its memory stays free."""
    async with suspended() as (supervisor, host, old):
        old.end()
        await settle()
        assert (supervisor.find_running(), len(host.zygotes)) == (None, 1)


@in_loop
async def test_a_zygote_that_ends_by_itself_is_replaced_at_once():
    """Before the next job, and also when the one before it was stopped while idle."""
    async with suspended() as (supervisor, host, _):
        await supervisor.get_running()
        host.zygotes[1].end()
        await settle()
        assert supervisor.find_running() is host.zygotes[2]
