"""Responses with the data of a figure: CSV and JSON. Server process."""

from __future__ import annotations

import asyncio
import json

from ....errors import NotFound
from ....model.csv_text import to_csv
from ....model.data_tables import DataTable, FigureData, as_one_table
from ....model.figures import sha256_hex
from ....model.formats import DATA_FORMATS
from ..http.representation import RepresentationResponse


async def csv_response(
    data: FigureData, number: int | None, name: str, cache_control: str, *, is_public: bool
) -> RepresentationResponse:
    """Return one table of a figure as CSV, or all in one; written in a thread, as there may be many rows.

    Parameters
    ----------
    number
        The number of the table, from 1; None for all.

    Raises
    ------
    NotFound
        When there is no such table.
    """
    is_one = number is not None and len(data.tables) > 1
    filename = f"{name}-{number}.csv" if is_one else f"{name}.csv"
    body = await asyncio.to_thread(_write_csv, data, number)
    return _respond("csv", body, filename, cache_control, is_public=is_public)


async def json_response(
    data: FigureData, version: int, name: str, cache_control: str, *, is_public: bool
) -> RepresentationResponse:
    """Return all tables of a figure's version as JSON."""
    body = await asyncio.to_thread(_write_json, data, version)
    return _respond("json", body, f"{name}.json", cache_control, is_public=is_public)


def find_table(data: FigureData, number: int | None) -> DataTable:
    """Return a table by its number, from 1; all in one without a number.

    Raises
    ------
    NotFound
        When there is no such table.
    """
    if number is None:
        return as_one_table(data)
    if number > len(data.tables):
        tables = "1 table" if len(data.tables) == 1 else f"{len(data.tables)} tables"
        raise NotFound(f"There is no table {number}: this figure has {tables}.", code="table_not_found")
    return data.tables[number - 1]


def _write_csv(data: FigureData, number: int | None) -> bytes:
    table = find_table(data, number)
    return to_csv(table.columns, table.rows).encode("utf-8", "replace")


def _write_json(data: FigureData, version: int) -> bytes:
    value = {"version": version, **data.as_json()}
    # In pieces, so that other threads have their turns.
    return "".join(json.JSONEncoder(ensure_ascii=False, allow_nan=False).iterencode(value)).encode("utf-8", "replace")


def _respond(format: str, body: bytes, filename: str, cache_control: str, *, is_public: bool) -> RepresentationResponse:
    row = DATA_FORMATS[format]
    return RepresentationResponse(row, sha256_hex(body), filename, cache_control, body, is_public=is_public)
