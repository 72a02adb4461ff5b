"""Shapes of artists, recognized by their vertices, that distinguish kinds of charts. Kernel and jailed child.

matplotlib keeps no record of the method that was called: box plots are lines, step histograms polygons, violins and
bands the same filled curves.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from .tick_names import find_set_labels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vertices = NDArray[np.float64]
    """Points of a path, of shape (count, 2), in data coordinates."""

# A violin has 100 points a side in matplotlib and in seaborn; bands and areas rarely are symmetric.
_MIN_VIOLIN_POINTS = 40
_DENSITY_TOLERANCE = 1e-3
# Longer curves are classified by a sample: a description may not cost as much as drawing.
_MAX_POINTS = 4_000
# Degrees between two slices of a pie, which has rounding errors.
_MAX_GAP = 0.01


def vertices_of(artist: Any) -> Vertices:
    """Return the vertices of an artist's first path, without points that are not finite; of shape (0, 2) if none."""
    import numpy as np

    paths = artist.get_paths() if hasattr(artist, "get_paths") else [artist.get_path()]
    points = np.asarray(paths[0].vertices if paths else np.empty((0, 2)), dtype=float).reshape(-1, 2)
    finite: Vertices = points[np.isfinite(points).all(axis=1)]
    return finite


def is_box(points: Vertices) -> bool:
    """Whether the points outline the box of a box plot: closed, and axis-aligned unless it is notched."""
    import numpy as np

    # A patch repeats its first point for CLOSEPOLY.
    if len(points) not in (5, 6, 11, 12) or not np.allclose(points[0], points[-1]):
        return False
    if len(points) > 6:
        return len(np.unique(points[:-1, 0])) == 4 or len(np.unique(points[:-1, 1])) == 4
    return bool(_is_axis_aligned(points))


def is_step_outline(points: Vertices) -> bool:
    """Whether the points go up and down in steps from a common base, as the outline of a step histogram does."""
    import numpy as np

    if len(points) < 6 or not _is_axis_aligned(points):
        return False
    return bool(np.isclose(points[0], points[-1]).any())


def is_violin(points: Vertices) -> bool:
    """Whether a filled curve mirrors itself at a vertical or horizontal line."""
    if not _MIN_VIOLIN_POINTS <= len(points) <= _MAX_POINTS:
        return False
    return any(_is_mirrored(points, axis) for axis in (0, 1))


def is_axis_aligned_segment(points: Vertices) -> bool:
    """Whether the points are one vertical or horizontal segment, such as an error bar's."""
    import numpy as np

    return len(points) == 2 and bool(np.ptp(points[:, 0]) == 0 or np.ptp(points[:, 1]) == 0)


def are_stacked(fills: Sequence[Vertices]) -> bool:
    """Whether each filled curve begins where the previous one ends."""
    return len(fills) > 1 and all(_shared_points(low, high) for low, high in pairwise(fills))


