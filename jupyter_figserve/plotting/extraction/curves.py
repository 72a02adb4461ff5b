"""Series of lines, points, stems, error bars and segments. Kernel and jailed child."""

from __future__ import annotations

from typing import Any

from ...model.data_series import Column, Series
from ...model.data_tables import Cell
from ..charts.artists import is_a, is_in_data
from .axes_content import AxesContent, own_label
from .axis_reader import AxisReader
from .values import to_cells


def read_lines(content: AxesContent) -> list[Series]:
    """Return the lines of data, steps and stems included, with the ends of their error bars."""
    artists = content.artists
    drawn = [*artists.lines, *(item for item in artists.points if is_a(item, "Line2D"))]
    drawn = [line for line in drawn if not _is_part(content, line)]
    order = {id(line): number for number, line in enumerate(content.axes.lines)}
    drawn.sort(key=lambda line: order.get(id(line), 0))
    errors = {id(item.lines[0]): item for item in _error_containers(content) if item.lines[0] is not None}
    found = [_read_line(content, line, errors.get(id(line))) for line in drawn]
    found += [_read_line(content, stem.markerline, None, own_label(stem)) for stem in artists.stems]
    return found + [_read_bare_errors(content, item) for item in _error_containers(content) if item.lines[0] is None]


def _is_part(content: AxesContent, line: Any) -> bool:
    """Whether a line is empty, as in legends of seaborn, part of a violin, or the edge of a stacked area."""
    import numpy as np

    points = np.ma.getdata(line.get_xydata())
    if not len(points) or (content.artists.violins and str(line.get_label()).startswith("_child")):
        return True
    return any(
        np.array_equal(points[:, 0], places) and np.allclose(points[:, 1], curve, equal_nan=True)
        for places, curve in content.outlines
    )


def _read_line(content: AxesContent, line: Any, errors: Any, label: str = "") -> Series:
    x, y = (_with_precision(line, name) for name in ("x", "y"))
    keys, values = Column(content.x.name, content.x.read(x)), [Column(content.y.name, content.y.read(y))]
    if errors is not None:
        values += read_error_columns(content, errors, x, y)
    label = label or (own_label(errors) if errors is not None else "") or content.label(line)
    return Series(label, (keys,), tuple(values), len(x))


def _with_precision(line: Any, name: str) -> Any:
    """Return a line's coordinates, of which it keeps doubles, in the precision that they were given in."""
    get = getattr(line, f"get_{name}data")
    is_single = str(getattr(get(orig=True), "dtype", "")) == "float32"
    return get(orig=False).astype("float32") if is_single else get(orig=False)


def _error_containers(content: AxesContent) -> list[Any]:
    bars = [getattr(item, "errorbar", None) for item in content.artists.bars]
    return [item for item in content.axes.containers if type(item).__name__ == "ErrorbarContainer" and item not in bars]


def read_error_columns(content: AxesContent, errors: Any, x: Any, y: Any) -> list[Column]:
    """Return the ends of error bars at the points ``x`` and ``y``, as columns."""
    columns: list[Column] = []
    collections = list(errors.lines[2])
    for has_errors, reader, along, places in (
        (errors.has_xerr, content.x, 0, y),
        (errors.has_yerr, content.y, 1, x),
    ):
        if not has_errors or not collections:
            continue
        segments = collections.pop(0).get_segments()
        names = (f"{reader.name} low", f"{reader.name} high")
        columns += _error_ends(segments, along, places, reader, names)
    return columns


def _error_ends(
    segments: list[Any], along: int, places: Any, reader: AxisReader, names: tuple[str, str]
) -> list[Column]:
    import numpy as np

    ends = {round(float(one[0, 1 - along]), 9): sorted(one[:, along].tolist()) for one in segments if len(one) == 2}
    at = [round(float(place), 9) for place in np.ma.filled(np.ma.asanyarray(places).astype(float), np.nan)]
    if len(segments) == len(at) and len(ends) < len(at):
        pairs = [sorted(one[:, along].tolist()) for one in segments]
    else:
        pairs = [ends.get(place, [np.nan, np.nan]) for place in at]
    low, high = np.array(pairs, dtype=float).reshape(-1, 2).T
    return [Column(name, reader.read(part, is_computed=True)) for name, part in zip(names, (low, high), strict=True)]


