"""The data of a figure as tables, and as lines of JSON on their way out of a sandbox. Any process."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import OutputInvalid

Cell = str | int | float | bool | None
Row = tuple[Cell, ...]
MAX_TABLES = 200
MAX_COLUMNS = 16_384
"""Maximum number of columns, which is that of spreadsheets."""
MAX_TEXT_LENGTH = 500
"""Maximum length of a name or a cell, in characters."""
CELLS_PER_ROW = 20
"""A figure has at most this many cells for each row that a table may have."""
_MAX_NOTES = 20
_MAX_INTEGER = 2**63


@dataclass(frozen=True)
class DataTable:
    """A table of a figure's data.

    Parameters
    ----------
    name
        What it shows, such as ``"Sightings, bars"``; unique within the figure.
    total
        Number of rows before it was cut to the limit.
    hidden_columns
        Number of columns that a preview leaves out.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    total: int
    hidden_columns: int = 0

    @property
    def is_cut(self) -> bool:
        return self.total > len(self.rows)

    def head(self, rows: int, columns: int) -> DataTable:
        """Return the first rows and columns."""
        shown = tuple(row[:columns] for row in self.rows[:rows])
        hidden = max(0, len(self.columns) - columns)
        return replace(self, columns=self.columns[:columns], rows=shown, hidden_columns=hidden)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "columns": list(self.columns),
            "rows": [list(row) for row in self.rows],
            "total": self.total,
        }


@dataclass(frozen=True)
class FigureData:
    """The data of a figure.

    Parameters
    ----------
    tables
        At least one.
    notes
        Sentences about what the tables lack.
    """

    tables: tuple[DataTable, ...]
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"tables": [table.as_json() for table in self.tables], "notes": list(self.notes)}


def make_data(tables: Iterable[DataTable], notes: Iterable[str], max_rows: int) -> FigureData:
    """Return tables with unique names, cut to ``max_rows`` rows each and to ``CELLS_PER_ROW`` times as many cells."""
    kept: list[DataTable] = []
    left = max_rows * CELLS_PER_ROW
    names: list[str] = []
    for table in list(tables)[:MAX_TABLES]:
        columns = _unique_names(table.columns[:MAX_COLUMNS])
        count = min(max_rows, left // max(1, len(columns)))
        rows = tuple(row[:MAX_COLUMNS] for row in table.rows[:count])
        left -= len(rows) * len(columns)
        names.append(table.name)
        kept.append(DataTable(table.name, columns, rows, table.total))
    named = zip(kept, _unique_names(names), strict=True)
    return FigureData(tuple(replace(table, name=name) for table, name in named), tuple(notes)[:_MAX_NOTES])


def _unique_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return names without duplicates and blanks: ``y``, ``y 2``, ``y 3``."""
    return tuple(_numbered(names))


def _numbered(names: Iterable[str]) -> Iterator[str]:
    used: set[str] = set()
    for name in names:
        base = name.strip()[:MAX_TEXT_LENGTH] or "value"
        unique, number = base, 1
        while unique in used:
            number += 1
            unique = f"{base} {number}"
        used.add(unique)
        yield unique


def to_lines(data: FigureData, max_size: int | None = None) -> bytes:
    """Write data as lines of JSON: for each table an object and its rows, in the end the notes.

    Parameters
    ----------
    max_size
        Maximum number of bytes of all rows; further rows are left out.
    """
    lines: list[bytes] = []
    left = math.inf if max_size is None else max_size
    for table in data.tables:
        lines.append(_dump({"table": table.name, "columns": table.columns, "total": table.total}))
        for row in table.rows:
            line = _dump(row)
            left -= len(line)
            if left < 0:
                break
            lines.append(line)
    lines.append(_dump({"notes": data.notes}))
    return b"\n".join(lines)


def from_lines(text: bytes, max_rows: int) -> FigureData:
    """Read what ``to_lines`` wrote, or what hostile code wrote instead; every cell is checked.

    Line by line, so that other threads have their turns.

    Raises
    ------
    OutputInvalid
        The lines are not tables.
    """
    tables: list[tuple[str, tuple[str, ...], int, list[Row]]] = []
    notes: tuple[str, ...] = ()
    try:
        for line in text.decode().split("\n"):
            value = json.loads(line)
            if isinstance(value, list):
                _, columns, _, rows = tables[-1]
                if len(value) != len(columns):
                    raise ValueError("a row has another number of cells")
                rows.append(tuple(to_cell(cell) for cell in value))
            elif "notes" in value:
                notes = tuple(str(note)[:MAX_TEXT_LENGTH] for note in value["notes"])
            else:
                tables.append((_text(value["table"]), tuple(map(_text, value["columns"])), _count(value["total"]), []))
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise OutputInvalid("The figure's data is not a list of tables.") from error
    found = (DataTable(name, columns, tuple(rows), max(total, len(rows))) for name, columns, total, rows in tables)
    return make_data(found, notes, max_rows)


def to_cell(value: object) -> Cell:
    """Return a value as it may stand in a table: text of bounded length, a finite number, a boolean or None."""
    if isinstance(value, str):
        return value[:MAX_TEXT_LENGTH]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) < _MAX_INTEGER else float(value) if abs(value) < 10**300 else None
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return None


def as_one_table(data: FigureData) -> DataTable:
    """Return all tables as one, with the column ``table`` and the columns of all; a single table unchanged."""
    if len(data.tables) == 1:
        return data.tables[0]
    names = list(dict.fromkeys(name for table in data.tables for name in table.columns))
    rows: list[Row] = []
    for table in data.tables:
        places = [table.columns.index(name) if name in table.columns else None for name in names]
        rows += [(table.name, *(None if place is None else row[place] for place in places)) for row in table.rows]
    columns = _unique_names(["table", *names])
    return DataTable("all tables", columns, tuple(rows), sum(table.total for table in data.tables))


def _dump(value: Mapping[str, Any] | Sequence[Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a name is not a text")
    return value


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < _MAX_INTEGER:
        raise ValueError("the number of rows is not a number")
    return value
