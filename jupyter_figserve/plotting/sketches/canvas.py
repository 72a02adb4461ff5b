"""The canvas of a sketch, drawn with Pillow. Kernel and jailed child."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..images import encode_thumbnail
from ..raster import rgba_of

if TYPE_CHECKING:
    from ...model.figures import EncodedImage

Point = tuple[float, float]
Area = tuple[float, float, float, float]
"""Left, bottom, right and top, as fractions of the canvas."""
Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""
_WIDTH, _MIN_HEIGHT, _MAX_HEIGHT = 320, 120, 480
_SCALE = 3
"""Pixels drawn for each of the thumbnail, so that lines are smooth."""
_GAP = 8
_MANY_DOTS = 60
_PLASMA = ("#0d0887", "#7201a8", "#bd3786", "#ed7953", "#fdca26", "#f0f921")


class SketchCanvas:
    """Draws marks on a canvas with the proportions of a figure of ``width`` × ``height``."""

    def __init__(self, width: float, height: float, background: str) -> None:
        from PIL import Image, ImageDraw

        shown = round(min(_MAX_HEIGHT, max(_MIN_HEIGHT, _WIDTH * height / width)))
        self.width, self.height = _WIDTH * _SCALE, shown * _SCALE
        self._image = Image.new("RGB", (self.width, self.height), background)
        self._draw = ImageDraw.Draw(self._image, "RGBA")

    def encode(self) -> EncodedImage:
        return encode_thumbnail(rgba_of(self._image))

    def axes(self, area: Area, color: str | None) -> Box:
        """Return the rectangle of axes; a colour fills it and adds a grid."""
        left, bottom, right, top = area
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

    def dots(self, points: Iterable[Point], color: str, count: int) -> None:
        """Draw some points of a scatter plot with ``count`` of them: where there are many, they are small."""
        size = (3 if count < _MANY_DOTS else 1.6) * _SCALE
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
    """Whether Pillow knows a colour by this text."""
    try:
        return isinstance(value, str) and bool(_rgb(value))
    except ValueError:
        return False


def find_color(*values: object, default: str) -> str:
    """Return the first of these that Pillow knows as a colour."""
    return next((str(value) for value in values if is_color(value)), default)


def _rgb(color: str) -> tuple[int, int, int]:
    from PIL import ImageColor

    found = ImageColor.getrgb(color)
    return found[0], found[1], found[2]
