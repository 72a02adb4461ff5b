"""Readiness: the checks of a server, bounded in time and number."""

from __future__ import annotations

import asyncio

from jupyter_figserve.server.services.monitoring import readiness
from jupyter_figserve.server.services.monitoring.readiness import Readiness


class Checked:
    """A check that can be made to fail or to hang, and the time of its readiness."""

    def __init__(self) -> None:
        self.calls = 0
        self.now = 100.0
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.readiness = Readiness([self.check], lambda: self.now)

    async def check(self) -> None:
        self.calls += 1
        await self.gate.wait()
        if self.error is not None:
            raise self.error


async def test_a_result_holds_for_a_second():
    """A hundred requests are one check; the next second has its own."""
    one = Checked()
    assert all(await asyncio.gather(*(one.readiness.is_ready() for _ in range(100))))
    assert one.calls == 1
    one.error = OSError("no database")
    assert await one.readiness.is_ready()
    one.now += 1
    assert not await one.readiness.is_ready()
    one.error = None
    assert not await one.readiness.is_ready()
    one.now += 1
    assert await one.readiness.is_ready()
    assert one.calls == 3


async def test_a_check_that_hangs_is_not_repeated(monkeypatch):
    """It means "not ready" after its time, and no further check piles up behind it."""
    one = Checked()
    one.gate.clear()
    with monkeypatch.context() as patch:
        patch.setattr(readiness, "CHECK_SECONDS", 0.01)
        assert not await one.readiness.is_ready()
        for _ in range(3):
            one.now += 60
            assert not await one.readiness.is_ready()
    assert one.calls == 1
    one.gate.set()
    await asyncio.sleep(0)
    one.now += 60
    assert await one.readiness.is_ready()
    await one.readiness.close()


async def test_the_log_has_changes_alone(caplog):
    """Not a line for each probe of an outage."""
    one = Checked()
    for error in (None, OSError("gone"), OSError("gone"), OSError("full"), None, None):
        one.error = error
        await one.readiness.is_ready()
        one.now += 1
    assert caplog.messages == [
        "figserve is not ready: OSError: gone",
        "figserve is not ready: OSError: full",
        "figserve is ready again.",
    ]


async def test_a_draining_server_is_not_ready():
    """From the moment on which it is told to stop, whatever the checks say."""
    one = Checked()
    assert await one.readiness.is_ready()
    one.readiness.drain()
    assert not await one.readiness.is_ready()
