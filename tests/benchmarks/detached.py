"""A detached live figure: its first GET, later ones, and the share of unpickling its function."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from jupyter_figserve.demo.kernel_session import KernelSession

from . import servers
from .live import FUNCTION, getter
from .report import Row
from .scale import Scale

_CELL = (
    FUNCTION
    + """
import pickle
import jupyter_figserve as figserve
from jupyter_figserve.kernel.live.detach import pickle_function
table = np.random.default_rng(0).random(100_000)
kept = figserve.live(line)

def measure(work):
    began = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - began)

@figserve.live
def loaded(n: int = 0):
    return line(table[n])

_ = kept.detach(), loaded.detach()
print(kept.id)
"""
)
_PAUSE = 0.15
"""Seconds between requests, in which a child warms up: the pace of a person."""


def measure(home: Path, scale: Scale) -> Iterator[Row]:
    with servers.jupyter(home) as server:
        with server.kernel("Measured.ipynb") as kernel:
            live_id = servers.run_cell(kernel, _CELL).split()[-1]
            rounds = range(scale.live_rounds)
            direct = statistics.median(
                float(servers.run_cell(kernel, f"print(measure(lambda: svg({n})))")) for n in rounds
            )
            opened = {name: _time_unpickling(kernel, name) for name in ("kept", "loaded")}
        server.restart()
        path = f"{urlsplit(server.url).path}figserve/live/f/{live_id}.svg"
        with getter(server.url, {"Authorization": f"token {server.token}"}) as get:
            first = get(f"{path}?n=0")
            yield Row("detached live GET, first after a server's start", first, None, "ms", note="starts the sandbox")
            later = []
            for n in rounds:
                time.sleep(_PAUSE)
                later.append(get(f"{path}?n={n}"))
            name = "detached live GET (SVG of a line plot) / function and savefig in a kernel"
            yield Row(name, statistics.median(later), direct, "ms", note="one at a time, children warm")
        for name, size in (("kept", "the function alone"), ("loaded", "with 0.8 MB of data")):
            yield Row(f"of that, unpickling: {size}", opened[name], None, "ms", 20, against="nothing")


def _time_unpickling(kernel: KernelSession, name: str) -> float:
    code = f"data = pickle_function({name}.live_function)\n"
    return float(servers.run_cell(kernel, code + "print(min(measure(lambda: pickle.loads(data)) for _ in range(5)))"))
