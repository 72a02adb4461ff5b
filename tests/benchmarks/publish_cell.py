"""Time of ``publish`` in a cell, and of ``savefig`` of the same figure. Runs inside a kernel."""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

import jupyter_figserve as figserve
from jupyter_figserve.kernel.client import source_uploader
from jupyter_figserve.plotting.encode import encode

Change = Callable[[int], None]
_POINTS = 5_000
_WARM_UP = 2


def line() -> tuple[Any, Change]:
    """One line; a change lifts it by a little."""
    x = np.linspace(0, 10, 500)
    figure, axes = plt.subplots()
    (drawn,) = axes.plot(x, np.sin(x))
    axes.set(title="Line", xlabel="time", ylabel="value", ylim=(-2, 2))
    return figure, lambda step: drawn.set_ydata(np.sin(x) + step / 500)


def histograms() -> tuple[Any, Change]:
    """Two by two of 50 bars; a change makes the bars of each a little higher."""
    random = np.random.default_rng(0)
    figure, grid = plt.subplots(2, 2)
    bars = []
    for axes in grid.flat:
        heights, _, patches = axes.hist(random.normal(size=1_000), bins=50)
        axes.set(title="Histogram", ylim=(0, 2 * heights.max()))
        bars += list(zip(patches, heights, strict=True))

    def change(step: int) -> None:
        for bar, height in bars:
            bar.set_height(height * (1 + step / 500))

    return figure, change


def scatter() -> tuple[Any, Change]:
    """5,000 coloured points; a change moves them all a little."""
    points = np.random.default_rng(0).normal(size=(_POINTS, 2))
    figure, axes = plt.subplots()
    drawn = axes.scatter(*points.T, c=points.sum(axis=1), s=8)
    axes.set(title="Scatter", xlim=(-5, 5), ylim=(-5, 5))
    return figure, lambda step: drawn.set_offsets(points + step / 500)


def measure(make: Callable[[], tuple[Any, Change]], rounds: int) -> dict[str, float]:
    """Return median milliseconds of each method.

    Every measured call comes after a change of the data, and every publish must have made a version, which the server
    makes of new bytes only. The order turns with the round. What is sent after a publish has arrived before the next
    call is measured.
    """
    figure, change = make()
    versions: dict[str, int] = {}

    def save() -> None:
        figure.savefig(io.BytesIO(), format="png")

    def publish(keep_source: bool) -> None:
        name = f"{make.__name__} {keep_source}"
        version = figserve.publish(figure, name, keep_source=keep_source).version
        assert version == versions.get(name, 0) + 1, f"{name}: version {version} after {versions}"
        versions[name] = version

    ways: dict[str, Callable[[], None]] = {
        "savefig": save,
        "with_source": lambda: publish(True),
        "without_source": lambda: publish(False),
        "encode": lambda: encode(figure, ("png",)),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    names, step = list(ways), 0
    for turn in range(_WARM_UP + rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            step += 1
            change(step)
            times[name].append(_timed(ways[name]))
            assert source_uploader.flush(30)
    plt.close(figure)
    return {name: 1_000 * statistics.median(values[_WARM_UP:]) for name, values in times.items()}


def _timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
