"""Time of ``publish`` in a cell, against ``savefig`` of the same figure, in a real kernel of a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from . import servers
from .report import Row
from .scale import Scale

CELL = Path(__file__).with_name("publish_cell.py")
_PLOTS = {
    "line": ("line plot", 1.0, 0.9),
    "histograms": ("2x2 histograms", 1.15, None),
    "scatter": ("scatter of 5,000", None, None),
}
"""Label, and the bounds with and without the source."""
_WAYS = {"with_source": "publish", "without_source": "publish, keep_source=False"}


def measure(home: Path, scale: Scale) -> Iterator[Row]:
    with servers.jupyter(home) as server, server.kernel("Measured.ipynb") as kernel:
        servers.run_cell(kernel, CELL.read_text(encoding="utf-8"))
        for plot, (label, *bounds) in _PLOTS.items():
            times = json.loads(
                servers.run_cell(kernel, f"import json; print(json.dumps(measure({plot}, {scale.publish_rounds})))")
            )
            note = f"of this, rendering and encoding take {times['encode']:.3g} ms"
            for (way, call), bound in zip(_WAYS.items(), bounds, strict=True):
                yield Row(f"{call} / savefig, {label}", times[way], times["savefig"], "ms", bound, note=note)
