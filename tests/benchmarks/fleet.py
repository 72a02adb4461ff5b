"""Renders on workers behind HAProxy against renders on the server's own machine: overhead, and renders per second."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from jupyter_figserve.demo.server_process import ServerProcess

from ..sandbox.remote.processes import KEY, HAProxy, Worker
from .render import LINE
from .report import Row
from .scale import Scale

_UNBOUNDED = "--FigServe.rate_limit="
_IN_FLIGHT = 4
_count = itertools.count()


def measure(home: Path, scale: Scale) -> Iterator[Row]:
    """Servers of one slot, and workers of one slot each: the processor is the same machine's throughout."""
    with contextlib.ExitStack() as stack:
        workers = [Worker(home, warm=1) for _ in range(2)]
        for worker in workers:
            stack.callback(worker.stop)
            worker.wait_ready()
        proxy = HAProxy(home, workers)
        stack.callback(proxy.stop)
        local = _start(stack, home / "local", ["--FigServe.render_jobs=1"])
        one = _start(stack, home / "one", _remote(workers[0].url))
        two = _start(stack, home / "two", _remote(proxy.url))
        times = _alternate([local, one, two], scale.renders)
        yield Row("POST of a line plot, one worker / local", times[1], times[0], "ms", note="http, without a proxy")
        yield Row("the same, two workers behind HAProxy / local", times[2], times[0], "ms")
        rates = [
            median(_load(server, scale.load_seconds) for _ in range(scale.load_rounds)) for server in (local, one, two)
        ]
        yield Row(f"renders with {_IN_FLIGHT} in flight, one worker / local with one slot", rates[1], rates[0], "/s")
        yield Row("the same, two workers of one slot / local with one slot", rates[2], rates[0], "/s")


def _start(stack: contextlib.ExitStack, home: Path, arguments: Sequence[str]) -> ServerProcess:
    home.mkdir()
    server = ServerProcess(home, [_UNBOUNDED, *arguments], environment={"FIGSERVE_WORKER_KEY": KEY})
    server.start()
    stack.callback(server.stop)
    return server


def _remote(url: str) -> list[str]:
    return ["--FigServe.renderer=http", f"--FigServe.renderer_url={url}"]


def _alternate(compared: Sequence[ServerProcess], rounds: int) -> list[float]:
    """Return the median milliseconds of each; the first rounds are not counted."""
    times: list[list[float]] = [[] for _ in compared]
    for turn in range(rounds + 2):
        for server, own in zip(compared, times, strict=True):
            began = time.perf_counter()
            _render(server)
            if turn >= 2:
                own.append(1e3 * (time.perf_counter() - began))
    return [median(own) for own in times]


def _load(server: ServerProcess, seconds: int) -> float:
    """Return renders per second."""
    began, done = time.perf_counter(), []

    def repeat() -> None:
        while time.perf_counter() < began + seconds:
            _render(server)
            done.append(None)

    threads = [threading.Thread(target=repeat) for _ in range(_IN_FLIGHT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(done) / (time.perf_counter() - began)


def _render(server: ServerProcess) -> None:
    headers, code = {"Content-Type": "text/x-python"}, f"{LINE}# {next(_count)}".encode()
    answer = server.fetch("figserve/api/renders", method="POST", body=code, headers=headers)
    assert (answer.status, answer.body[:4]) == (200, b"\x89PNG"), answer.text
