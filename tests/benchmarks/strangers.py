"""A hundred strangers who do their worst with one link, and what the owner notices of it.

The strangers' process has the lowest priority, as they would have processors of their own; the server, its kernel and
its sandbox share those of this machine with the owner's work.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jupyter_figserve.demo.kernel_session import KernelSession
from jupyter_figserve.demo.server_process import ServerProcess

from . import servers
from .peers.strangers import SIDES
from .report import Row
from .scale import Scale

_CALL_SECONDS = 0.2
_GROUP = "how long the owner waits while strangers attack"
_SLACK_MILLISECONDS = 100.0
_MAX_ATTACK_SECONDS = 120
_LARGE_SIDE = 1_400
_CELL = f"""
import time
import numpy as np
import jupyter_figserve as figserve
from matplotlib.figure import Figure

@figserve.live
def wave(n: int = 0):
    time.sleep({_CALL_SECONDS})
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, n % 7])
    return figure

figure = Figure()
axes = figure.subplots(2, 2)
for each in axes.flat:
    each.plot(np.random.default_rng(0).normal(size=(2_000, 4)).cumsum(axis=0))
published = figserve.publish(figure, "waves")
print(wave.url())
"""
_CODE = "import matplotlib.pyplot as plt\nplt.plot([1, 2, {}])"


def measure(home: Path, scale: Scale) -> Iterator[Row]:
    with servers.jupyter(home, arguments=_arguments()) as server, server.kernel("Attacked.ipynb") as kernel:
        servers.run_cell(kernel, _CELL)
        owner, links = _Owner(server, kernel), _make_links(server)
        owner.work(max(1, scale.stranger_rounds // 4))
        for kind, url in links.items():
            # Each time, as the speed of a shared machine changes.
            idle = owner.work(scale.stranger_rounds)
            with _attack(kind, scale.strangers, url) as results:
                attacked = owner.work(scale.stranger_rounds)
                lag = servers.json_of(server.fetch("figserve/api/status"))["loop"]["lag_ms"]
            note = f"they received {_summarize(results)}; lag of the event loop: {lag['p99']:.0f} ms (p99)"
            for number, (name, milliseconds) in enumerate(attacked.items()):
                waits = 1_000 * _CALL_SECONDS if name == "own live call" else 0
                yield Row(
                    f"{scale.strangers} strangers, {kind}: {name}",
                    milliseconds,
                    idle[name],
                    "ms",
                    round(2 * idle[name] + _SLACK_MILLISECONDS + waits),
                    against="nothing",
                    note="" if number else note,
                    group=_GROUP,
                )


def _arguments() -> list[str]:
    """Return settings without rates, which would hold off the strangers at the door."""
    rates = [f"--FigServe.{name}=" for name in ("live_link_rate", "rate_limit", "failed_secret_rate")]
    sizes = [f"--FigServe.link_sizes={width}x{height}" for width in SIDES for height in SIDES]
    return [*rates, *sizes]


class _Owner:
    """What the owner does meanwhile."""

    def __init__(self, server: ServerProcess, kernel: KernelSession) -> None:
        self._server = server
        self._kernel = kernel.kernel_id
        self._numbers = itertools.count(1)
        listed = servers.json_of(server.fetch("figserve/api/figures?name=waves"))["figures"]
        self._figure = listed[0]["id"]
        self._steps: dict[str, Callable[[], Any]] = {
            "publish": self._publish,
            "figure page": lambda: self._get(f"figserve/figures/{self._figure}", {"Accept": "text/html"}),
            "gallery": lambda: self._get("figserve/", {"Accept": "text/html"}),
            "list of links": lambda: self._get("figserve/api/links"),
            "own figure": lambda: self._get(f"figserve/figures/{self._figure}.png"),
            "own live call": self._call,
            "own render": self._render,
        }

    def work(self, rounds: int) -> dict[str, float]:
        """Return the median milliseconds of each step."""
        times: dict[str, list[float]] = {name: [] for name in self._steps}
        for _ in range(rounds):
            for name, step in self._steps.items():
                began = time.perf_counter()
                step()
                times[name].append(1e3 * (time.perf_counter() - began))
        return {name: statistics.median(each) for name, each in times.items()}

    def _get(self, path: str, headers: dict[str, str] | None = None) -> None:
        answer = self._server.fetch(path, headers=headers or {})
        assert answer.status == 200, f"{path}: {answer.status}"

    def _publish(self) -> None:
        number = next(self._numbers)
        servers.publish(self._server, servers.make_png(number), f"work-{number}")

    def _call(self) -> None:
        self._get(f"figserve/live/{self._kernel}/wave.png?n={-next(self._numbers)}")

    def _render(self) -> None:
        body = {"code": _CODE.format(next(self._numbers))}
        answer = self._server.fetch("figserve/api/renders", method="POST", body=body)
        assert answer.status == 200, f"{answer.status}: {answer.text[:300]}"


def _make_links(server: ServerProcess) -> dict[str, str]:
    """Return the address with which each kind of attack begins."""

    def link(collection: str, target: str, body: dict[str, Any]) -> str:
        made = server.fetch(f"figserve/api/{collection}/{target}/links", method="POST", body=body)
        return str(servers.json_of(made)["url"])

    figure = servers.json_of(server.fetch("figserve/api/figures?name=waves"))["figures"][0]["id"]
    live = servers.json_of(server.fetch("figserve/api/live"))["live"][0]["id"]
    large = servers.publish(server, servers.make_noise(_LARGE_SIDE), "large")["id"]
    board = {"title": "Waves", "rows": [[{"kind": "figure", "figure": figure}]]}
    dashboard = servers.json_of(server.fetch("figserve/api/dashboards", method="POST", body=board))["id"]
    waves = link("figures", figure, {})
    return {
        "live": link("live", live, {"allow": ["n"]}),
        "redraws": waves,
        "stored": waves,
        "pages": waves,
        "streams": link("dashboards", dashboard, {}),
        "slow readers": link("figures", large, {}),
        "wrong tokens": waves,
        "posts": waves,
    }


@contextlib.contextmanager
def _attack(kind: str, count: int, url: str) -> Iterator[dict[str, int]]:
    """Run the strangers; what they received is in the dictionary at the end."""
    command = ["-m", "tests.benchmarks.peers.strangers", kind, str(count), str(_MAX_ATTACK_SECONDS), url]
    process = subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=servers.REPOSITORY,
        preexec_fn=lambda: os.nice(19),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    results: dict[str, int] = {}
    try:
        assert process.stdout.readline() == "begun\n"
        yield results
    finally:
        process.stdin.close()
        results.update(json.loads(process.stdout.readline() or "{}"))
        process.stdout.close()
        process.wait(30)


def _summarize(results: dict[str, int]) -> str:
    return ", ".join(
        f"{count:,} times {status}" for status, count in sorted(results.items(), key=lambda each: -each[1])
    )
