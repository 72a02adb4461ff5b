"""Series of filled areas: bands between two curves, stacked areas, broken bars. Kernel and jailed child."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from ...model.data_series import Column, Series
from ..charts.artists import is_in_data
from .axes_content import AxesContent


def read_areas(content: AxesContent) -> tuple[str, list[Series]]:
    """Return what the areas of an Axes are called, and their series."""
    drawn = [item for item in content.artists.fills if item.get_visible() and is_in_data(item)]
    bands = [(item, band) for item in drawn if (band := _unfold(item)) is not None]
    if len(bands) > 1 and _are_stacked([band for _, band in bands]):
        content.outlines += [(band.places, band.second) for _, band in bands]
        return "areas", [_read_layer(content, item, band) for item, band in bands]
    found = [_read_band(content, item, band) for item, band in bands]
    if len(bands) < len(drawn):
        boxes = [_read_boxes(content, item) for item in drawn if _unfold(item) is None and _are_boxes(item)]
        if len(boxes) + len(bands) < len(drawn):
            content.notes.append("Filled shapes are left out.")
        return "areas" if found else "bars", [*found, *boxes]
    return "areas", found


class _Band:
    """A filled area: places along an axis, and both curves there."""

    def __init__(self, places: Any, first: Any, second: Any, *, is_vertical: bool) -> None:
        self.places, self.first, self.second, self.is_vertical = places, first, second, is_vertical


def _unfold(item: Any) -> _Band | None:
    """Return the curves of the polygons of ``fill_between``; None for other polygons.

    A polygon starts at the second curve, goes along the first, and back along the second.
    """
    import numpy as np

    parts: list[Any] = []
    direction = getattr(item, "t_direction", None)
    for path in item.get_paths():
        points = np.asarray(path.vertices, dtype=float)
        # ``CLOSEPOLY`` repeats the first point.
        if len(points) % 2 and len(points) > 1 and np.allclose(points[0], points[-1]):
            points = points[:-1]
        count = (len(points) - 2) // 2
        if len(points) < 6 or len(points) % 2:
            return None
        there, back = points[1 : count + 1], points[count + 2 :][::-1]
        if direction is None:
            direction = "x" if np.array_equal(there[:, 0], back[:, 0]) else "y"
        along = 0 if direction == "x" else 1
        if not np.array_equal(there[:, along], back[:, along]):
            return None
        curves = there[:, along], there[:, 1 - along], back[:, 1 - along]
        parts.append(_without_steps(*curves, getattr(item, "_step", None)))
    if not parts:
        return None
    places, first, second = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return _Band(places, first, second, is_vertical=direction == "x")


def _without_steps(places: Any, first: Any, second: Any, step: str | None) -> tuple[Any, Any, Any]:
    """Return the points that were given, of curves with a corner at each step."""
    if step is None:
        return places, first, second
    given = places[::2].copy()
    if step == "mid":
        # Each step is in the middle of two places, of which the one before is known.
        for index, middle in enumerate(places[1:-1:2]):
            given[index + 1] = 2 * middle - given[index]
    return given, first[::2], second[::2]


def _are_stacked(bands: list[_Band]) -> bool:
    """Whether each area begins where the one below it ends, as those of ``stackplot`` do."""
    import numpy as np

    return all(
        low.is_vertical
        and high.is_vertical
        and np.array_equal(low.places, high.places)
        and np.allclose(high.first, low.second)
        for low, high in pairwise(bands)
    )


def _read_layer(content: AxesContent, item: Any, band: _Band) -> Series:
    keys = Column(content.x.name, content.x.read(band.places))
    values = Column(content.y.name, content.y.read(band.second - band.first, is_computed=True))
    return Series(content.label(item), (keys,), (values,), len(band.places))


def _read_band(content: AxesContent, item: Any, band: _Band) -> Series:
    import numpy as np

    places, sizes = content.readers(is_vertical=band.is_vertical)
    keys = Column(places.name, places.read(band.places))
    low, high = np.fmin(band.first, band.second), np.fmax(band.first, band.second)
    values = [Column(f"{sizes.name} low", sizes.read(low)), Column(f"{sizes.name} high", sizes.read(high))]
    if not (np.nan_to_num(low)).any():
        # An area above the zero line is one curve.
        values = [Column(sizes.name, sizes.read(high))]
    return Series(content.label(item), (keys,), tuple(values), len(band.places), sizes.name)


def _are_boxes(item: Any) -> bool:
    return all(len(path.vertices) in (4, 5) for path in item.get_paths())


def _read_boxes(content: AxesContent, item: Any) -> Series:
    """Return rectangles by their ends: bars of one width, as plotnine draws them, or those of ``broken_barh``."""
    import numpy as np

    corners = np.array([path.vertices[:4] for path in item.get_paths()], dtype=float)
    low, high = corners.min(axis=1), corners.max(axis=1)
    widths = high[:, 0] - low[:, 0]
    is_vertical = bool(np.allclose(widths, widths[0]))
    across, along = (0, 1) if is_vertical else (1, 0)
    places, sizes = content.readers(is_vertical=is_vertical)
    keys = Column(places.name, places.read_near((low[:, across] + high[:, across]) / 2))
    ends = [low[:, along], high[:, along]]
    values = [Column(f"{sizes.name} {end}", sizes.read(one)) for end, one in zip(("start", "end"), ends, strict=True)]
    if is_vertical and not (low[:, along] * high[:, along]).any():
        values = [Column(sizes.name, sizes.read(ends[0] + ends[1]))]
    return Series(content.label(item), (keys,), tuple(values), len(corners), sizes.name)
