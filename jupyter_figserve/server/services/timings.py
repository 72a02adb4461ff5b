"""Where the time of a request goes: in the queue, drawing, encoding, checking, and in the store. Server process.

The names and the seconds are collected in the context of the request's task, and of the tasks that it starts.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from contextvars import ContextVar

QUEUE, DRAW, ENCODE, CHECK, STORE = "queue", "draw", "encode", "check", "store"
_NAMES = (QUEUE, DRAW, ENCODE, CHECK, STORE)
_current: ContextVar[dict[str, float] | None] = ContextVar("timings", default=None)


def collect_timings() -> dict[str, float]:
    """Collect from now on, in this task; the returned seconds by name grow as work is done."""
    timings: dict[str, float] = {}
    _current.set(timings)
    return timings


def add_timing(name: str, seconds: float) -> None:
    """Add to the request that this work is for, if it collects."""
    timings = _current.get()
    if timings is not None:
        timings[name] = timings.get(name, 0.0) + seconds


def add_timings(timings: Mapping[str, float]) -> None:
    """Add what another process has measured."""
    for name, seconds in timings.items():
        add_timing(name, seconds)


@contextlib.contextmanager
def timed(name: str) -> Iterator[None]:
    """Add the time of the ``with`` block, also of one that fails."""
    began = time.perf_counter()
    try:
        yield
    finally:
        add_timing(name, time.perf_counter() - began)


def format_timings(timings: Mapping[str, float]) -> str:
    """Return the value of a ``Server-Timing`` header; "" when nothing was measured.

    Source: w3.org/TR/server-timing.
    """
    return ", ".join(f"{name};dur={1000 * timings[name]:.1f}" for name in _NAMES if name in timings)
