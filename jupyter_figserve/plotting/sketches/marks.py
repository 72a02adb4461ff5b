"""What a sketch shows in one pair of axes: marks, and the range of their values. Kernel and jailed child."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .canvas import Area, Box, Point, SketchCanvas

MAX_MARKS = 3_000
"""Maximum number of marks of one kind in one pair of axes."""
_MARGIN = 0.06
"""Part of a range of values."""
_MAX_SIDE = 200
"""Maximum number of rows and columns of a grid."""


@dataclass(frozen=True)
class View:
    """A rectangle of the canvas that shows a range of values.

    Parameters
    ----------
    box
        Where it is on the canvas.
    x, y
        Values at its left and right edge, and at its bottom and top edge.
    """

    box: Box
    x: Point
    y: Point

    def place(self, x: float, y: float) -> Point:
        """Return the pixel that shows a pair of values."""
        left, top, right, bottom = self.box
        across = (x - self.x[0]) / ((self.x[1] - self.x[0]) or 1.0)
        up = (y - self.y[0]) / ((self.y[1] - self.y[0]) or 1.0)
        return left + across * (right - left), bottom - up * (bottom - top)


@dataclass
class Marks:
    """What one pair of axes shows: functions that draw, and the range of their values."""

    draws: list[Callable[[View], None]] = field(default_factory=list)
    x: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    names: dict[str, float] = field(default_factory=dict)
    stacked: dict[float, float] = field(default_factory=dict)
    is_bare: bool = False

    def numbers(self, values: Any) -> Any:
        """Return values as numbers: times as days, and other texts by their first appearance."""
        import numpy as np

        found = np.asarray(values)
        if found.dtype.kind in "biuf":
            return found.astype(float)
        if found.dtype.kind == "M":
            return found.astype("datetime64[s]").astype(float)
        texts = [str(one) for one in found.ravel()]
        try:
            return np.array(texts, dtype="datetime64[s]").astype(float)
        except ValueError:
            return np.array([self.names.setdefault(text, float(len(self.names))) for text in texts])

    def add(self, x: Any, y: Any, draw: Callable[[View], None]) -> None:
        import numpy as np

        for values, known in ((x, self.x), (y, self.y)):
            finite = np.asarray(values, dtype=float)
            finite = finite[np.isfinite(finite)]
            if finite.size:
                known += [float(finite.min()), float(finite.max())]
        self.draws.append(draw)

    def add_grid(self, canvas: SketchCanvas, values: Any) -> None:
        """Add a table of numbers, which fills the axes; anything else is left out."""
        if values.ndim != 2 or not values.size:
            return
        rows, columns = (max(1, side // _MAX_SIDE) for side in values.shape)
        small = values[::rows, ::columns]
        self.is_bare = True
        self.add([0.0, 1.0], [0.0, 1.0], lambda view: canvas.grid(view.box, small))

    def draw(self, canvas: SketchCanvas, area: Area, background: str) -> None:
        """Draw all marks; bare ones without the background and its grid."""
        box = canvas.axes(area, None if self.is_bare else background)
        ranges = [_widened(min(known), max(known)) if known else (0.0, 1.0) for known in (self.x, self.y)]
        view = View(box, ranges[0], ranges[1])
        for draw in self.draws:
            draw(view)


def _widened(low: float, high: float) -> Point:
    """Return a range with a margin on both sides."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, 1.0
    margin = _MARGIN * (high - low) or 0.5
    return low - margin, high + margin
