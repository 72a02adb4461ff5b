"""Polling for the effects of other processes: with a deadline, never for a fixed time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

PATIENCE = 60.0
"""Seconds that a kernel may take."""
_PAUSE = 0.01


def wait_until(condition: Callable[[], Any]) -> None:
    """Return when ``condition()`` is true; fail after the deadline. A pause leaves the core to what is waited for."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"{condition} did not come true in {PATIENCE:g} s"
        time.sleep(_PAUSE)


async def until(condition: Callable[[], Any]) -> None:
    """Asynchronous ``wait_until``."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(_PAUSE)
