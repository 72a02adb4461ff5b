"""Timing of work: medians of several ways that alternate, and how often one is done in parallel."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from statistics import median


def interleave(ways: Mapping[str, Callable[[int], float]], rounds: int, *, uncounted: int = 1) -> dict[str, float]:
    """Return the median of what each way returns, alternating: each takes the number of the round.

    Parameters
    ----------
    uncounted
        Rounds before those that count.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + uncounted):
        for name, way in ways.items():
            took = way(number)
            if number >= uncounted:
                times[name].append(took)
    return {name: median(each) for name, each in times.items()}


def timed(work: Callable[[], object]) -> Callable[[int], float]:
    """Return a way that takes the milliseconds of some work."""

    def way(_number: int) -> float:
        began = time.perf_counter()
        work()
        return 1e3 * (time.perf_counter() - began)

    return way


def repeat(work: Callable[[], object], in_flight: int, seconds: int) -> tuple[int, float]:
    """Do some work again and again in parallel; return how often, and in how many seconds."""
    began, done = time.perf_counter(), []

    def loop() -> None:
        while time.perf_counter() < began + seconds:
            work()
            done.append(None)

    threads = [threading.Thread(target=loop) for _ in range(in_flight)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(done), time.perf_counter() - began


def rate(work: Callable[[], object], in_flight: int, seconds: int) -> float:
    """Return how often some work is done a second, in parallel."""
    done, took = repeat(work, in_flight, seconds)
    return done / took
