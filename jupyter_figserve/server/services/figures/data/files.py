"""The data of a figure as files: CSV of one table or of all, and JSON. Server process."""

from __future__ import annotations

import json

from .....errors import NotFound
from .....model.csv_text import to_csv
from .....model.data_tables import DataTable, FigureData, as_one_table


def write_csv(data: FigureData, number: int | None) -> bytes:
    """Return a table by its number, from 1; all in one without a number.

    Raises
    ------
    NotFound
        When there is no such table.
    """
    table = as_one_table(data) if number is None else _get_table(data, number)
    return to_csv(table.columns, table.rows).encode("utf-8", "replace")


def write_json(data: FigureData, version: int) -> bytes:
    value = {"version": version, **data.as_json()}
    # In pieces, so that other threads have their turns.
    return "".join(json.JSONEncoder(ensure_ascii=False, allow_nan=False).iterencode(value)).encode("utf-8", "replace")


def _get_table(data: FigureData, number: int) -> DataTable:
    if number > len(data.tables):
        tables = "1 table" if len(data.tables) == 1 else f"{len(data.tables)} tables"
        raise NotFound(f"There is no table {number}: this figure has {tables}.", code="table_not_found")
    return data.tables[number - 1]
