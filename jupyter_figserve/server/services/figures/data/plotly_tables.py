"""The tables of a Plotly figure, from its JSON. Server process.

What a trace shows is in arrays of known names; what the browser computes from them, such as the bins of a histogram, is
not. Source: plotly.com/javascript/reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .....errors import Conflict
from .....model.data_series import Column, Series, combine
from .....model.data_tables import MAX_COLUMNS, MAX_TABLES, Cell, DataTable, FigureData, make_data
from .plain_values import at, cells_of, list_of, shape_of, text_of

_KEYS = ("x", "theta", "lon", "labels", "ids", "locations", "a")
"""Arrays with the positions that the values of the other arrays belong to."""
_VALUES = (
    "y", "z", "r", "lat", "b", "c", "value", "values", "parents", "open", "high", "low", "close", "base", "measure",
    "u", "v", "w", "i", "j", "k", "q1", "median", "q3", "lowerfence", "upperfence", "mean", "sd", "real", "imag",
)  # fmt: skip
_GRIDS = ("heatmap", "contour", "surface", "heatmapgl", "histogram2dcontour")
_COMPUTED = {
    "histogram": "The values of histograms are listed; the browser computes their bins.",
    "histogram2d": "The values of histograms are listed; the browser computes their bins.",
    "histogram2dcontour": "The values of histograms are listed; the browser computes their bins.",
    "box": "The values of box plots are listed; the browser computes their quartiles.",
    "violin": "The values of violins are listed; the browser computes their shapes.",
}
NO_DATA = "The Plotly figure has no data that could be a table."


def read_plotly(figure: Mapping[str, Any], max_rows: int) -> FigureData:
    """Return what the traces of a figure show; what is malformed is left out.

    Raises
    ------
    Conflict
        There is none, with the code ``no_data``.
    """
    traces = [
        trace for trace in _items(figure.get("data")) if isinstance(trace, dict) and trace.get("visible") is not False
    ]
    layout = figure.get("layout")
    title = text_of(at(layout, "title"))
    groups: dict[tuple[str, str, str], list[Series]] = {}
    tables: list[DataTable] = []
    notes: dict[str, None] = {}
    for trace in traces:
        kind = trace["type"] if isinstance(trace.get("type"), str) else "scatter"
        place = str(trace.get("xaxis", "x"))[:20], str(trace.get("yaxis", "y"))[:20]
        own = list(_special_tables(trace, kind, layout, max_rows, title))
        tables += own
        series = None if own else _read_trace(trace, kind, layout, max_rows)
        if series is not None:
            groups.setdefault((*place, kind), []).append(series)
        if kind in _COMPUTED and series is not None:
            notes[_COMPUTED[kind]] = None
    places = list(dict.fromkeys(key[:2] for key in groups))
    for (x, y, kind), found in groups.items():
        parts = [
            title,
            f"axes {places.index((x, y)) + 1}" if len(places) > 1 else "",
            kind if len({key[2] for key in groups}) > 1 else "",
        ]
        tables += combine(", ".join(filter(None, parts)) or kind.capitalize(), found)
    if not tables:
        raise Conflict(NO_DATA, code="no_data")
    return make_data(tables, notes, max_rows)


def _items(value: object) -> list[Any]:
    return value[:MAX_TABLES] if isinstance(value, list) else []


def _read_trace(trace: dict[str, Any], kind: str, layout: object, limit: int) -> Series | None:
    """Return the arrays of a trace as a series; those that are shorter are filled up."""
    names = _column_names(trace, layout)
    arrays = {name: found for name in (*_KEYS, *_VALUES) if (found := list_of(trace.get(name), limit)) is not None}
    extra = dict(_marker_arrays(trace, limit))
    if not arrays:
        return None
    total = max(count for _, count in arrays.values())
    length = min(total, limit)
    columns = {
        name: Column(names.get(name, name), _padded(cells_of(values), length)) for name, (values, _) in arrays.items()
    }
    if "y" in columns and "x" not in columns and kind not in ("box", "violin", "histogram"):
        columns["x"] = Column(names["x"], _steps(trace, "x", length))
    keys = [columns.pop(name) for name in _KEYS if name in columns]
    values = [*columns.values(), *(Column(name, _padded(cells, length)) for name, cells in extra.items())]
    if trace.get("orientation") == "h" and keys and "y" in arrays and "x" in arrays:
        # Horizontal bars have their positions on the y axis.
        keys, values = [columns["y"]], [*keys, *(one for one in values if one is not columns["y"])]
    if all(cell is None for column in (*keys, *values) for cell in column.cells):
        return None
    if not values or not keys:
        keys, values = [], [*keys, *values]
    return Series(text_of(trace.get("name")), tuple(keys), tuple(values), total)


def _column_names(trace: dict[str, Any], layout: object) -> dict[str, str]:
    """Return the titles of a trace's axes by the names of its arrays."""
    names = {"x": "x", "y": "y"}
    for name in ("x", "y"):
        axis = trace.get(f"{name}axis")
        number = axis[1:3] if isinstance(axis, str) else ""
        own = at(layout, f"{name}axis{number}")
        # Of facets, only the outer axes have titles.
        matched = at(own, "matches")
        outer = at(layout, f"{name}axis{matched[1:3]}") if isinstance(matched, str) else None
        names[name] = text_of(at(own, "title")) or text_of(at(outer, "title")) or name
    scene = trace.get("scene") if isinstance(trace.get("scene"), str) else "scene"
    for name in ("x", "y", "z"):
        if title := text_of(at(layout, str(scene), f"{name}axis", "title")):
            names[name] = title
    return names


