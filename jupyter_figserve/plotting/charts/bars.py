"""Kinds of bar charts: bars, stacked bars, histograms. Kernel and jailed child."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .artists import ChartArtists
from .shapes import are_grouped_bins, are_histogram_bars
from .tick_names import is_categorical

_COUNT_LABELS = frozenset("count counts density frequency probability percent proportion".split())


def find_bar_kind(artists: ChartArtists) -> str:
    """Return the kind of chart of bars in containers."""
    axes, bars = artists.axes, artists.bars
    if axes.name == "polar":
        return "Polar bar chart"
    is_vertical = getattr(bars[0], "orientation", "vertical") != "horizontal"
    value_label, axis = (axes.get_ylabel(), axes.xaxis) if is_vertical else (axes.get_xlabel(), axes.yaxis)
    is_count_label = value_label.strip().casefold() in _COUNT_LABELS
    is_stack = len(bars) > 1 and _are_stacked_bars(bars[0], bars[1], is_vertical)
    are_bins = are_histogram_bars(bars[0], is_count_label=is_count_label) or are_grouped_bins(
        bars, is_count_label=is_count_label
    )
    # Stacked bars of several widths are a Marimekko chart.
    if not is_categorical(axis) and are_bins and not (is_stack and not _have_equal_widths(bars[0], is_vertical)):
        return "Histogram"
    kind = "Stacked bar chart" if is_stack else "Bar chart"
    return kind if is_vertical else f"Horizontal {kind[0].lower()}{kind[1:]}"


def _are_stacked_bars(first: Any, second: Any, is_vertical: bool) -> bool:
    pairs = list(zip(first.patches, second.patches, strict=False))
    if is_vertical:
        ends = [(low.get_y() + low.get_height(), high.get_y(), high.get_height()) for low, high in pairs]
    else:
        ends = [(low.get_x() + low.get_width(), high.get_x(), high.get_width()) for low, high in pairs]
    return any(start != 0 for _, start, _ in ends) and all(
        abs(end - start) <= 1e-9 * (abs(end) + abs(size)) for end, start, size in ends
    )


def _have_equal_widths(bars: Any, is_vertical: bool) -> bool:
    import numpy as np

    return bool(np.ptp([bar.get_width() if is_vertical else bar.get_height() for bar in bars]) < 1e-9)


def find_polygon_bars(fills: Sequence[Any]) -> str:
    """Return the kind of chart of polygons that are bars on the zero line, as plotnine draws them, else ``""``."""
    import numpy as np

    corners = [path.vertices[:4] for item in fills for path in item.get_paths() if len(path.vertices) in (4, 5)]
    if not corners or len(corners) < sum(len(item.get_paths()) for item in fills):
        return ""
    points = np.array(corners, dtype=float)
    low, high = points.min(axis=1), points.max(axis=1)
    are_rectangles = ((points == low[:, None]) | (points == high[:, None])).all()
    have_equal_widths = np.allclose(high[:, 0] - low[:, 0], high[0, 0] - low[0, 0])
    if not (are_rectangles and have_equal_widths) or not ((low[:, 1] == 0) | (high[:, 1] == 0)).all():
        return ""
    order = low[:, 0].argsort()
    are_touching = len(points) > 2 and np.allclose(low[order][1:, 0], high[order][:-1, 0])
    return "Histogram" if are_touching else "Bar chart"
