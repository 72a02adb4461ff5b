"""Posted code to image: the round trip through the sandbox, against ``exec`` in a Flask handler and a fresh Python.

The code differs in each request, so that no response comes from a cache.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import psutil

from jupyter_figserve.demo.server_process import ServerProcess, fetch

from . import servers
from .report import Row
from .scale import Scale
from .timing import interleave, repeat, timed

LINE = """
import matplotlib.pyplot as plt
plt.plot([0, 1, 2, 3, 4], [0, 1, 4, 9, 16], label="squares")
plt.title("Squares")
plt.xlabel("x")
plt.legend()
"""
_SAVE = "\nimport sys; plt.savefig(sys.stdout.buffer, format='png')"
_IN_FLIGHT = (1, 2, 8)
_UNBOUNDED = ("--FigServe.rate_limit=",)
_count = itertools.count()


def measure(home: Path, scale: Scale) -> Iterator[Row]:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(servers.jupyter(home, arguments=_UNBOUNDED))
        peers = [stack.enter_context(servers.flask_exec(home, workers)) for workers in _IN_FLIGHT[:2]]
        tier = servers.json_of(server.fetch("figserve/api/status"))["sandbox"]["tier"]
        asks = {"ours": lambda: _render(server), "flask": lambda: _post(peers[0].url), "fresh": _run_fresh}
        yield from _round_trips(asks, scale, tier)
        for in_flight in _IN_FLIGHT:
            peer = peers[0] if in_flight == 1 else peers[1]
            yield _under_load(server, peer, in_flight, scale)
        yield _redraw(server, peers[0].url, scale)


def _round_trips(asks: dict[str, Callable[[], None]], scale: Scale, tier: str) -> Iterator[Row]:
    times = interleave({name: timed(ask) for name, ask in asks.items()}, scale.renders)
    note = f"in the sandbox {tier}; one request at a time, alternating"
    yield Row("POST of a line plot / Flask exec", times["ours"], times["flask"], "ms", 0.9, note=note)
    yield Row("the same / a fresh python", times["ours"], times["fresh"], "ms", 0.12)


def _under_load(server: ServerProcess, peer: servers.Peer, in_flight: int, scale: Scale) -> Row:
    """Return renders per second, and the CPU time of each."""
    found: dict[str, list[tuple[float, float]]] = {"ours": [], "flask": []}
    for turn in range(scale.load_rounds):
        sides = [("ours", lambda: _render(server), server.pid), ("flask", lambda: _post(peer.url), peer.pid)]
        for name, ask, pid in sides if turn % 2 == 0 else reversed(sides):
            found[name].append(_load(ask, in_flight, scale.load_seconds, pid))
    rates = {name: median(rate for rate, _ in runs) for name, runs in found.items()}
    work = {name: median(cost for _, cost in runs) for name, runs in found.items()}
    workers = "1 worker" if in_flight == 1 else "2 workers"
    note = f"CPU time of each: {work['ours']:.3g} and {work['flask']:.3g} ms"
    bound = 0.6 if in_flight == _IN_FLIGHT[-1] else None
    name = f"renders with {in_flight} in flight / Flask exec, {workers}"
    return Row(name, rates["ours"], rates["flask"], "/s", bound, "≥", note=note)


def _load(ask: Callable[[], None], in_flight: int, seconds: int, pid: int) -> tuple[float, float]:
    """Return renders per second, and milliseconds of CPU time for each."""
    before = _cpu_seconds(pid)
    done, took = repeat(ask, in_flight, seconds)
    # This includes children that have ended: those of the sandbox live for one image.
    return done / took, 1e3 * (_cpu_seconds(pid) - before) / max(1, done)


def _cpu_seconds(pid: int) -> float:
    """Return seconds of CPU time of a process and its descendants, ended ones included."""
    first = psutil.Process(pid)
    total = 0.0
    for process in [first, *first.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _redraw(server: ServerProcess, peer: str, scale: Scale) -> Row:
    """Return the row for a published figure in uncached sizes; the peer runs the figure's code."""
    figure = servers.publish(server, servers.make_png(), "redrawn")["id"]
    path = f"figserve/api/figures/{figure}/versions/1/source?kind=figure"
    binary = {"Content-Type": "application/octet-stream"}
    assert server.fetch(path, method="PUT", body=_pickled(), headers=binary).status == 204
    sizes = itertools.count(600)

    def ask() -> None:
        answer = server.fetch(f"figserve/figures/{figure}.png?width={next(sizes)}&height=480")
        assert answer.status == 200, answer.text

    times = interleave({"ours": timed(ask), "flask": timed(lambda: _post(peer))}, scale.renders)
    return Row("redraw of a published line plot / Flask exec of its code", times["ours"], times["flask"], "ms")


def _pickled() -> bytes:
    from matplotlib import pyplot

    exec(compile(LINE, "<line>", "exec"), {})
    data = pickle.dumps(pyplot.gcf())
    pyplot.close("all")
    return data


def _code() -> bytes:
    return f"{LINE}# {next(_count)}".encode()


def _render(server: ServerProcess) -> None:
    headers = {"Content-Type": "text/x-python"}
    answer = server.fetch("figserve/api/renders", method="POST", body=_code(), headers=headers)
    assert (answer.status, answer.body[:4]) == (200, b"\x89PNG"), answer.text


def _post(url: str) -> None:
    answer = fetch(url, method="POST", body=_code(), headers={"Content-Type": "text/x-python"})
    assert (answer.status, answer.body[:4]) == (200, b"\x89PNG"), answer.text


def _run_fresh() -> None:
    done = subprocess.run([sys.executable, "-c", _code().decode() + _SAVE], capture_output=True, check=True)
    assert io.BytesIO(done.stdout).read(4) == b"\x89PNG"
