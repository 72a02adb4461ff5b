"""Measuring work: its wait, its time and its outcome."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_figserve.errors import (
    CodeFailed,
    DeadlineExceeded,
    SandboxUnavailable,
    TooLarge,
    TooManyRequests,
    Unavailable,
)
from jupyter_figserve.server.services.monitoring.work_meter import OUTCOMES, WorkMeter, find_outcome


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "ok"),
        (CodeFailed("", kind="ValueError"), "failed"),
        (TooLarge(""), "failed"),
        (DeadlineExceeded(""), "timeout"),
        (TooManyRequests(""), "refused"),
        (Unavailable("", code="queue_full"), "refused"),
        (Unavailable("", code="kernel_busy"), "refused"),
        (SandboxUnavailable(""), "unavailable"),
        (asyncio.CancelledError(), "cancelled"),
        (RuntimeError(), "error"),
    ],
)
def test_outcome(error, outcome):
    """Each exception has one of a few outcomes."""
    assert find_outcome(error) == outcome
    assert outcome in OUTCOMES


def test_wait_ends_when_the_work_begins():
    """Work that fails before it begins has only waited."""
    seen: list[tuple[str, float, float | None]] = []
    meter = WorkMeter()
    meter.listener = lambda *values: seen.append(values)
    with meter.measure() as work:
        work.begin()
    with pytest.raises(Unavailable), meter.measure():
        raise Unavailable("", code="queue_full")
    (first, _, took), (second, waited, never) = seen
    assert (first, second, never) == ("ok", "refused", None)
    assert took is not None
    assert waited >= 0