def _read_bare_errors(content: AxesContent, errors: Any) -> Series:
    """Return error bars without a line: their middles and ends."""
    import numpy as np

    segments = [one for one in errors.lines[2][-1].get_segments() if len(one) == 2]
    middles = np.array([one.mean(axis=0) for one in segments], dtype=float).reshape(-1, 2)
    x, y = middles.T
    values = (Column(content.y.name, content.y.read(y, is_computed=True)), *read_error_columns(content, errors, x, y))
    return Series(own_label(errors), (Column(content.x.name, content.x.read(x)),), values, len(x))


def read_points(content: AxesContent) -> list[Series]:
    """Return the points of scatter plots, with their sizes, values and groups where these vary."""
    found = [item for item in content.artists.points if is_a(item, "PathCollection")]
    return [_read_scatter(content, item) for item in found if item.get_visible() and len(item.get_offsets())]


def _read_scatter(content: AxesContent, item: Any) -> Series:
    import numpy as np

    offsets = item.get_offsets()
    x, y = offsets.T
    count = len(offsets)
    columns = [Column(content.y.name, content.y.read_near(y) if content.y.has_names else content.y.read(y))]
    values, sizes, colours = item.get_array(), item.get_sizes(), item.get_facecolors()
    if values is not None and np.size(values) == count:
        columns.append(Column(name_of_values(item), to_cells(values, content.limit)))
    elif len(colours) == count > 1 and (groups := content.groups_of(colours)):
        columns.append(Column(groups[0], [*groups[1]]))
    if len(sizes) == count > 1 and np.ptp(sizes) > 0:
        columns.append(Column("size", to_cells(sizes, content.limit)))
    keys = Column(content.x.name, content.x.read_near(x) if content.x.has_names else content.x.read(x))
    return Series(content.label(item), (keys,), tuple(columns), count)


def name_of_values(item: Any) -> str:
    """Return the label of an artist's colour bar, else ``value``."""
    bar = getattr(item, "colorbar", None)
    axes = getattr(bar, "ax", None)
    label = (axes.get_ylabel() or axes.get_xlabel()) if axes is not None else ""
    return str(label) or "value"


def read_segments(content: AxesContent) -> list[Series]:
    """Return the segments of ``hlines``, ``vlines`` and line collections that are no parts of other artists."""
    parts = {id(item) for item in _parts_of_containers(content)} | {id(item) for item in content.artists.references}
    axes = content.axes
    if content.artists.violins:
        return []
    if any(type(patch).__name__ == "FancyArrowPatch" for patch in axes.patches):
        content.notes.append("Streamlines are left out.")
        return []
    drawn = [item for item in axes.collections if type(item).__name__ in ("LineCollection", "EventCollection")]
    drawn = [item for item in drawn if id(item) not in parts and item.get_visible() and is_in_data(item)]
    return [_read_segments(content, item) for item in drawn if item.get_segments()]


def _parts_of_containers(content: AxesContent) -> list[Any]:
    found: list[Any] = []
    for container in content.axes.containers:
        if type(container).__name__ == "ErrorbarContainer":
            found += container.lines[2]
        if type(container).__name__ == "StemContainer":
            found.append(container.stemlines)
    return found


def _read_segments(content: AxesContent, item: Any) -> Series:
    import numpy as np

    segments = item.get_segments()
    x, y = content.x, content.y
    if type(item).__name__ == "EventCollection":
        return _read_events(content, item)
    if all(len(one) == 2 for one in segments):
        points = np.array(segments)
        keys = [Column(f"{x.name} start", x.read(points[:, 0, 0])), Column(f"{y.name} start", y.read(points[:, 0, 1]))]
        ends = [Column(f"{x.name} end", x.read(points[:, 1, 0])), Column(f"{y.name} end", y.read(points[:, 1, 1]))]
        return Series(own_label(item), tuple(keys), tuple(ends), len(segments))
    points = np.concatenate(segments)
    numbers: list[Cell] = [number for number, one in enumerate(segments, 1) for _ in one]
    keys = [Column("line", numbers[: content.limit]), Column(x.name, x.read(points[:, 0]))]
    return Series(own_label(item), tuple(keys), (Column(y.name, y.read(points[:, 1])),), len(points))


def _read_events(content: AxesContent, item: Any) -> Series:
    """Return the positions of an event plot, with the place of their row."""
    along, across = (content.x, content.y) if item.is_horizontal() else (content.y, content.x)
    positions = item.get_positions()
    rows = [item.get_lineoffset()] * len(positions)
    keys = Column(across.name, across.read(rows))
    return Series(own_label(item), (keys,), (Column(along.name, along.read(positions)),), len(positions))
