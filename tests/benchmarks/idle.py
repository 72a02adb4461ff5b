"""Memory and CPU time that the extension adds to an idle Jupyter server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from jupyter_figserve.demo.server_process import ServerProcess

from .report import Row
from .scale import Scale

_WITHOUT = ["--ServerApp.jpserver_extensions={'jupyter_figserve': False}"]


def measure(home: Path, scale: Scale) -> Iterator[Row]:
    memory, work = _observed(home / "with", [], scale.idle_seconds)
    memory_without, work_without = _observed(home / "without", _WITHOUT, scale.idle_seconds)
    yield Row("memory of an idle Jupyter server, with the extension / without", memory, memory_without, "MB")
    note = f"while nothing happens for {scale.idle_seconds} s"
    yield Row("its processor time, with / without", work, work_without, "ms/s", note=note)


def _observed(home: Path, arguments: list[str], seconds: int) -> tuple[float, float]:
    """Return megabytes of unshared memory, and milliseconds of CPU time per second."""
    server = ServerProcess(home, arguments)
    server.start()
    try:
        process = psutil.Process(server.pid)
        before = _milliseconds(process)
        time.sleep(seconds)
        return process.memory_full_info().uss / 1e6, (_milliseconds(process) - before) / seconds
    finally:
        server.stop()


def _milliseconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return 1_000 * float(times.user + times.system)
