"""Renders on workers behind HAProxy against renders on the server's own machine: overhead, and renders per second."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from jupyter_figserve.demo.server_process import ServerProcess

from ..sandbox.remote.processes import KEY, HAProxy, Worker
from .render import LINE
from .report import Row
from .scale import Scale
from .timing import interleave, rate, timed

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
        compared = {"local": local, "one": one, "two": two}
        ways = {name: timed(partial(_render, server)) for name, server in compared.items()}
        times = interleave(ways, scale.renders, uncounted=2)
        yield Row(
            "POST of a line plot, one worker / local", times["one"], times["local"], "ms", note="http, without a proxy"
        )
        yield Row("the same, two workers behind HAProxy / local", times["two"], times["local"], "ms")
        rates = [
            median(rate(partial(_render, server), _IN_FLIGHT, scale.load_seconds) for _ in range(scale.load_rounds))
            for server in compared.values()
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


def _render(server: ServerProcess) -> None:
    headers, code = {"Content-Type": "text/x-python"}, f"{LINE}# {next(_count)}".encode()
    answer = server.fetch("figserve/api/renders", method="POST", body=code, headers=headers)
    assert (answer.status, answer.body[:4]) == (200, b"\x89PNG"), answer.text
