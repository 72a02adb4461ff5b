"""A thumbnail of a Bokeh plot or layout, drawn without a browser: its glyphs, in their colours. Kernel, jailed child.

It is a sketch for the gallery, without any text. Source of the glyphs and their properties: docs.bokeh.org, reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..libraries import is_instance
from .canvas import Area, Point, SketchCanvas, find_color, is_color
from .marks import MAX_MARKS, Marks, View

if TYPE_CHECKING:
    from ...model.figures import EncodedImage

_COLOR = "#1f77b4"
_MAX_PLOTS = 16
_MAX_GLYPHS = 60


def draw_sketch(obj: object) -> EncodedImage | None:
    """Return the thumbnail of a Bokeh plot or layout; None for anything else, and when no glyph is of a known kind."""
    if not is_instance(obj, "bokeh.models.layouts", "LayoutDOM"):
        return None
    canvas = SketchCanvas(*_size_of(obj), "#ffffff")
    plots = list(_plots(obj, (0.0, 0.0, 1.0, 1.0)))[:_MAX_PLOTS]
    drawn = [_Sketch(canvas).draw(plot, area) for plot, area in plots]
    return canvas.encode() if any(drawn) else None


def _plots(obj: Any, area: Area) -> Iterator[tuple[Any, Area]]:
    """Yield the plots of a layout, each with its part of the canvas."""
    if hasattr(obj, "renderers"):
        yield obj, area
        return
    cells = _cells(obj)
    rows = max((row for _, row, _ in cells), default=0) + 1
    columns = max((column for _, _, column in cells), default=0) + 1
    left, bottom, right, top = area
    across, up = (right - left) / columns, (top - bottom) / rows
    for child, row, column in cells:
        start = left + column * across
        yield from _plots(child, (start, top - (row + 1) * up, start + across, top - row * up))


def _cells(obj: Any) -> list[tuple[Any, int, int]]:
    """Return the plots and layouts in a layout, with row and column."""
    tabs = getattr(obj, "tabs", None)
    if tabs:
        return [(tabs[0].child, 0, 0)]
    found = []
    for index, child in enumerate(getattr(obj, "children", ())):
        if isinstance(child, (tuple, list)):
            found.append((child[0], int(child[1]), int(child[2])))
        else:
            found.append((child, 0, index) if type(obj).__name__ == "Row" else (child, index, 0))
    shown = [cell for cell in found if hasattr(cell[0], "renderers") or hasattr(cell[0], "children")]
    rows, columns = (sorted({cell[part] for cell in shown}) for part in (1, 2))
    # Without the places of widgets and toolbars.
    return [(child, rows.index(row), columns.index(column)) for child, row, column in shown]


def _size_of(obj: Any) -> tuple[float, float]:
    if hasattr(obj, "renderers"):
        return float(obj.width or 600), float(obj.height or 400)
    cells = [(_size_of(child), row, column) for child, row, column in _cells(obj)]
    if not cells:
        return 3.0, 2.0
    widths = {column: max(size[0] for size, _, at in cells if at == column) for _, _, column in cells}
    heights = {row: max(size[1] for size, at, _ in cells if at == row) for _, row, _ in cells}
    return sum(widths.values()), sum(heights.values())


class _Sketch:
    """Draws one plot."""

    def __init__(self, canvas: SketchCanvas) -> None:
        self._canvas = canvas
        self._marks = Marks()

    def draw(self, plot: Any, area: Area) -> bool:
        """Draw the glyphs of known kinds; return whether there were any."""
        for renderer in plot.renderers[:_MAX_GLYPHS]:
            glyph, data = getattr(renderer, "glyph", None), getattr(getattr(renderer, "data_source", None), "data", {})
            read = _KINDS.get(type(glyph).__name__)
            if read is not None and renderer.visible:
                read(self, glyph, data)
        if not self._marks.draws:
            return False
        self._marks.draw(self._canvas, area, find_color(plot.background_fill_color, default="#ffffff"))
        return True

    def _numbers(self, spec: Any, data: Mapping[str, Any], count: int | None = None) -> Any:
        """Return the numbers of a property: of a column, of a stack of columns, or one value for all."""
        import numpy as np

        values = _column(spec, data)
        if values is None:
            return np.zeros(count or 0)
        if np.ndim(values) == 0:
            return np.full(count or 1, self._marks.numbers([values])[0])
        return self._marks.numbers(list(values) if _is_grouped(values) else values)[:MAX_MARKS]

    def _read_lines(self, glyph: Any, data: Mapping[str, Any]) -> None:
        self._add_line(self._numbers(glyph.x, data), self._numbers(glyph.y, data), _colors(glyph.line_color, data)[0])

    def _read_many(self, glyph: Any, data: Mapping[str, Any]) -> None:
        name = type(glyph).__name__
        colors = _colors(glyph.line_color if name == "MultiLine" else glyph.fill_color, data)
        pairs = zip(_column(glyph.xs, data) or (), _column(glyph.ys, data) or (), strict=False)
        for index, (x, y) in enumerate(list(pairs)[:_MAX_GLYPHS]):
            is_area = name == "Patches"
            self._add_line(self._marks.numbers(x), self._marks.numbers(y), colors[index % len(colors)], is_area)

    def _read_dots(self, glyph: Any, data: Mapping[str, Any]) -> None:
        x, y, colors = self._numbers(glyph.x, data), self._numbers(glyph.y, data), _colors(glyph.fill_color, data)

        def draw(view: View) -> None:
            for index, pair in enumerate(zip(x, y, strict=False)):
                self._canvas.dots([view.place(*pair)], colors[index % len(colors)], len(x))

        self._marks.add(x, y, draw)

    def _read_area(self, glyph: Any, data: Mapping[str, Any]) -> None:
        import numpy as np

        if type(glyph).__name__ == "Patch":
            x, y = self._numbers(glyph.x, data), self._numbers(glyph.y, data)
        else:
            x, low = self._numbers(glyph.x, data), self._numbers(glyph.y1, data)
            high = self._numbers(glyph.y2, data, len(x))
            low = low if len(low) == len(x) else np.full(len(x), low[0])
            x, y = np.concatenate([x, x[::-1]]), np.concatenate([low, high[::-1]])
        self._add_line(x, y, _colors(glyph.fill_color, data)[0], is_area=True)

    def _read_boxes(self, glyph: Any, data: Mapping[str, Any]) -> None:
        name = type(glyph).__name__
        if name == "VBar":
            at, top = self._numbers(glyph.x, data), self._numbers(glyph.top, data)
            half, base = self._numbers(glyph.width, data, len(at)) / 2, self._numbers(glyph.bottom, data, len(at))
            edges = at - half, base, at + half, top
        elif name == "HBar":
            at, right = self._numbers(glyph.y, data), self._numbers(glyph.right, data)
            half, base = self._numbers(glyph.height, data, len(at)) / 2, self._numbers(glyph.left, data, len(at))
            edges = base, at - half, right, at + half
        elif name == "Quad":
            top = self._numbers(glyph.top, data)
            left, right, bottom = (
                self._numbers(getattr(glyph, n), data, len(top)) for n in ("left", "right", "bottom")
            )
            edges = left, bottom, right, top
        else:
            x, y = self._numbers(glyph.x, data), self._numbers(glyph.y, data)
            across, up = self._numbers(glyph.width, data, len(x)) / 2, self._numbers(glyph.height, data, len(x)) / 2
            edges = x - across, y - up, x + across, y + up
        self._add_boxes(edges, _colors(glyph.fill_color, data))

    def _read_wedges(self, glyph: Any, data: Mapping[str, Any]) -> None:
        import numpy as np

        starts, ends = self._numbers(glyph.start_angle, data), self._numbers(glyph.end_angle, data)
        sizes = [float(size) for size in np.abs(ends - starts) if size > 0]
        colors = _colors(glyph.fill_color, data)
        hole = 0.5 if type(glyph).__name__ == "AnnularWedge" else 0.0
        self._marks.is_bare = True
        if sizes:
            self._marks.add([0.0, 1.0], [0.0, 1.0], lambda view: self._canvas.pie(view.box, sizes, colors, hole))

    def _read_image(self, glyph: Any, data: Mapping[str, Any]) -> None:
        import numpy as np

        found = _column(glyph.image, data)
        values = found[0] if found is not None and len(found) else []
        self._marks.add_grid(self._canvas, np.asarray(values, dtype=float))

    def _add_line(self, x: Any, y: Any, color: str, is_area: bool = False) -> None:
        import numpy as np

        pairs = [(float(a), float(b)) for a, b in zip(x, y, strict=False) if np.isfinite(a) and np.isfinite(b)]

        def draw(view: View) -> None:
            points: list[Point] = [view.place(*pair) for pair in pairs[:MAX_MARKS]]
            (self._canvas.area if is_area else self._canvas.line)(points, color)

        self._marks.add([a for a, _ in pairs], [b for _, b in pairs], draw)

    def _add_boxes(self, edges: tuple[Any, Any, Any, Any], colors: list[str]) -> None:
        import numpy as np

        left, bottom, right, top = edges
        boxes = [box for box in zip(left, bottom, right, top, strict=False) if np.isfinite(box).all()]

        def draw(view: View) -> None:
            for index, (one, low, other, high) in enumerate(boxes):
                self._canvas.bar(view.place(one, low), view.place(other, high), colors[index % len(colors)])

        self._marks.add([*left, *right], [*bottom, *top], draw)


def _column(spec: Any, data: Mapping[str, Any]) -> Any:
    """Return what a property of a glyph has: a column, what is computed from columns, or a value."""
    if isinstance(spec, str):
        return data.get(spec)
    for kind in ("expr", "field", "value"):
        found = spec.get(kind) if isinstance(spec, Mapping) else getattr(spec, kind, None)
        if found is None or callable(found):
            continue
        if kind == "expr":
            return _computed(found, data)
        return data.get(found) if kind == "field" else found
    return None if isinstance(spec, Mapping) else spec


def _computed(expression: Any, data: Mapping[str, Any]) -> Any:
    """Return the sum of a stack's columns, or the cumulative sum of one; None for other expressions."""
    import numpy as np

    names = [*getattr(expression, "fields", ()), *filter(None, [getattr(expression, "field", None)])]
    columns = [np.asarray(data[name], dtype=float) for name in names if name in data]
    if not columns:
        # Of the lowest part of a stack.
        return 0.0 if hasattr(expression, "fields") else None
    if hasattr(expression, "fields"):
        return sum(columns[1:], columns[0])
    summed = np.cumsum(columns[0])
    return np.concatenate([[0.0], summed[:-1]]) if getattr(expression, "include_zero", False) else summed


