"""What is slow once: the first figure of a new kernel on a server that has just started, and the package's import."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from . import servers
from .report import Row
from .scale import Scale

_DRAW = "import matplotlib.pyplot as plt\nfigure, axes = plt.subplots()\n_ = axes.plot([1, 2, 4])\n"
_FIRST = (
    _DRAW
    + """
import io, time
began = time.perf_counter()
figure.savefig(io.BytesIO(), format="png")
saved = time.perf_counter()
import jupyter_figserve as figserve
figserve.publish(figure, "first")
print(1e3 * (saved - began), 1e3 * (time.perf_counter() - saved))
"""
)
_LOADED = "import IPython, ipykernel.kernelapp, json, time\n"
_IMPORT = _LOADED + "b = time.perf_counter()\nimport jupyter_figserve\nprint(1e3 * (time.perf_counter() - b))"
_LIMIT_MS = 50


def measure(home: Path, scale: Scale) -> Iterator[Row]:
    first, saved, started = [], [], []
    for turn in range(scale.starts):
        began = time.perf_counter()
        with servers.jupyter(home / str(turn)) as server:
            started.append(1e3 * (time.perf_counter() - began))
            with server.kernel("First.ipynb") as kernel:
                each = [float(text) for text in servers.run_cell(kernel, _FIRST).split()]
                saved.append(each[0])
                first.append(each[1])
    yield Row("first publish of a kernel, server just started / first savefig", median(first), median(saved), "ms")
    yield Row("start of a Jupyter server with the extension", median(started), None, "ms")
    times = [float(_run(_IMPORT)) for _ in range(scale.starts)]
    name = "import jupyter_figserve in a kernel, beyond what a kernel has loaded"
    yield Row(name, median(times), None, "ms", _LIMIT_MS, against="nothing")


def _run(code: str) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return str(json.loads(done.stdout))
