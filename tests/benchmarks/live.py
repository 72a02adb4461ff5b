"""A live GET against calling the function and ``savefig`` in the kernel, idle and busy; and against Kernel Gateway."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from jupyter_figserve.demo.server_process import ServerProcess

from ..ports import free_port
from . import servers
from .report import Row
from .scale import Scale
from .timing import interleave

FUNCTION = """
import io, json, threading, time
import numpy as np
from matplotlib.figure import Figure

def line(n: int = 0):
    figure = Figure(figsize=(6.4, 4.8))
    axes = figure.subplots()
    x = np.linspace(0, 10, 200)
    axes.plot(x, np.sin(x + n))
    axes.set(title="Sightings", xlabel="day", ylabel="seen")
    return figure

def svg(n):
    buffer = io.BytesIO()
    line(n).savefig(buffer, format="svg")
    return buffer.getvalue()
"""
_CELL = (
    FUNCTION
    + """
import jupyter_figserve as figserve
from jupyter_figserve.plotting.encode import encode
calls, go = [], threading.Event()
live_line = figserve.live(line)

@figserve.live
def slow(n: int = 0):
    calls.append(n)
    time.sleep(0.5)
    return Figure(figsize=(1, 1))

@figserve.live
def release():
    go.set()
    return Figure(figsize=(1, 1))

def measure(n, draw):
    began = time.perf_counter()
    draw(n)
    return 1e3 * (time.perf_counter() - began)

def encoded(n):
    return encode(line(n), ("svg",), with_thumbnail=False)

live_line.url()
"""
)
_BUSY = {
    "while the cell sleeps": ("go.clear()\n_ = go.wait(600)", 1.2),
    "while the cell loops in Python": ("go.clear()\nn = 0\nwhile not go.is_set(): n += 1", 4.0),
}


def measure(home: Path, scale: Scale) -> Iterator[Row]:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(servers.jupyter(home))
        kernel = stack.enter_context(server.kernel("Measured.ipynb"))
        get = stack.enter_context(getter(server.url, {"Authorization": f"token {server.token}"}))
        get_gateway = stack.enter_context(_gateway(home))
        servers.run_cell(kernel, _CELL)
        path = f"{urlsplit(server.url).path}figserve/live/{kernel.kernel_id}"
        ways: dict[str, Callable[[int], float]] = {
            "direct": lambda n: float(servers.run_cell(kernel, f"print(measure({n}, svg))")),
            "drawing": lambda n: float(servers.run_cell(kernel, f"print(measure({n}, encoded))")),
            "live": lambda n: get(f"{path}/line.svg?n={n}"),
        }
        if get_gateway is not None:
            ways["gateway"] = lambda n: get_gateway(f"/line?n={n}")
        times = interleave(ways, scale.live_rounds)
        direct, live = times["direct"], times["live"]
        yield Row("live GET (SVG of a line plot) / function and savefig, idle", live, direct, "ms", 1.1)
        for state, (code, bound) in _BUSY.items():
            message = kernel.send(code)
            busy = statistics.median(get(f"{path}/line.svg?n={n}") for n in range(scale.live_rounds))
            get(f"{path}/release.png")
            kernel.receive(message)
            yield Row(f"the same {state}", busy, direct, "ms", bound)
        if "gateway" in times:
            yield Row("live GET / Jupyter Kernel Gateway, notebook-http", live, times["gateway"], "ms")
            beside = live - times["drawing"], times["gateway"] - direct
            note = "beside the function and savefig in the gateway's kernel"
            yield Row("of these, the time beside the function and its drawing", *beside, "ms", 0.3, note=note)
        _request_concurrently(server, f"{path}/slow.png?n=1", scale.viewers)
        count = int(servers.run_cell(kernel, "print(len(calls))"))
        name = f"kernel calls of {scale.viewers} simultaneous GETs of one live URL"
        yield Row(name, count, None, "calls", 1, against="nothing")


@contextlib.contextmanager
def getter(url: str, headers: dict[str, str]) -> Iterator[Callable[[str], float]]:
    """Send requests on one persistent connection; return milliseconds until each complete response."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)

    def get(path: str) -> float:
        began = time.perf_counter()
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body[:300]
        return 1e3 * (time.perf_counter() - began)

    with contextlib.closing(connection):
        yield get


def _request_concurrently(server: ServerProcess, path: str, count: int) -> None:
    """Send all requests before reading any response."""
    parts = urlsplit(server.url)
    connections = [http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60) for _ in range(count)]
    for connection in connections:
        connection.request("GET", path, headers={"Authorization": f"token {server.token}"})
    for connection in connections:
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        connection.close()


@contextlib.contextmanager
def _gateway(home: Path) -> Iterator[Callable[[str], float] | None]:
    """Serve the same function in a notebook by Kernel Gateway; yield None if it is not installed."""
    try:
        import kernel_gateway  # type: ignore[import-not-found, unused-ignore]  # noqa: F401
    except ImportError:
        yield None
        return
    route = "# GET /line\nn = int(json.loads(REQUEST)['args']['n'][0])\nprint(svg(n).decode())"
    info = '# ResponseInfo GET /line\nprint(json.dumps({"headers": {"Content-Type": "image/svg+xml"}}))'
    notebook = home / "gateway.ipynb"
    notebook.write_text(json.dumps(_notebook(FUNCTION, route, info)), encoding="utf-8")
    port = free_port()
    options = {"api": "kernel_gateway.notebook_http", "seed_uri": notebook, "ip": "127.0.0.1", "port": port}
    command = [sys.executable, "-m", "kernel_gateway", *(f"--KernelGatewayApp.{k}={v}" for k, v in options.items())]
    with (home / "gateway.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=home)
    try:
        _await_port(process, port)
        with getter(f"http://127.0.0.1:{port}", {}) as get:
            yield get
    finally:
        process.terminate()
        process.wait(20)


def _await_port(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
    raise AssertionError("Kernel Gateway did not start")


def _notebook(*sources: str) -> dict[str, object]:
    cells = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
        for i, source in enumerate(sources)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
