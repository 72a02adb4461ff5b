"""A small sketch of axes with marks, drawn with Pillow. Kernel and jailed child."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .images import encode_thumbnail
from .raster import rgba_of

if TYPE_CHECKING:
    from ..model.figures import EncodedImage

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""
_SCALE = 3
"""Pixels drawn for each of the thumbnail, so that lines are smooth."""
_GAP = 8
_PLASMA = ("#0d0887", "#7201a8", "#bd3786", "#ed7953", "#fdca26", "#f0f921")


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

    def view(self, box: Box) -> View:
        ranges = [_widened(min(known), max(known)) if known else (0.0, 1.0) for known in (self.x, self.y)]
        return View(box, ranges[0], ranges[1])


class SketchCanvas:
    """Draws marks on a canvas of ``width`` × ``height`` thumbnail pixels."""

    def __init__(self, width: int, height: int, background: str) -> None:
        from PIL import Image, ImageDraw

        self.width, self.height = width * _SCALE, height * _SCALE
        self._image = Image.new("RGB", (self.width, self.height), background)
        self._draw = ImageDraw.Draw(self._image, "RGBA")

    def encode(self) -> EncodedImage:
        return encode_thumbnail(rgba_of(self._image))

    def axes(self, left: float, bottom: float, right: float, top: float, color: str | None) -> Box:
        """Return the rectangle of axes at these fractions of the canvas; a colour fills it and adds a grid."""
        gap = _GAP * _SCALE
        across, down = self.width - 2 * gap, self.height - 2 * gap
        box = gap + left * across, gap + (1 - top) * down, gap + right * across, gap + (1 - bottom) * down
        if color is not None:
            self._draw.rectangle(box, fill=color)
            light = sum(_rgb(color))
            line = "#e6e9ee" if light > 3 * 250 else "#ffffff" if light > 3 * 128 else "#323c4a"
            for part in (0.2, 0.4, 0.6, 0.8):
                x, y = box[0] + part * (box[2] - box[0]), box[1] + part * (box[3] - box[1])
                self._draw.line((x, box[1], x, box[3]), fill=line, width=_SCALE)
                self._draw.line((box[0], y, box[2], y), fill=line, width=_SCALE)
        return box

    def line(self, points: Sequence[Point], color: str) -> None:
        if len(points) > 1:
            self._draw.line(points, fill=color, width=2 * _SCALE, joint="curve")

    def area(self, points: Sequence[Point], color: str) -> None:
        if len(points) > 2:
            self._draw.polygon(points, fill=(*_rgb(color), 110))

    def dots(self, points: Iterable[Point], color: str, radius: float) -> None:
        size = radius * _SCALE
        for x, y in points:
            self._draw.ellipse((x - size, y - size, x + size, y + size), fill=(*_rgb(color), 215))

    def bar(self, one: Point, other: Point, color: str) -> None:
        left, right = sorted((one[0], other[0]))
        top, bottom = sorted((one[1], other[1]))
        self._draw.rectangle((left, top, max(right, left + 1), max(bottom, top + 1)), fill=(*_rgb(color), 235))

    def pie(self, box: Box, values: Sequence[float], colors: Sequence[str], hole: float) -> None:
        radius = 0.46 * min(box[2] - box[0], box[3] - box[1])
        center = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        around = [center[0] - radius, center[1] - radius, center[0] + radius, center[1] + radius]
        angle, total = -90.0, sum(values)
        for index, value in enumerate(values):
            until = angle + 360 * value / total
            self._draw.pieslice(around, angle, until, fill=colors[index % len(colors)], outline="white", width=_SCALE)
            angle = until
        if hole:
            inner = radius * hole
            self._draw.ellipse(
                (center[0] - inner, center[1] - inner, center[0] + inner, center[1] + inner), fill="white"
            )

    def grid(self, box: Box, values: Any) -> None:
        """Fill the rectangle with cells coloured by value; the first row is at the bottom."""
        import numpy as np
        from PIL import Image

        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        parts = np.nan_to_num((values - low) / ((high - low) or 1.0))
        stops = np.array([_rgb(color) for color in _PLASMA], dtype=float)
        steps = np.linspace(0, 1, len(stops))
        pixels = np.stack([np.interp(parts, steps, stops[:, part]) for part in range(3)], axis=-1)
        image = Image.fromarray(pixels[::-1].astype("uint8"), "RGB")
        size = max(1, round(box[2] - box[0])), max(1, round(box[3] - box[1]))
        self._image.paste(image.resize(size, Image.Resampling.NEAREST), (round(box[0]), round(box[1])))


def is_color(value: object) -> bool:
    """Whether Pillow knows a color by this text."""
    try:
        return isinstance(value, str) and bool(_rgb(value))
    except ValueError:
        return False


def _widened(low: float, high: float, share: float = 0.06) -> Point:
    """Return a range with a margin of ``share`` on both sides."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, 1.0
    margin = share * (high - low) or 0.5
    return low - margin, high + margin


def _rgb(color: str) -> tuple[int, int, int]:
    from PIL import ImageColor

    found = ImageColor.getrgb(color)
    return found[0], found[1], found[2]
