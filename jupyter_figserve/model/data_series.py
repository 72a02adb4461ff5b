"""Series of a chart, and how several of one kind become a table. Any process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .data_tables import Cell, DataTable, Row

SERIES = "series"
"""Name of the column that tells series apart."""


@dataclass(frozen=True)
class Column:
    """A column of a series, with a cell for each row."""

    name: str
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Series:
    """A series of a chart.

    Parameters
    ----------
    label
        Its name in the legend, or ``""``.
    keys
        Columns of the positions: x, or the edges of bins.
    values
        Columns of the values at these positions; the first is the value itself, or ``low`` of a range. Others add to
        it, such as the ends of its error bar: their names begin with that of the value.
    total
        Number of rows before they were limited.
    stem
        Name of the value, with which the names of other columns begin; ``""`` for that of the first column.
    """

    label: str
    keys: tuple[Column, ...]
    values: tuple[Column, ...]
    total: int
    stem: str = ""

    @property
    def rows(self) -> list[Row]:
        return list(zip(*(column.cells for column in (*self.keys, *self.values)), strict=True))

    def has_same_keys_as(self, other: Series) -> bool:
        return [(key.name, list(key.cells)) for key in self.keys] == [(key.name, list(key.cells)) for key in other.keys]


def combine(name: str, series: Sequence[Series]) -> list[DataTable]:
    """Return the table of series of one kind, or no table if there are none.

    Series with the same positions are columns side by side; others are stacked, with a column that names the series.
    The columns of a single series have the names of its axes.
    """
    if not series:
        return []
    if len(series) == 1:
        return [_single(name, series[0])]
    first = series[0]
    # Without positions, a row corresponds to no row of another series.
    if first.keys and all(
        one.has_same_keys_as(first) and one.values[0].name == first.values[0].name for one in series[1:]
    ):
        return [_wide(name, series)]
    return [_long(name, series)]


def _single(name: str, series: Series) -> DataTable:
    columns = tuple(column.name for column in (*series.keys, *series.values))
    return DataTable(name, columns, tuple(series.rows), series.total)


def _wide(name: str, series: Sequence[Series]) -> DataTable:
    first = series[0]
    columns, cells = [key.name for key in first.keys], [key.cells for key in first.keys]
    for one in series:
        stem = one.stem or one.values[0].name
        title = one.label or stem
        for column in one.values:
            part = column.name.removeprefix(stem).strip() if column.name.startswith(stem) else column.name
            columns.append(f"{title} {part}".strip())
            cells.append(column.cells)
    return DataTable(name, tuple(columns), tuple(zip(*cells, strict=True)), max(one.total for one in series))


def _long(name: str, series: Sequence[Series]) -> DataTable:
    names = list(dict.fromkeys(column for one in series for column in _names(one)))
    is_labelled = any(one.label for one in series)
    # Points that were drawn one by one, or category by category, are one series.
    is_single = not is_labelled and all(
        len(set(zip(*(key.cells for key in one.keys), strict=True))) == 1 for one in series
    )
    rows: list[Row] = []
    for number, one in enumerate(series, 1):
        own = {column.name: column.cells for column in (*one.keys, *one.values)}
        empty: list[Cell] = [None] * len(one.rows)
        label = one.label or (None if is_labelled else number)
        shown = [own.get(column, empty) for column in names]
        rows += [row if is_single else (label, *row) for row in zip(*shown, strict=True)]
    columns = tuple(names) if is_single else (SERIES, *names)
    return DataTable(name, columns, tuple(rows), sum(one.total for one in series))


def _names(series: Series) -> tuple[str, ...]:
    return tuple(column.name for column in (*series.keys, *series.values))