def _marker_arrays(trace: dict[str, Any], limit: int) -> Iterator[tuple[str, list[Cell]]]:
    """Yield what else varies from point to point: error bars, sizes, colours, texts."""
    for axis in ("x", "y", "z"):
        for name, label in (("array", "plus"), ("arrayminus", "minus")):
            found = list_of(at(trace, f"error_{axis}", name), limit)
            if found is not None:
                yield f"error {axis} {label}", cells_of(found[0])
    for name in ("size", "color"):
        found = list_of(at(trace, "marker", name), limit)
        if found is not None:
            yield name, cells_of(found[0])
    found = list_of(trace.get("text"), limit)
    if found is not None:
        yield "text", cells_of(found[0])


def _steps(trace: dict[str, Any], name: str, length: int) -> list[Cell]:
    start, step = trace.get(f"{name}0", 0), trace.get(f"d{name}", 1)
    are_numbers = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in (start, step))
    return cells_of([start + step * index for index in range(length)] if are_numbers else list(range(length)))


def _padded(cells: list[Cell], length: int) -> list[Cell]:
    return (cells + [None] * (length - len(cells)))[:length]


def _special_tables(trace: dict[str, Any], kind: str, layout: object, limit: int, title: str) -> Iterator[DataTable]:
    """Yield the tables of traces that are not series."""
    name = ": ".join(filter(None, (title, text_of(trace.get("name"))))) or kind.capitalize()
    if kind in _GRIDS and (rows := _matrix(trace.get("z"), limit)) is not None:
        yield _grid(trace, layout, *rows, name, limit)
    elif kind == "table":
        header, columns = _items(at(trace, "header", "values")), _items(at(trace, "cells", "values"))
        yield from _columns(
            name, [(text_of(text), column) for text, column in zip(header, columns, strict=False)], limit
        )
    elif kind == "sankey":
        labels = list_of(at(trace, "node", "label"), limit) or ([], 0)
        links = [(part, at(trace, "link", part)) for part in ("source", "target", "value")]
        yield from _columns(f"{name}: links", links, limit)
        yield from _columns(f"{name}: nodes", [("label", labels[0])], limit)
    elif kind in ("parcoords", "parcats", "splom"):
        dimensions = [one for one in _items(trace.get("dimensions")) if isinstance(one, dict)]
        yield from _columns(name, [(text_of(one.get("label")), one.get("values")) for one in dimensions], limit)
    elif kind == "indicator" and isinstance(trace.get("value"), (int, float)):
        yield from _columns(name, [(text_of(trace.get("title")) or "value", [trace["value"]])], limit)


def _columns(name: str, given: list[tuple[str, object]], limit: int) -> Iterator[DataTable]:
    arrays = [(title, found) for title, value in given if (found := list_of(value, limit)) is not None and found[0]]
    if arrays:
        total = max(count for _, (_, count) in arrays)
        length = min(total, limit)
        cells = [_padded(cells_of(values), length) for _, (values, _) in arrays]
        yield DataTable(name, tuple(title for title, _ in arrays), tuple(zip(*cells, strict=True)), total)


def _matrix(value: object, limit: int) -> tuple[list[list[Cell]], int] | None:
    """Return the rows of a list of lists or of a binary array of two dimensions, and how many there are."""
    shape, found = shape_of(value), None
    if shape is not None and len(shape) == 2:
        found = list_of(value, shape[0] * shape[1])
        values, width = (found[0], shape[1]) if found is not None else ([], 0)
        rows: list[Any] = [values[start : start + width] for start in range(0, len(values), width)] if width else []
    else:
        rows = value if isinstance(value, list) else []
    lists = [list_of(row, MAX_COLUMNS) for row in rows[:limit]]
    if any(row is None for row in lists) or not any(row and row[0] for row in lists):
        return None
    return [cells_of(row[0]) for row in lists if row is not None], len(rows)


def _grid(
    trace: dict[str, Any], layout: object, rows: list[list[Cell]], total: int, name: str, limit: int
) -> DataTable:
    names, width = _column_names(trace, layout), max(map(len, rows))
    places = {}
    for axis, count in (("x", width), ("y", len(rows))):
        given = list_of(trace.get(axis), max(count, 1))
        places[axis] = cells_of(given[0]) if given is not None and given[0] else _steps(trace, axis, count)
    across, along = _padded(places["x"], width), _padded(places["y"], len(rows))
    columns = (f"{names['y']} \\ {names['x']}", *("" if cell is None else str(cell) for cell in across))
    body = tuple((place, *_padded(row, width)) for place, row in zip(along, rows, strict=True))
    return DataTable(name, columns, body[:limit], total)
