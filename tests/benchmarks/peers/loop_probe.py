"""Loaded by a server's configuration: writes each long callback of its event loop into a file. Server process."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import Any

_MIN_SECONDS = 0.005


def install() -> None:
    """Measure the CPU time of each callback, and append those of 5 ms or more to ``FIGSERVE_LOOP_LOG``."""
    handle: Any = asyncio.Handle
    run, main = handle._run, threading.main_thread()
    log = open(os.environ["FIGSERVE_LOOP_LOG"], "a", buffering=1, encoding="utf-8")  # noqa: SIM115 - until the end

    def measured(self: Any) -> None:
        start = time.thread_time()
        run(self)
        seconds = time.thread_time() - start
        if seconds >= _MIN_SECONDS and threading.current_thread() is main:
            log.write(f"{1000 * seconds:.1f} {self!r}".replace("\n", " ") + "\n")

    handle._run = measured
