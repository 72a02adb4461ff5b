"""The tables of a matplotlib figure: one for each Axes and kind of artist. Kernel and jailed child."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from ...errors import Conflict
from ...model.data_series import Series, combine
from ...model.data_tables import MAX_TEXT_LENGTH, DataTable, FigureData, make_data
from ..charts.chart import is_colorbar
from ..figure_texts import find_axes_title, find_heading
from ..resolve import ResolvedFigure
from .areas import read_areas
from .axes_content import AxesContent
from .bars import read_bars, read_outlines
from .curves import read_lines, read_points, read_segments
from .grids import read_cells, read_grids
from .spatial import read_spatial
from .summaries import describe_unread_parts, read_boxes, read_drawn_tables, read_pie
from .values import to_text

_log = logging.getLogger(__name__)
_MAX_AXES = 100
NO_DATA = "The figure shows no data that could be a table: no lines, bars, points, bins, images or areas."


def read_figure(found: ResolvedFigure, max_rows: int) -> FigureData:
    """Return what the axes of a figure show, as tables.

    Parameters
    ----------
    max_rows
        Maximum number of rows of one table; further ones are only counted.

    Raises
    ------
    Conflict
        There is no data in the figure, with the code ``no_data``.
    """
    shown = [axes for axes in _all_axes(found.figure) if axes.get_visible() and not is_colorbar(axes)][:_MAX_AXES]
    contents = [AxesContent.of(axes, max_rows, found.labels) for axes in shown]
    read = [(content, list(_read_axes(content))) for content in contents]
    read = [(content, groups) for content, groups in read if groups]
    notes = dict.fromkeys(note for content in contents for note in (*content.notes, *describe_unread_parts(content)))
    tables: list[DataTable] = []
    for number, (content, groups) in enumerate(read, 1):
        title = find_axes_title(content.axes, MAX_TEXT_LENGTH) or (
            _figure_title(found) if len(read) == 1 else f"Axes {number}"
        )
        for kind, make in groups:
            name = title if title and len(groups) == 1 else f"{title}, {kind}" if title else kind.capitalize()
            tables += make(name)
    if not tables:
        raise Conflict(" ".join((NO_DATA, *notes)), code="no_data")
    return make_data(tables, notes, max_rows)


_Group = tuple[str, Callable[[str], list[DataTable]]]
"""What a kind of artist is called, and a function from the name of its table to the tables."""


def _read_axes(content: AxesContent) -> Iterator[_Group]:
    """Yield the groups of artists of an Axes that have data; what fails is left out, with a note."""
    if content.axes.name == "3d":
        named = _attempt(content, read_spatial) or {}
        yield from ((kind, partial(combine, series=series)) for kind, series in named.items() if series)
        return
    for read_named in (read_bars, read_areas):
        kind, series = _attempt(content, read_named) or ("", [])
        if series:
            yield kind, partial(combine, series=series)
    for kind, read in _SERIES:
        series = _attempt(content, read)
        if series:
            yield kind, partial(combine, series=series)
    for kind, make in _TABLES:
        if _attempt(content, partial(make, name=kind)):
            yield kind, partial(make, content)


_SERIES: tuple[tuple[str, Callable[[AxesContent], list[Series]]], ...] = (
    ("bins", read_outlines),
    ("lines", read_lines),
    ("points", read_points),
    ("segments", read_segments),
    ("cells", read_cells),
)
_TABLES: tuple[tuple[str, Callable[..., list[DataTable]]], ...] = (
    ("grid", read_grids),
    ("slices", read_pie),
    ("boxes", read_boxes),
    ("table", read_drawn_tables),
)


def _attempt(content: AxesContent, read: Callable[[AxesContent], Any]) -> Any:
    try:
        return read(content)
    except Exception as error:
        _log.debug("Part of a figure's data could not be read: %s: %s", type(error).__name__, error)
        content.notes.append("Some of the figure's data could not be read.")
        return None


def _all_axes(figure: Any) -> Iterable[Any]:
    """Yield the Axes of a figure with their insets."""
    for axes in figure.get_axes():
        yield axes
        yield from (child for child in axes.child_axes if hasattr(child, "get_lines"))


def _figure_title(found: ResolvedFigure) -> str:
    return to_text(found.title) or find_heading(found.figure, MAX_TEXT_LENGTH)
