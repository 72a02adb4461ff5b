"""The artists of an Axes, sorted by their role in its chart. Kernel and jailed child.

matplotlib keeps no record of the method that was called: a box plot is a set of lines, an error bar of seaborn one more
line, ``axhline`` a line whose ends are in the coordinates of the Axes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .shapes import is_axis_aligned_segment, is_box, is_half_violin, is_violin, vertices_of
from .tick_names import is_categorical

_MAX_POINTS = 1_000
_NOTHING = ("None", "none", None, "", " ")
"""What matplotlib calls no marker, and no line style."""
CAPS = ("_", "|")
"""Markers of the ends of error bars and whiskers."""


@dataclass
class ChartArtists:
    """The artists of an Axes, sorted by their role."""

    axes: Any
    bars: list[Any] = field(default_factory=list)
    boxes: list[Any] = field(default_factory=list)
    box_parts: list[Any] = field(default_factory=list)
    violins: list[Any] = field(default_factory=list)
    fills: list[Any] = field(default_factory=list)
    lines: list[Any] = field(default_factory=list)
    points: list[Any] = field(default_factory=list)
    references: list[Any] = field(default_factory=list)
    has_error_bars: bool = False
    stems: list[Any] = field(default_factory=list)


def sort_artists(axes: Any) -> ChartArtists:
    """Return the artists of an Axes by their role; what has no role in a chart, such as text, is left out."""
    artists = ChartArtists(axes)
    _sort_containers(artists)
    _sort_boxes(artists)
    _sort_fills(artists)
    _sort_lines(artists)
    artists.points += [item for item in axes.collections if is_a(item, "PathCollection")]
    _sort_line_collections(artists)
    return artists


def _sort_containers(artists: ChartArtists) -> None:
    for container in artists.axes.containers:
        match type(container).__name__:
            case "BarContainer" if len(container):
                artists.bars.append(container)
            case "ErrorbarContainer":
                artists.has_error_bars = True
            case "StemContainer":
                artists.stems.append(container)


def _sort_boxes(artists: ChartArtists) -> None:
    """Find box plots: boxes as lines or patches, each with at least two whiskers."""
    axes = artists.axes
    outlines: list[Any] = [line for line in axes.lines if is_in_data(line) and is_box(line.get_xydata())]
    outlines += [patch for patch in axes.patches if type(patch).__name__ == "PathPatch" and is_box(vertices_of(patch))]
    parts = [line for line in axes.lines if line.get_label() == "_nolegend_" or line in outlines]
    whiskers = [line for line in parts if line not in outlines and is_axis_aligned_segment(line.get_xydata())]
    if outlines and len(whiskers) >= 2 * len(outlines):
        artists.boxes, artists.box_parts = outlines, parts


def _sort_fills(artists: ChartArtists) -> None:
    for item in artists.axes.collections:
        if type(item).__name__ in _FILLED and item.get_array() is None and item.get_paths():
            (artists.violins if _is_violin(item) else artists.fills).append(item)


def _is_violin(item: Any) -> bool:
    points, axes = vertices_of(item), item.axes
    categories = [number for number, axis in enumerate((axes.xaxis, axes.yaxis)) if is_categorical(axis)]
    return is_violin(points) or any(is_half_violin(points, axis) for axis in categories)


# By the exact name: hexagons, surfaces and arrows are other classes derived from the first.
_FILLED = ("PolyCollection", "FillBetweenPolyCollection", "BrokenBarHCollection")


def _sort_lines(artists: ChartArtists) -> None:
    parts = {id(line) for line in artists.box_parts}
    for container in artists.axes.containers:
        if type(container).__name__ == "ErrorbarContainer":
            parts |= {id(line) for line in container.lines[1]}
        if type(container).__name__ == "StemContainer":
            parts |= {id(container.markerline), id(container.baseline)}
    lines = [line for line in artists.axes.lines if id(line) not in parts and line.get_visible()]
    measured = [line for line in lines if is_in_data(line)]
    has_patches = any(is_a(item, "PatchCollection") for item in artists.axes.collections)
    has_other_data = bool(artists.bars or artists.violins or artists.axes.collections)
    bars = {id(line) for line in measured if _is_error_bar(line) and _crosses_a_point(line, measured)}
    for line in lines:
        if len(bars) > 1 and id(line) in bars:
            artists.has_error_bars = True
        elif not is_in_data(line) or _is_reference(line, measured):
            # The lines inside violins have transforms of their own.
            if not (artists.violins and str(line.get_label()).startswith("_child")):
                artists.references.append(line)
        elif _is_error_bar(line) and (has_other_data or any(map(_has_more_than_a_segment, measured))):
            # The lines inside violins and letter-value boxes are quantiles.
            artists.has_error_bars |= not (artists.violins or has_patches)
        elif _is_points(line):
            artists.points.append(line)
        elif len(line.get_xydata()):
            artists.lines.append(line)


def _sort_line_collections(artists: ChartArtists) -> None:
    """Count a single segment of ``hlines`` or ``vlines`` next to other data as a reference line."""
    segments = [item for item in artists.axes.collections if type(item).__name__ == "LineCollection"]
    single = [item for item in segments if len(item.get_paths()) == 1 and is_axis_aligned_segment(vertices_of(item))]
    if artists.lines or artists.points or artists.bars:
        artists.references += [item for item in single if item.get_label() != "_nolegend_"]


def is_in_data(artist: Any) -> bool:
    """Whether both coordinates are data; ``axhline`` and ``axvspan`` have one in the coordinates of the Axes."""
    if type(artist).__name__ == "AxLine":
        return False
    transform = artist.get_data_transform() if hasattr(artist, "get_data_transform") else artist.get_transform()
    data = artist.axes.transData
    return transform is data or all(transform.contains_branch_seperately(data))


def has_marker(line: Any) -> bool:
    """Whether a line shows its points."""
    return line.get_marker() not in _NOTHING


def has_line_style(line: Any) -> bool:
    """Whether a line connects its points."""
    return line.get_linestyle() not in _NOTHING


def _is_error_bar(line: Any) -> bool:
    unmarked = not has_marker(line) or line.get_marker() in CAPS
    return unmarked and str(line.get_label()).startswith("_") and is_axis_aligned_segment(line.get_xydata())


def _is_points(line: Any) -> bool:
    """Whether a line shows as markers only: without a line style, or with a single point."""
    has_line = has_line_style(line) and len(line.get_xydata()) != 1
    return not has_line and has_marker(line)


def _crosses_a_point(line: Any, lines: list[Any]) -> bool:
    """Whether a segment goes through a data point of another, longer line, as an error bar does."""
    (x0, y0), (x1, y1) = line.get_xydata()
    for other in lines:
        points = other.get_xydata()
        if other is not line and 2 < len(points) < _MAX_POINTS:
            x, y = points.T
            inside = (min(x0, x1) <= x) & (x <= max(x0, x1)) & (min(y0, y1) <= y) & (y <= max(y0, y1))
            if inside.sum() == 1 and has_marker(other):
                return True
    return False


def _has_more_than_a_segment(line: Any) -> bool:
    return len(line.get_xydata()) > 2 or has_marker(line)


def _is_reference(line: Any, lines: list[Any]) -> bool:
    """Whether a line is one horizontal or vertical segment that spans the other, longer lines."""
    points = line.get_xydata()
    if len(points) != 2 or not is_axis_aligned_segment(points):
        return False
    others = [other.get_xydata() for other in lines if other is not line and len(other.get_xydata()) > 2]
    along = 0 if points[0, 1] == points[1, 1] else 1
    return any(abs(points[1, along] - points[0, along]) >= 0.9 * _extent(other[:, along]) for other in others)


def _extent(values: Any) -> float:
    import numpy as np

    finite = values[np.isfinite(values)]
    return float(np.ptp(finite)) if len(finite) else float("inf")


def is_a(artist: Any, *names: str) -> bool:
    """Whether an artist's class, or one that it is derived from, has one of the names."""
    return any(base.__name__ in names for base in type(artist).__mro__)
