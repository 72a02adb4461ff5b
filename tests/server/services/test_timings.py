"""Where the time of a request goes."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_figserve.model.timings import read_timings
from jupyter_figserve.server.services.timings import add_timing, collect_timings, format_timings, timed


async def test_work_of_other_tasks_counts():
    """Of those that the request has started; another request's does not."""

    async def work() -> None:
        await asyncio.sleep(0)
        add_timing("draw", 0.25)

    async def request() -> dict[str, float]:
        timings = collect_timings()
        await asyncio.gather(asyncio.ensure_future(work()), work())
        return timings

    first, second = await asyncio.gather(request(), request())
    assert first == second == {"draw": 0.5}


def test_failed_work_counts():
    """It took its time, too."""
    timings = collect_timings()
    with pytest.raises(ValueError, match="x"), timed("check"):
        raise ValueError("x")
    assert list(timings) == ["check"]


def test_the_header_has_milliseconds_in_the_order_of_the_work():
    """As browsers show it; nothing measured gives no header."""
    assert (
        format_timings({"store": 0.0012, "queue": 2.0, "draw": 0.03})
        == "queue;dur=2000.0, draw;dur=30.0, store;dur=1.2"
    )
    assert format_timings({}) == ""


@pytest.mark.parametrize(
    "reported", [None, [], "x", {"draw": "1"}, {"draw": -1}, {"draw": True}, {"draw": 1e300}, {"x": 1}]
)
def test_other_reports_are_dropped(reported):
    """What a drawing process says is not trusted."""
    assert read_timings(reported) == {}


def test_reports_are_read():
    """Numbers of seconds."""
    assert read_timings({"draw": 1, "encode": 0.5, "more": 2}) == {"draw": 1.0, "encode": 0.5}
