"""A thumbnail of a Plotly figure, drawn without a browser: what its traces show, in its colours. Kernel, jailed child.

It is a sketch for the gallery, without any text. Source of the defaults: plotly.com/python/reference.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ..libraries import PLOTLY, is_instance
from .canvas import Point, SketchCanvas, find_color, is_color
from .marks import MAX_MARKS, Marks, View

if TYPE_CHECKING:
    from ...model.figures import EncodedImage

_COLORS = ("#636efa", "#ef553b", "#00cc96", "#ab63fa", "#ffa15a", "#19d3f3", "#ff6692", "#b6e880", "#ff97ff", "#fecb52")
_SIZE = (320.0, 216.0)
_PLOT_BACKGROUND = "#e5ecf6"
_MAX_TRACES = 60
_BINS = 24


def draw_sketch(obj: object) -> EncodedImage | None:
    """Return the thumbnail of a Plotly figure; None for anything else, and when no trace is of a known kind."""
    if not is_instance(obj, *PLOTLY):
        return None
    figure: Any = obj
    return _Sketch(figure.to_plotly_json()).draw()


class _Sketch:
    """The traces of a figure, drawn on one canvas."""

    def __init__(self, figure: Mapping[str, Any]) -> None:
        self._layout = figure.get("layout") or {}
        traces = [one for one in figure.get("data") or () if one.get("visible") in (None, True)]
        self._traces = [{name: _decoded(value) for name, value in one.items()} for one in traces[:_MAX_TRACES]]
        template = (self._layout.get("template") or {}).get("layout") or {}
        given = [one for one in self._layout.get("colorway") or template.get("colorway") or () if is_color(one)]
        self._colors: Sequence[str] = given or _COLORS
        plot, paper = (self._layout.get(name) or template.get(name) for name in ("plot_bgcolor", "paper_bgcolor"))
        self._background = find_color(plot, default=_PLOT_BACKGROUND)
        self._canvas = SketchCanvas(*self._size(), find_color(paper, default="#ffffff"))

    def draw(self) -> EncodedImage | None:
        places: dict[tuple[str, str], Marks] = {}
        drawn = False
        bars = [one for one in self._traces if one.get("type") in ("bar", "box", "violin")]
        for index, trace in enumerate(self._traces):
            kind = trace.get("type") or "scatter"
            if kind in _ROUND:
                drawn = self._draw_pie(trace) or drawn
            elif (read := _KINDS.get(kind)) is not None:
                marks = places.setdefault((trace.get("xaxis") or "x", trace.get("yaxis") or "y"), Marks())
                share = (bars.index(trace), len(bars)) if trace in bars else (0, 1)
                read(self, marks, trace, self._color_of(trace, index), share)
        for (x, y), marks in places.items():
            if marks.draws:
                drawn = True
                (left, right), (bottom, top) = self._domain(x), self._domain(y)
                marks.draw(self._canvas, (left, bottom, right, top), self._background)
        return self._canvas.encode() if drawn else None

    def _size(self) -> Point:
        width, height = self._layout.get("width"), self._layout.get("height")
        return (float(width), float(height)) if width and height else _SIZE

    def _domain(self, axis: str) -> Point:
        found = (self._layout.get(f"{axis[0]}axis{axis[1:]}") or {}).get("domain")
        return (float(found[0]), float(found[1])) if found is not None and len(found) == 2 else (0.0, 1.0)

    def _color_of(self, trace: Mapping[str, Any], index: int) -> str:
        own = ((trace.get(part) or {}).get("color") for part in ("line", "marker"))
        return find_color(*own, default=self._colors[index % len(self._colors)])

    def _draw_pie(self, trace: Mapping[str, Any]) -> bool:
        given = trace.get("values")
        values = [float(one) for one in given if one and float(one) > 0] if given is not None else []
        labels = trace.get("labels")
        counted = values or ([] if labels is None else [1.0] * len(set(labels)))
        if not counted:
            return False
        domain = trace.get("domain") or {}
        (left, right), (bottom, top) = domain.get("x") or (0, 1), domain.get("y") or (0, 1)
        hole = float(trace.get("hole") or (0.35 if trace.get("type") != "pie" else 0))
        self._canvas.pie(self._canvas.axes((left, bottom, right, top), None), counted, self._colors, hole)
        return True

    def _read_points(self, marks: Marks, trace: Mapping[str, Any], color: str, _: Point) -> None:
        import numpy as np

        y = _first(trace, "y", "lat", "r", "close")
        x = _first(trace, "x", "lon", "theta")
        if x is None and y is None:
            return
        ys = marks.numbers(y if y is not None else range(len(x)))
        xs = marks.numbers(x if x is not None else range(len(ys)))
        if "theta" in trace and "r" in trace:
            xs, ys = ys * np.cos(np.radians(xs)), ys * np.sin(np.radians(xs))
        elif trace.get("z") is not None:
            zs = marks.numbers(trace["z"])
            xs, ys = xs - 0.35 * ys, zs + 0.35 * ys
        marks.is_bare = "lat" in trace
        step = max(1, len(xs) // MAX_MARKS)
        xs, ys = xs[::step], ys[: len(xs) : step]
        mode = trace.get("mode") or ("lines+markers" if len(xs) < 20 else "lines")
        is_filled = bool(trace.get("fill")) and trace.get("fill") != "none"

        def draw(view: View) -> None:
            points = [view.place(*pair) for pair in zip(xs, ys, strict=False) if np.isfinite(pair).all()]
            if is_filled and points:
                base = min(max(view.place(0, 0)[1], view.box[1]), view.box[3])
                self._canvas.area([(points[0][0], base), *points, (points[-1][0], base)], color)
            if "lines" in mode:
                self._canvas.line(points, color)
            if "markers" in mode:
                self._canvas.dots(points, color, len(points))

        marks.add(xs, [*ys, 0.0] if is_filled else ys, draw)

    def _read_bars(self, marks: Marks, trace: Mapping[str, Any], color: str, share: Point) -> None:
        is_across = trace.get("orientation") == "h"
        heights = _first(trace, "x" if is_across else "y", "values")
        places = _first(trace, "y" if is_across else "x", "labels")
        if heights is None:
            return
        lengths = marks.numbers(heights)
        at = marks.numbers(places if places is not None else range(len(lengths)))
        pairs = list(zip(at.tolist(), lengths.tolist(), strict=False))[:MAX_MARKS]
        is_stacked = self._layout.get("barmode") in ("stack", "relative") or trace.get("type") != "bar"
        self._add_bars(marks, pairs, color, (0, 1) if is_stacked else share, is_across, is_stacked)

    def _add_bars(
        self,
        marks: Marks,
        pairs: Sequence[Point],
        color: str,
        share: Point,
        is_across: bool,
        is_stacked: bool,
        width: float | None = None,
    ) -> None:
        steps = sorted({place for place, _ in pairs})
        gaps = [after - before for before, after in pairwise(steps)]
        whole = width or 0.8 * (min(gaps) if gaps else 1.0)
        own = whole / share[1]
        bars = []
        for place, length in pairs:
            base = marks.stacked.get(place, 0.0) if is_stacked else 0.0
            marks.stacked[place] = base + length
            start = place - whole / 2 + share[0] * own
            corners = (start, base), (start + own, base + length)
            bars.append([(one[1], one[0]) for one in corners] if is_across else list(corners))

        def draw(view: View) -> None:
            for one, other in bars:
                self._canvas.bar(view.place(*one), view.place(*other), color)

        ends = [corner for bar in bars for corner in bar]
        marks.add([x for x, _ in ends], [y for _, y in ends], draw)

    def _read_histogram(self, marks: Marks, trace: Mapping[str, Any], color: str, _: Point) -> None:
        import numpy as np

        is_across = trace.get("x") is None
        given = trace.get("y") if is_across else trace.get("x")
        if given is None:
            return
        values = marks.numbers(given)
        values = values[np.isfinite(values)]
        if marks.names:
            places, counts = np.unique(values, return_counts=True)
            width = 0.8
        else:
            counts, edges = np.histogram(values, bins=min(int(trace.get("nbinsx") or _BINS), 60))
            places, width = (edges[:-1] + edges[1:]) / 2, float(edges[1] - edges[0]) * 0.96
        pairs = list(zip(places.tolist(), counts.tolist(), strict=True))
        self._add_bars(marks, pairs, color, (0, 1), is_across, False, width)

    def _read_boxes(self, marks: Marks, trace: Mapping[str, Any], color: str, share: Point) -> None:
        import numpy as np

        given = _first(trace, "y", "x")
        if given is None:
            return
        values, place = marks.numbers(given), float(share[0])
        values = values[np.isfinite(values)]
        if not values.size:
            return
        low, first, middle, third, high = np.quantile(values, (0.02, 0.25, 0.5, 0.75, 0.98)).tolist()

        def draw(view: View) -> None:
            self._canvas.line([view.place(place, low), view.place(place, high)], color)
            self._canvas.bar(view.place(place - 0.3, first), view.place(place + 0.3, third), color)
            self._canvas.line([view.place(place - 0.3, middle), view.place(place + 0.3, middle)], "#ffffff")

        marks.add([place - 0.4, place + 0.4], [low, high], draw)

    def _read_grid(self, marks: Marks, trace: Mapping[str, Any], _color: str, _: Point) -> None:
        import numpy as np

        if trace.get("z") is None and trace.get("x") is not None and trace.get("y") is not None:
            values = np.histogram2d(marks.numbers(trace["y"]), marks.numbers(trace["x"]), bins=_BINS)[0]
        else:
            values = np.asarray(trace.get("z"), dtype=float)
        marks.add_grid(self._canvas, values)


_ROUND = ("pie", "sunburst", "funnelarea")
_POINTS = ("scatter", "scattergl", "scatter3d", "scattergeo", "scattermap", "scattermapbox", "scatterpolar", "ohlc")
_GRIDS = ("heatmap", "contour", "surface", "histogram2d", "histogram2dcontour")
_Read = Callable[[_Sketch, Marks, Mapping[str, Any], str, Point], None]
_KINDS: dict[str, _Read] = {
    **dict.fromkeys((*_POINTS, "candlestick", "scatterpolargl"), _Sketch._read_points),
    **dict.fromkeys(("bar", "funnel", "waterfall"), _Sketch._read_bars),
    **dict.fromkeys(("box", "violin"), _Sketch._read_boxes),
    **dict.fromkeys(_GRIDS, _Sketch._read_grid),
    "histogram": _Sketch._read_histogram,
}


def _decoded(value: Any) -> Any:
    """Return a binary array as NumPy's, and anything else as it is."""
    if not isinstance(value, Mapping) or "bdata" not in value:
        return value
    import numpy as np

    found = np.frombuffer(base64.b64decode(value["bdata"]), dtype=value["dtype"])
    shape = value.get("shape")
    return found.reshape([int(side) for side in shape.split(",")]) if isinstance(shape, str) else found


def _first(trace: Mapping[str, Any], *names: str) -> Any:
    """Return the first array of these names that the trace has."""
    return next((trace[name] for name in names if trace.get(name) is not None), None)
