"""The row that a test checks instead of a benchmark: a killed server loses nothing that it acknowledged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .report import Row
from .scale import Scale


def measure(home: Path, scale: Scale) -> Iterator[Row]:
    note = "lost and torn figures: the soak test counts them (make soak), and make test after a few kills"
    yield Row("server killed (-9) 50 times during publishing", None, None, "figures", 0, note=note)