def has_straight_base(points: Vertices) -> bool:
    """Whether one edge of a filled curve is the zero line, as in an area chart."""
    import numpy as np

    corners = np.unique(points[:: 1 + len(points) // _MAX_POINTS], axis=0)
    return any((corners[:, axis] == 0).sum() >= 0.45 * len(corners) for axis in (0, 1))


def is_pie(wedges: Sequence[Any]) -> bool:
    """Whether wedges are the slices of a pie: each begins where the previous one ends, or the only one is a circle."""
    if len(wedges) == 1:
        return bool(abs(wedges[0].theta2 - wedges[0].theta1) >= 360)
    following = list(pairwise(wedges))
    counterclockwise = [after.theta1 - before.theta2 for before, after in following]
    clockwise = [before.theta1 - after.theta2 for before, after in following]
    return any(all(abs((gap + 180) % 360 - 180) < _MAX_GAP for gap in gaps) for gaps in (counterclockwise, clockwise))


def are_dendrogram_links(segments: Sequence[Any]) -> bool:
    """Whether each line is a bracket of three sides, as the links of a dendrogram are."""
    return bool(segments) and all(len(one) == 4 and _is_axis_aligned(one) for one in segments)


def is_hexagon(points: Vertices) -> bool:
    """Whether the points are a closed polygon of six corners."""
    return len(points) == 7


def are_histogram_bars(bars: Any, *, is_count_label: bool) -> bool:
    """Whether bars look like bins.

    Bins touch each other. So do bars of width 1, which are distinguished by their positions and heights:
    ``hist`` has counts as floating-point numbers or an area of 1, and bins seldom are centred on multiples of their
    width.
    """
    import numpy as np

    rectangles = [(bar.get_x(), bar.get_width(), bar.get_height()) for bar in bars]
    if bars.orientation != "vertical":
        rectangles = [(bar.get_y(), bar.get_height(), bar.get_width()) for bar in bars]
    starts, widths, heights = np.array(rectangles, dtype=float).T
    ends = starts + widths
    if len(starts) < 2 or not np.allclose(starts[1:], ends[:-1], rtol=0, atol=1e-6 * np.abs(widths).max()):
        return False
    if is_count_label:
        return True
    if (heights < 0).any():
        return False
    values = np.asarray(getattr(bars, "datavalues", heights))
    has_area_of_one = abs(float((heights * widths).sum()) - 1) < _DENSITY_TOLERANCE
    if np.issubdtype(values.dtype, np.floating) and (has_area_of_one or not (heights % 1).any()):
        return True
    centers = (starts + widths / 2) / widths
    return not np.allclose(centers, np.round(centers), atol=1e-6)


def are_grouped_bins(containers: Sequence[Any], *, is_count_label: bool = False) -> bool:
    """Whether several sets of bars are the bins of one histogram: side by side, with counts or densities.

    Bars of groups are counts, too, but their groups are centred on whole numbers. Where an axis of counts has no gap
    between the groups, as seaborn dodges histograms, whole counts are bins, too.
    """
    import numpy as np

    counts = {len(bars) for bars in containers}
    if len(containers) < 2 or len(counts) != 1 or counts == {1} or containers[0].orientation != "vertical":
        return False
    starts = np.array([[bar.get_x() for bar in bars] for bars in containers], dtype=float)
    ends = starts + np.array([[bar.get_width() for bar in bars] for bars in containers], dtype=float)
    order = np.argsort(starts[:, 0])
    starts, ends = starts[order], ends[order]
    is_tiled = np.allclose(starts[1:], ends[:-1]) and np.allclose(starts[0][1:], ends[-1][:-1])
    centers = (starts[0] + ends[-1]) / 2 / np.diff(starts[0]).mean()
    are_on_steps = np.allclose(centers, np.round(centers), atol=1e-6)
    if is_count_label and is_tiled:
        return not are_on_steps
    heights = np.array([[bar.get_height() for bar in bars] for bars in containers], dtype=float)
    datatype = np.asarray(getattr(containers[0], "datavalues", ())).dtype
    if not np.allclose(starts[1:], ends[:-1]) or not np.issubdtype(datatype, np.floating):
        return False
    bins = np.diff(starts[0])
    has_area_of_one = np.allclose((heights * bins[0]).sum(axis=1), 1, atol=_DENSITY_TOLERANCE)
    if not np.allclose(bins, bins[0]) or not (has_area_of_one or not (heights % 1).any()):
        return False
    return not are_on_steps


def is_matrix(image: Any) -> bool:
    """Whether an image shows a matrix of values: with a name for each column or row, a text in each cell, or scaled."""
    axes, values = image.axes, image.get_array()
    if values is None or values.ndim != 2:
        return False
    rows, columns = values.shape
    if axes.get_aspect() == "auto" or len(axes.texts) >= rows * columns:
        return True
    return any(any(find_set_labels(axis)) for axis in (axes.xaxis, axes.yaxis))


def is_half_violin(points: Vertices, axis: int) -> bool:
    """Whether a filled curve has one straight side, at one value of an axis of categories."""
    import numpy as np

    if not _MIN_VIOLIN_POINTS <= len(points) <= _MAX_POINTS:
        return False
    values, counts = np.unique(points[:, axis], return_counts=True)
    middle = values[counts.argmax()]
    return bool(counts.max() >= 0.45 * len(points) and np.isclose(middle, np.round(middle)))


def _is_axis_aligned(points: Vertices) -> bool:
    import numpy as np

    steps = np.diff(points, axis=0)
    return bool((np.isclose(steps, 0).any(axis=1)).all())


def _is_mirrored(points: Vertices, axis: int) -> bool:
    """Whether the points are symmetric about the middle of an axis."""
    import numpy as np

    # The path passes its first and last points several times, on one side.
    points = np.unique(points, axis=0)
    mirrored = points.copy()
    mirrored[:, axis] = points[:, axis].min() + points[:, axis].max() - points[:, axis]
    width = float(np.ptp(points[:, axis]))

    def ordered(curve: Vertices) -> Vertices:
        return curve[np.lexsort((curve[:, axis], curve[:, 1 - axis]))]

    return width > 0 and bool(np.allclose(ordered(points), ordered(mirrored), rtol=0, atol=1e-3 * width))


def _shared_points(low: Vertices, high: Vertices) -> bool:
    """Whether at least a third of the points of one curve are also points of the other."""
    import numpy as np

    if max(len(low), len(high)) > _MAX_POINTS:
        return False
    common = {tuple(point) for point in np.round(low, 9)} & {tuple(point) for point in np.round(high, 9)}
    return len(common) >= max(2, min(len(low), len(high)) // 3)