def _colors(spec: Any, data: Mapping[str, Any]) -> list[str]:
    """Return the colours of a glyph's marks, one for all where they are the result of a mapping."""
    found = spec if isinstance(spec, str) and is_color(spec) else _column(spec, data)
    given = [found] if isinstance(found, str) else list(found) if found is not None and not _is_number(found) else []
    return [find_color(one, default=_COLOR) for one in given[:MAX_MARKS]] or [_COLOR]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))


def _is_grouped(values: Any) -> bool:
    """Whether these are factors in groups, which are tuples."""
    return len(values) > 0 and isinstance(next(iter(values)), tuple)


_Read = Callable[[_Sketch, Any, Mapping[str, Any]], None]
_KINDS: dict[str, _Read] = {
    **dict.fromkeys(("Line", "Step", "Spline"), _Sketch._read_lines),
    **dict.fromkeys(("MultiLine", "Patches"), _Sketch._read_many),
    **dict.fromkeys(("Scatter", "Circle", "Marker"), _Sketch._read_dots),
    **dict.fromkeys(("VArea", "Patch"), _Sketch._read_area),
    **dict.fromkeys(("VBar", "HBar", "Quad", "Rect", "Block"), _Sketch._read_boxes),
    **dict.fromkeys(("Wedge", "AnnularWedge"), _Sketch._read_wedges),
    "Image": _Sketch._read_image,
}
