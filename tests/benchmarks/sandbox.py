"""The sandbox: the jail against a bare fork, a render against ``exec`` and ``savefig``, and renders per second."""

from __future__ import annotations

import asyncio
import io
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import psutil

from jupyter_figserve.model.rendering import RenderJob
from jupyter_figserve.sandbox.host.pool import LocalRenderer

from .report import Row
from .scale import Scale

_BOTH = "import numpy as np\nimport matplotlib.pyplot as plt\n"
_PLOTS = {
    "line plot": _BOTH + "x = np.linspace(0, 10, 100)\nplt.plot(x, np.sin(x))\n",
    "2x2 histograms": _BOTH
    + "f, a = plt.subplots(2, 2, figsize=(10, 8))\nr = np.random.default_rng(0)\n"
    + "for x in a.flat: x.hist(r.normal(size=1000), bins=40)\n",
    "scatter of 5,000": _BOTH
    + "r = np.random.default_rng(0)\nf, a = plt.subplots(figsize=(12, 8))\n"
    + "a.scatter(*r.normal(size=(2, 5000)), c=r.normal(size=5000))\n",
}
_IN_FLIGHT = (1, 2, 8)
# A pause in which a child warms up: the pace of a person's requests.
_PAUSE = 0.15
_SAVE = "plt.gcf().savefig('/dev/null', format='png')\n"


def measure(home: Path, scale: Scale) -> Iterator[Row]:
    yield from asyncio.run(_measure(home, scale.renders))


async def _measure(home: Path, rounds: int) -> list[Row]:
    renderer = LocalRenderer(cache=home / "cache")
    started = time.perf_counter()
    await renderer.start()
    starting = time.perf_counter() - started
    try:
        assert renderer.status.tier != "none", renderer.status.reasons
        rows = [Row(f"start of the sandbox, tier {renderer.status.tier}, with its self-test", starting, None, "s")]
        rows.append(await _jail(home, rounds))
        for plot, code in _PLOTS.items():
            rows.append(await _against_exec(renderer, plot, code, rounds))
        rows.append(await _against_interpreter(renderer, max(2, rounds // 4)))
        for count in _IN_FLIGHT:
            rows.append(await _throughput(renderer, count, rounds))
        return rows
    finally:
        await renderer.close()


async def _jail(home: Path, rounds: int) -> Row:
    """Return the row for an empty job in a new child, with the complete jail and without."""
    full = LocalRenderer(cache=home / "cache", warm=0)
    bare = LocalRenderer(cache=home / "cache", warm=0)
    bare._host._layers = {"namespaces": False, "landlock": False, "seccomp": False}
    await full.start()
    zygote = await bare._host.restart()
    times: dict[bool, list[float]] = {True: [], False: []}
    try:
        for number in range(2 * rounds * 3):
            is_full = number % 2 == 0
            parent = full._supervisor.zygote if is_full else zygote
            assert parent is not None
            times[is_full].append(await _timed(lambda parent=parent, pool=full: _fork(pool, parent)))
    finally:
        await full.close()
        await zygote.close()
    note = "from the request to the zygote until the child waits for its job"
    return Row("a child in its jail / a bare fork", _median(times[True]), _median(times[False]), "ms", note=note)


async def _fork(pool: LocalRenderer, zygote: object) -> None:
    child = pool._spawn(zygote)  # type: ignore[arg-type]
    await child.is_ready
    child.kill()
    await child.is_gone


async def _against_exec(renderer: LocalRenderer, plot: str, code: str, rounds: int) -> Row:
    ours, peer = [], []
    for _ in range(rounds + 2):
        await asyncio.sleep(_PAUSE)
        peer.append(await _timed(lambda: _exec(code)))
        ours.append(await _timed(lambda: renderer.render(RenderJob("code", code.encode()))))
    name = f"a render by the pool / exec and savefig in one process, {plot}"
    note = "for information: the bound is on the whole request, POST of a line plot"
    return Row(name, _median(ours[2:]), _median(peer[2:]), "ms", note=note)


async def _against_interpreter(renderer: LocalRenderer, rounds: int) -> Row:
    code = _PLOTS["line plot"]
    ours, peer = [], []
    for _ in range(rounds):
        await asyncio.sleep(_PAUSE)
        ours.append(await _timed(lambda: renderer.render(RenderJob("code", code.encode()))))
        peer.append(await _timed(lambda: _interpreter(code + _SAVE)))
    return Row("a render by the pool / a fresh python, line plot", _median(ours), _median(peer), "ms", 0.12)


async def _throughput(renderer: LocalRenderer, in_flight: int, rounds: int) -> Row:
    """Return the row for clients that request continuously, against ``exec`` in a loop in one process."""
    code = _PLOTS["line plot"]
    count = rounds * 4
    waiting = list(range(count))

    async def client() -> None:
        while waiting:
            waiting.pop()
            await renderer.render(RenderJob("code", code.encode()))

    busy, start = _cpu_seconds(), time.perf_counter()
    await asyncio.gather(*(client() for _ in range(in_flight)))
    seconds = time.perf_counter() - start
    busy = _cpu_seconds() - busy
    start = time.perf_counter()
    for _ in range(max(1, rounds // 2)):
        await _exec(code)
    peer = max(1, rounds // 2) / (time.perf_counter() - start)
    note = f"{1000 * busy / count:.0f} ms of CPU time per render on the whole machine, including other load"
    name = f"renders a second, {in_flight} in flight / exec and savefig in one process"
    return Row(name, count / seconds, peer, "/s", note=note)


async def _exec(code: str) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    pyplot.close("all")
    exec(code, {})
    pyplot.gcf().savefig(io.BytesIO(), format="png")


async def _interpreter(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "MPLBACKEND": "agg"})


async def _timed(work: Callable[[], Awaitable[object]]) -> float:
    start = time.perf_counter()
    await work()
    return time.perf_counter() - start


def _median(seconds: list[float]) -> float:
    return 1000 * statistics.median(seconds)


def _cpu_seconds() -> float:
    """Return CPU time of the whole machine, the only count that includes ended children."""
    times = psutil.cpu_times()
    return float(times.user + times.system)
