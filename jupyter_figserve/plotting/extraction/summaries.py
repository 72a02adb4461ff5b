"""Tables of pies, box plots, and tables that are drawn. Kernel and jailed child."""

from __future__ import annotations

from typing import Any

from ...model.data_series import SERIES
from ...model.data_tables import Cell, DataTable, Row
from ..charts.artists import CAPS, has_line_style, has_marker, is_a
from ..charts.shapes import is_axis_aligned_segment, is_pie, vertices_of
from .axes_content import AxesContent, own_label
from .values import computed, to_text


def read_pie(content: AxesContent, name: str) -> list[DataTable]:
    """Return the slices of a pie by their share of the circle; of a nested pie, a table for each ring."""
    wedges = [patch for patch in content.axes.patches if type(patch).__name__ == "Wedge" and patch.get_visible()]
    rings: dict[float, list[Any]] = {}
    for wedge in wedges:
        rings.setdefault(round(float(wedge.r), 6), []).append(wedge)
    return [_read_ring(ring, name) for ring in rings.values() if is_pie(ring)]


def _read_ring(wedges: list[Any], name: str) -> DataTable:
    shares = computed([(wedge.theta2 - wedge.theta1) / 360 for wedge in wedges])
    shares = [round(share, 7) if isinstance(share, float) else share for share in shares]
    labels = [own_label(wedge) or str(number) for number, wedge in enumerate(wedges, 1)]
    return DataTable(name, ("slice", "share"), tuple(zip(labels, shares, strict=True)), len(wedges))


def read_boxes(content: AxesContent, name: str) -> list[DataTable]:
    """Return box plots by their five numbers, and the outliers."""
    boxes, parts = content.artists.boxes, content.artists.box_parts
    if not boxes:
        return []
    lines = [part for part in parts if part not in boxes]
    segments = [points for line in lines if is_axis_aligned_segment(points := line.get_xydata())]
    is_vertical = _are_vertical([vertices_of(box) for box in boxes], segments)
    reader, values = content.readers(is_vertical=is_vertical)
    found = [_five_numbers(vertices_of(box), segments, is_vertical=is_vertical) for box in boxes]
    places = reader.read_near([place for place, _ in found])
    columns: tuple[str, ...] = (reader.name, "low", "first quartile", "median", "third quartile", "high")
    numbers = [values.read(list(column), is_computed=True) for column in zip(*(five for _, five in found), strict=True)]
    groups = [content.label(box) for box in boxes]
    rows: tuple[Row, ...] = tuple(zip(places, *numbers, strict=True))
    if any(groups):
        columns = (reader.name, SERIES, *columns[1:])
        rows = tuple((row[0], group, *row[1:]) for row, group in zip(rows, groups, strict=True))
    tables = [DataTable(name, columns, rows, len(rows))]
    outliers = _outliers(lines, is_vertical=is_vertical)
    if outliers:
        cells: list[list[Cell]] = [reader.read_near([x for x, _ in outliers]), values.read([y for _, y in outliers])]
        shown = tuple(zip(*cells, strict=True))
        tables.append(DataTable(f"{name}: outliers", (reader.name, values.name), shown, len(outliers)))
    return tables


def _are_vertical(boxes: list[Any], segments: list[Any]) -> bool:
    """Whether whiskers leave the boxes upwards and downwards, in their middles."""
    for box in boxes:
        middle = (box[:, 0].min() + box[:, 0].max()) / 2
        for points in segments:
            if points[0, 0] == points[1, 0] and abs(points[0, 0] - middle) < 1e-9 and points[0, 1] != points[1, 1]:
                return True
    return False


def _five_numbers(box: Any, segments: list[Any], *, is_vertical: bool) -> tuple[float, tuple[float, ...]]:
    """Return the place of a box, and its low whisker, quartiles, median and high whisker."""
    along, across = (1, 0) if is_vertical else (0, 1)
    left, right = float(box[:, across].min()), float(box[:, across].max())
    low, high = float(box[:, along].min()), float(box[:, along].max())
    middle, median, ends = (left + right) / 2, float("nan"), [low, high]
    for points in segments:
        if not (left <= points[:, across].min() and points[:, across].max() <= right):
            continue
        is_whisker = points[0, across] == points[1, across]
        if is_whisker and abs(points[0, across] - middle) < 1e-9 * max(1.0, abs(middle)):
            ends += points[:, along].tolist()
        elif not is_whisker and low <= points[0, along] <= high and _is_across(points[:, across], left, right):
            # Caps of whiskers without length lie on the edges of the box, and come first.
            median = float(points[0, along])
    return middle, (min(ends), low, median, high, max(ends))


def _is_across(ends: Any, left: float, right: float) -> bool:
    """Whether a segment is as wide as the box, or as its notch."""
    return float(abs(ends[1] - ends[0])) >= 0.45 * (right - left)


def _outliers(lines: list[Any], *, is_vertical: bool) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for line in lines:
        if has_marker(line) and line.get_marker() not in CAPS and not has_line_style(line):
            points = line.get_xydata()
            found += [(float(x), float(y)) if is_vertical else (float(y), float(x)) for x, y in points]
    return found


def read_drawn_tables(content: AxesContent, name: str) -> list[DataTable]:
    """Return the tables that ``Axes.table`` drew; the first row is the header."""
    return [_read_drawn_table(table, name) for table in content.axes.tables if table.get_visible()]


def _read_drawn_table(table: Any, name: str) -> DataTable:
    cells = {place: to_text(cell.get_text().get_text()) for place, cell in table.get_celld().items()}
    rows, columns = (sorted({place[axis] for place in cells}) for axis in (0, 1))
    texts = [tuple(cells.get((row, column), "") for column in columns) for row in rows]
    header, body = texts[0], texts[1:]
    if rows[0] != 0 or not body:
        header, body = tuple(f"column {number}" for number, _ in enumerate(columns, 1)), texts
    return DataTable(name, header, tuple(body), len(body))


def describe_unread_parts(content: AxesContent) -> list[str]:
    """Return sentences about what the tables of an Axes lack."""
    collections, artists = content.axes.collections, content.artists
    notes = []
    if any("ContourSet" in type(item).__name__ for item in collections):
        notes.append("Contours are left out: matplotlib keeps only their outlines.")
    if artists.violins:
        notes.append("Violins are left out: they are drawn from estimates of a density.")
    if any(is_a(item, "Barbs") for item in collections):
        notes.append("Barbs are left out.")
    return notes
