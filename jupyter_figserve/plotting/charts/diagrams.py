"""Kinds of charts that are drawn from separate rectangles, segments and paths. Kernel and jailed child.

Recipes draw a candlestick as a bar and a line, a network as segments between points, a treemap as rectangles that fill
their space.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .artists import ChartArtists, is_a, is_in_data

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rectangles = NDArray[np.float64]
    """Left, bottom, right and top of each rectangle, of shape (count, 4)."""
    Segments = NDArray[np.float64]
    """Both ends of each segment, of shape (count, 2, 2)."""

_MIN_RECTANGLES = 3
_MAX_ITEMS = 2_000
"""More items are not examined: a description may not cost as much as drawing."""
_MIN_CURVES = 8
"""Control points of the arrows of a Sankey diagram."""


def find_bar_diagram(artists: ChartArtists) -> str:
    """Return the kind of diagram that a chart of bars is; ``""`` for an ordinary bar chart."""
    rectangles = _rectangles([bar for bars in artists.bars for bar in bars])
    if _are_candles(rectangles, _vertical_segments(artists.axes)):
        return "Candlestick chart"
    if len(artists.bars) > 1 or len(rectangles) < _MIN_RECTANGLES:
        return ""
    if _fill_a_rectangle(rectangles):
        return "Treemap"
    is_vertical = getattr(artists.bars[0], "orientation", "vertical") == "vertical"
    return "Waterfall chart" if is_vertical and _continue_each_other(rectangles) else ""


def find_patch_diagram(artists: ChartArtists) -> str:
    """Return the kind of diagram that patches without a container form; ``""`` if none is recognized."""
    axes = artists.axes
    patches = [patch for patch in axes.patches if is_in_data(patch)]
    rectangles = _rectangles([patch for patch in patches if type(patch).__name__ == "Rectangle"])
    if _are_candles(rectangles, _vertical_segments(axes)):
        return "Candlestick chart"
    if len(rectangles) == len(patches) >= _MIN_RECTANGLES and _fill_a_rectangle(rectangles):
        return "Treemap"
    if patches and all(map(_is_flow, patches)):
        return "Sankey diagram"
    return "Map" if any(type(item).__name__ == "_GeoPandasPolyCollection" for item in axes.collections) else ""


def find_segment_diagram(artists: ChartArtists) -> str:
    """Return the kind of diagram that segments form, with the points at their ends; ``""`` if none is recognized."""
    import numpy as np

    if artists.lines:
        return ""
    segments = _segments(artists.axes)
    if len(segments) < 2:
        return ""
    ends = {tuple(point) for item in artists.points for point in _points_of(item).tolist()}
    starts_at_point, ends_at_point = (
        np.array([tuple(point) in ends for point in segments[:, side].tolist()]) for side in (0, 1)
    )
    along = _direction(segments)
    if (starts_at_point & ends_at_point).all():
        return "Network graph" if along is None else "Dumbbell plot"
    if along is None:
        return ""
    has_base = np.ptp(segments[:, 0, along]) == 0
    if has_base and ends_at_point.all():
        return "Lollipop chart"
    if artists.points:
        return ""
    lengths = np.abs(segments[:, 1, along] - segments[:, 0, along])
    if np.ptp(lengths) <= 1e-9 * lengths.max():
        return "Event plot"
    return "Stem plot" if has_base else ""


def _rectangles(patches: Sequence[Any]) -> Rectangles:
    import numpy as np

    rows = [(one.get_x(), one.get_y(), one.get_width(), one.get_height()) for one in patches[:_MAX_ITEMS]]
    left, bottom, width, height = np.array(rows, dtype=float).reshape(-1, 4).T
    sides = (left, left + width), (bottom, bottom + height)
    low, high = (tuple(reduce(*side) for side in sides) for reduce in (np.minimum, np.maximum))
    return np.stack([*low, *high], axis=1)


def _fill_a_rectangle(rectangles: Rectangles) -> bool:
    """Whether rectangles of several heights and widths cover a rectangle, without overlapping."""
    import numpy as np

    sizes = rectangles[:, 2:] - rectangles[:, :2]
    outline = rectangles[:, 2:].max(axis=0) - rectangles[:, :2].min(axis=0)
    varies = all(np.ptp(sizes[:, axis]) > 0 for axis in (0, 1))
    return varies and bool(np.isclose(sizes.prod(axis=1).sum(), outline.prod(), rtol=0.02))


def _continue_each_other(rectangles: Rectangles) -> bool:
    """Whether each bar begins at a height at which the previous one ends, and not all begin at zero."""
    import numpy as np

    levels = rectangles[:, (1, 3)]
    tolerance = 1e-6 * float(np.abs(levels).max())
    shared = np.abs(levels[1:, :, None] - levels[:-1, None, :]).min(axis=(1, 2)) <= tolerance
    floating = (np.abs(levels) > tolerance).all(axis=1)
    return bool(shared.all() and floating.any())


def _are_candles(rectangles: Rectangles, segments: Segments) -> bool:
    """Whether each rectangle is in front of a vertical segment that reaches at least as far."""
    import numpy as np

    if len(rectangles) < 2 or len(segments) < len(rectangles):
        return False
    x, low, high = segments[:, 0, 0], segments[:, :, 1].min(axis=1), segments[:, :, 1].max(axis=1)
    left, bottom, right, top = rectangles.T[:, :, None]
    tolerance = 1e-6 * float(np.ptp(rectangles[:, (1, 3)]))
    reaches = (left < x) & (x < right) & (low <= bottom + tolerance) & (high >= top - tolerance)
    return bool((reaches.sum(axis=1) == 1).all())


def _is_flow(patch: Any) -> bool:
    """Whether a patch has the curved outline of a Sankey diagram."""
    path = patch.get_path()
    return is_a(patch, "PathPatch") and path.codes is not None and int((path.codes == path.CURVE4).sum()) >= _MIN_CURVES


def _segments(axes: Any) -> Segments:
    import numpy as np

    items = [item for item in axes.collections if is_a(item, "LineCollection") and not is_a(item, "EventCollection")]
    found = [part for item in items for part in item.get_segments()[:_MAX_ITEMS]]
    if len(found) > _MAX_ITEMS or any(len(part) != 2 for part in found):
        return np.empty((0, 2, 2))
    return np.array(found, dtype=float).reshape(-1, 2, 2)


def _vertical_segments(axes: Any) -> Segments:
    segments = _segments(axes)
    vertical: Segments = segments[segments[:, 0, 0] == segments[:, 1, 0]]
    return vertical


def _direction(segments: Segments) -> int | None:
    """Return 0 if all segments are horizontal, 1 if all are vertical, else None."""
    for along in (0, 1):
        if (segments[:, 0, 1 - along] == segments[:, 1, 1 - along]).all():
            return along
    return None


def _points_of(item: Any) -> Any:
    import numpy as np

    points = item.get_offsets() if hasattr(item, "get_offsets") else item.get_xydata()
    return np.asarray(points, dtype=float).reshape(-1, 2)
