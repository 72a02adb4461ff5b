"""Content of an Axes: the kind of chart, its features, and its series. Kernel and jailed child.

The kind follows from the artists, the most specific first. A line that marks a value, a shaded band, error bars and a
colour bar are features of a chart, not kinds or series.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .artists import ChartArtists, is_a, is_in_data, sort_artists
from .bars import find_bar_kind, find_polygon_bars
from .diagrams import find_bar_diagram, find_patch_diagram, find_segment_diagram
from .shapes import (
    are_dendrogram_links,
    are_stacked,
    has_straight_base,
    is_hexagon,
    is_matrix,
    is_pie,
    is_step_outline,
    vertices_of,
)
from .spatial import find_kind_3d
from .tick_names import find_tick_names, is_categorical

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Chart:
    """The content of one Axes.

    Parameters
    ----------
    kind
        Such as ``"Bar chart"``; ``""`` for an Axes without data.
    features
        Additional features of the chart, each with its article: ``("error bars", "a colour bar")``.
    series
        The label of each data series, ``""`` for one without a label.
    noun
        What a series of this kind of chart is called, in the plural.
    """

    kind: str
    features: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    noun: str = "series"


def find_chart(axes: Axes) -> Chart:
    """Return the chart of an Axes; a colour bar, a twin or a legend drawn elsewhere is not part of it."""
    artists = sort_artists(axes)
    for find in _FINDERS:
        if chart := find(artists):
            series = chart.series if any(chart.series) else _legend_names(axes, len(chart.series))
            return Chart(chart.kind, (*chart.features, *_features(artists)), series, chart.noun)
    return Chart("Table") if axes.tables else _shapes(axes)


def is_colorbar(axes: Axes) -> bool:
    """Whether the Axes was made for, or given to, a colour bar."""
    return axes.get_label() == "<colorbar>" or hasattr(axes, "_colorbar")


def _three_dimensional(artists: ChartArtists) -> Chart | None:
    if getattr(artists.axes, "name", "") != "3d":
        return None
    kind, drawn = find_kind_3d(artists.axes)
    return Chart(kind, series=_labels(drawn))


def _from_containers(artists: ChartArtists) -> Chart | None:
    if artists.stems:
        return Chart("Stem plot", series=_labels(artists.stems))
    if not artists.bars:
        return None
    if diagram := find_bar_diagram(artists):
        return Chart(diagram)
    kind = find_bar_kind(artists)
    curves = [*artists.lines, *artists.points]
    if kind == "Histogram":
        # A density curve without a label belongs to its histogram.
        curves = [curve for curve in curves if any(_labels([curve]))]
    labels = _labels(artists.bars)
    if not any(labels) and all(len(bars) == 1 for bars in artists.bars):
        # Bars that were drawn one by one are one series.
        labels = labels[:1]
    return Chart(_with_curves(kind, artists), series=(*labels, *_labels(curves)))


def _boxes(artists: ChartArtists) -> Chart | None:
    axes = artists.axes
    for items, kind, noun in ((artists.boxes, "Box plot", "boxes"), (artists.violins, "Violin plot", "violins")):
        if items:
            names = next((labels for axis in (axes.xaxis, axes.yaxis) if (labels := find_tick_names(axis))), [])
            own = _labels(items)
            given = tuple(names) if len(names) == len(items) else own
            return Chart(kind, series=given, noun=noun)
    if any(type(item).__name__ == "PatchCollection" for item in axes.collections) and is_categorical(axes.xaxis):
        return Chart("Letter-value plot")
    return None


def _from_patches(artists: ChartArtists) -> Chart | None:
    patches = artists.axes.patches
    wedges = [patch for patch in patches if type(patch).__name__ == "Wedge"]
    if wedges and is_pie(wedges):
        holes = [patch for patch in patches if is_a(patch, "Circle") and patch.center == wedges[0].center]
        kind = "Donut chart" if wedges[0].width or holes else "Pie chart"
        return Chart(kind, series=_labels(wedges), noun="slices")
    steps = [patch for patch in patches if type(patch).__name__ == "StepPatch"]
    outlines = [patch for patch in patches if type(patch).__name__ == "Polygon" and is_in_data(patch)]
    outlines = [patch for patch in outlines if is_step_outline(vertices_of(patch))]
    if steps or outlines:
        return Chart(_with_curves("Histogram", artists), series=_labels([*steps, *outlines, *artists.lines]))
    if any(type(patch).__name__ == "FancyArrowPatch" for patch in patches) and _lines_of_collections(artists.axes):
        return Chart("Stream plot")
    kind = find_patch_diagram(artists)
    return Chart(kind) if kind else None


def _from_segments(artists: ChartArtists) -> Chart | None:
    kind = find_segment_diagram(artists)
    return Chart(kind, series=_labels(artists.points)) if kind else None


def _from_collections(artists: ChartArtists) -> Chart | None:
    axes = artists.axes
    for name, kind in _KINDS_BY_CLASS:
        found = [item for item in (*axes.collections, *axes.images) if is_a(item, name)]
        if name == "_ImageBase" and found and is_matrix(found[0]):
            kind = "Heat map"
        if found:
            return Chart("Filled contour plot" if any(getattr(item, "filled", False) for item in found) else kind)
    binned = [item for item in axes.collections if is_a(item, "PolyCollection")]
    if any(item.get_array() is not None and is_hexagon(vertices_of(item)) for item in binned):
        return Chart("Hexbin plot")
    if any(item.get_array() is not None and len(vertices_of(item)) == 4 for item in binned):
        return Chart("Triangular mesh plot")
    if kind := find_polygon_bars(artists.fills):
        return Chart(kind, series=_labels(artists.fills))
    broken = [item for item in artists.fills if len(item.get_paths()) > 1 and len(vertices_of(item)) <= 6]
    if broken:
        return Chart("Broken bar chart", series=_labels(broken))
    return None


_KINDS_BY_CLASS = (
    ("QuadMesh", "Heat map"),
    ("PolyQuadMesh", "Heat map"),
    ("ContourSet", "Contour plot"),
    ("TriMesh", "Triangular mesh plot"),
    ("Quiver", "Quiver plot"),
    ("Barbs", "Wind barb plot"),
    ("_ImageBase", "Image"),
    ("EventCollection", "Event plot"),
)


def _from_curves(artists: ChartArtists) -> Chart | None:
    """Return the chart of lines, points and filled curves."""
    lines, points, fills = artists.lines, artists.points, artists.fills
    curves = [vertices_of(item) for item in fills]
    if fills and not lines and not points and all(map(is_step_outline, curves)):
        return Chart("Histogram", series=_labels(fills))
    is_area = bool(fills) and not points and all(map(has_straight_base, curves[:1]))
    if (is_area or not (lines or points)) and are_stacked(curves):
        return Chart("Stacked area chart", series=_labels(fills))
    is_line_and_area = is_area and bool(lines) and not _are_edges(lines, curves)
    if not is_line_and_area and (is_area or (fills and not lines and not points)):
        return Chart("Area chart", series=_labels(fills))
    kind = _curve_kind(artists)
    if not kind:
        return None
    shaded = ("a shaded area" if is_line_and_area else "a shaded band",) if fills else ()
    return Chart(kind, shaded, _labels([*points, *lines] if not (points and lines) else lines))


def _are_edges(lines: Iterable[Any], curves: Iterable[Any]) -> bool:
    """Whether a line is the edge of a filled curve, and no data of its own."""
    corners = {tuple(point) for curve in curves for point in curve.tolist()}
    return any(corners.issuperset(map(tuple, vertices_of(line)[:100].tolist())) for line in lines)


def _curve_kind(artists: ChartArtists) -> str:
    polar = "Polar " if artists.axes.name == "polar" else ""
    if artists.points:
        kind = "Scatter and line plot" if artists.lines else "Scatter plot"
    elif artists.lines:
        if polar and find_tick_names(artists.axes.xaxis) and all(map(_is_closed, artists.lines)):
            return "Radar chart"
        stepped = all(str(line.get_drawstyle()).startswith("steps") for line in artists.lines)
        kind = "Step plot" if stepped else "Line plot"
    else:
        kind = _kind_of_collections(artists.axes)
    return f"{polar}{kind[0].lower()}{kind[1:]}" if kind and polar else kind


def _is_closed(line: Any) -> bool:
    points = line.get_xydata()
    return len(points) > 2 and bool(points[0, 1] == points[-1, 1])


def _kind_of_collections(axes: Any) -> str:
    drawn = [item for item in axes.collections if is_a(item, "LineCollection")]
    segments = [part for item in drawn for part in item.get_segments()]
    return "" if not drawn else "Dendrogram" if are_dendrogram_links(segments) else "Line plot"


def _with_curves(kind: str, artists: ChartArtists) -> str:
    """Return the kind of a bar chart that also has lines or points of data."""
    if artists.lines:
        return f"{kind} and line plot"
    return f"{kind} and scatter plot" if artists.points else kind


def _features(artists: ChartArtists) -> Iterable[str]:
    axes = artists.axes
    bars_of_data = {id(bar) for bars in artists.bars for bar in bars}
    shapes = [patch for patch in axes.patches if type(patch).__name__ in ("Rectangle", "Polygon")]
    spans = [patch for patch in shapes if id(patch) not in bars_of_data and not is_in_data(patch)]
    if artists.has_error_bars:
        yield "error bars"
    if artists.references:
        yield "a reference line" if len(artists.references) == 1 else f"{len(artists.references)} reference lines"
    if spans:
        yield "a shaded range" if len(spans) == 1 else f"{len(spans)} shaded ranges"
    if any(child.has_data() for child in axes.child_axes if hasattr(child, "has_data")):
        yield "an inset"
    if bars := _colorbars(axes):
        label = bars[0].get_ylabel() or bars[0].get_xlabel()
        yield f"a colour bar for {label}" if label else "a colour bar"


def _colorbars(axes: Any) -> list[Any]:
    """Return the Axes of the colour bars of an Axes: of its artists, or made for it from a mappable of their own."""
    bars = [getattr(item, "colorbar", None) for item in (*axes.images, *axes.collections)]
    own = [bar.ax for bar in bars if bar is not None]
    others = [one for one in axes.figure.axes if axes in getattr(one, "_colorbar_info", {}).get("parents", ())]
    return own or [one for one in others if is_colorbar(one)]


def _legend_names(axes: Axes, count: int) -> tuple[str, ...]:
    """Return the entries of the legend if there is one for each series: seaborn's artists have no labels."""
    legend = axes.get_legend()
    names = tuple(text.get_text() for text in legend.get_texts()) if legend else ()
    return names if len(names) == count else ("",) * count


def _labels(artists: Iterable[Any]) -> tuple[str, ...]:
    labels = (str(artist.get_label() or "") for artist in artists)
    return tuple("" if label.startswith("_") or label == "None" else label for label in labels)


def _lines_of_collections(axes: Any) -> bool:
    return any(is_a(item, "LineCollection") for item in axes.collections)


def _shapes(axes: Any) -> Chart:
    """Return a diagram with its words, where there are shapes."""
    if not (axes.patches or axes.collections or axes.artists):
        return Chart("")
    return Chart("Diagram", series=tuple(filter(None, (text.get_text() for text in axes.texts))), noun="labels")


_FINDERS = (
    _three_dimensional, _from_containers, _boxes, _from_patches, _from_collections, _from_segments, _from_curves,
)  # fmt: skip
