"""The lag of the event loop is sampled and summarized."""

from __future__ import annotations

import time

from jupyter_figserve.server.services.traffic import loop_monitor
from jupyter_figserve.server.services.traffic.loop_monitor import LoopMonitor, summarize

from ....waiting import until


def test_summary_is_in_milliseconds():
    """The 99th percentile leaves out the worst of many samples; without samples all are zero."""
    assert summarize([0.001] * 199 + [0.25]) == {"mean": 2.25, "p99": 1.0, "max": 250.0}
    assert summarize([]) == {"mean": 0.0, "p99": 0.0, "max": 0.0}


async def test_work_on_the_loop_is_lag(monkeypatch):
    """As long as the work takes beyond the time at which the sample was due."""
    monkeypatch.setattr(loop_monitor, "_INTERVAL_SECONDS", 0.01)
    monitor = LoopMonitor()
    monitor.start()
    end = time.monotonic() + 0.1
    while time.monotonic() < end:
        pass
    await until(lambda: monitor.report()["max"] >= 80)
    monitor.close()
