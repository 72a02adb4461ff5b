"""The tables of a Vega-Lite or Vega chart, from its specification. Server process.

A chart may have more data than it shows: of Vega-Lite's, only the fields that an encoding names are tables.
Source: vega.github.io/vega-lite/docs, "Data" and "Encoding".
"""

from __future__ import annotations

import csv
import io
import json
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from .....errors import Conflict
from .....model.data_tables import (
    MAX_COLUMNS,
    MAX_TABLES,
    MAX_TEXT_LENGTH,
    Cell,
    DataTable,
    FigureData,
    make_data,
    to_cell,
)
from .plain_values import text_of

_VIEWS = ("layer", "concat", "hconcat", "vconcat")
_LOOKS = ("scale", "axis", "legend", "header")
_MAX_VIEWS = 200
_MAX_ENCODINGS = 200
"""Parts of an encoding that are read."""
_MAX_DEPTH = 30
NO_DATA = "The chart has no data that could be a table: its data is loaded from elsewhere, or computed."


def read_vega(spec: Mapping[str, Any], max_rows: int) -> FigureData:
    """Return the data that a chart shows, a table for each of its data sets; what is malformed is left out.

    Raises
    ------
    Conflict
        There is none, with the code ``no_data``.
    """
    title = text_of(spec.get("title"))
    if "vega-lite" in str(spec.get("$schema", "vega-lite")):
        found = _read_lite(spec, max_rows, title)
    else:
        found = _read_full(spec, max_rows, title)
    if not found:
        raise Conflict(NO_DATA, code="no_data")
    return make_data(found, (), max_rows)


def _read_lite(spec: Mapping[str, Any], limit: int, title: str) -> list[DataTable]:
    datasets = spec.get("datasets")
    named = datasets if isinstance(datasets, dict) else {}
    shown: dict[int, tuple[list[Any], str, dict[str, str]]] = {}
    for number, (data, fields) in enumerate(_views(spec, None, {}, 0)):
        if number >= _MAX_VIEWS:
            break
        rows, name = _rows_of(data, named)
        if rows is not None:
            shown.setdefault(id(rows), (rows, name, {}))[2].update(fields)
    tables = [_table(rows, fields, limit, name) for rows, name, fields in list(shown.values())[:MAX_TABLES] if fields]
    found = [table for table in tables if table is not None]
    names = (
        [title or "Data"] if len(found) == 1 else [f"{title or 'Data'} {number}" for number in range(1, len(found) + 1)]
    )
    return [DataTable(name, one.columns, one.rows, one.total) for name, one in zip(names, found, strict=True)]


def _views(
    spec: Mapping[str, Any], data: object, fields: Mapping[str, str], depth: int
) -> Iterator[tuple[object, dict[str, str]]]:
    """Yield the data of each view with its fields and their titles; views inherit both."""
    data = spec.get("data", data)
    own = {**fields, **dict(_fields(spec.get("encoding"))), **dict(_fields(spec.get("facet")))}
    inner: list[object] = []
    for name in _VIEWS:
        views = spec.get(name)
        inner += views if isinstance(views, list) else []
    if isinstance(spec.get("spec"), dict):
        inner.append(spec["spec"])
    if not inner or depth >= _MAX_DEPTH:
        yield data, own
        return
    for view in inner[:_MAX_VIEWS]:
        if isinstance(view, dict):
            yield from _views(view, data, own, depth + 1)


def _fields(encoding: object) -> Iterator[tuple[str, str]]:
    """Yield the names of the fields of encodings, with their titles; those of conditions too."""
    waiting: deque[object] = deque([encoding])
    for _ in range(_MAX_ENCODINGS):
        if not waiting:
            return
        one = waiting.popleft()
        if isinstance(one, list):
            waiting.extend(one[:_MAX_ENCODINGS])
        elif isinstance(one, dict):
            field = one.get("field")
            if isinstance(field, str):
                yield field, text_of(one.get("title")) or text_of(_axis_title(one)) or _unescaped(field)
            inner = (value for name, value in one.items() if name not in _LOOKS and isinstance(value, (dict, list)))
            waiting.extend(islice(inner, _MAX_ENCODINGS))


def _axis_title(encoding: Mapping[str, Any]) -> object:
    for name in ("axis", "legend", "header"):
        part = encoding.get(name)
        if isinstance(part, dict) and part.get("title"):
            return part["title"]
    return None


def _rows_of(data: object, named: Mapping[str, Any]) -> tuple[list[Any] | None, str]:
    """Return the rows of inline or named data; None for data that is loaded or generated."""
    if not isinstance(data, dict):
        return None, ""
    name = data.get("name") if isinstance(data.get("name"), str) else ""
    values = data.get("values", named.get(str(name)))
    if isinstance(values, str):
        kind = data.get("format")
        values = _parse_text(values, str(kind.get("type", "")) if isinstance(kind, dict) else "")
    if isinstance(values, dict) and isinstance(values.get("values"), list):
        values = values["values"]
    return (values, str(name)) if isinstance(values, list) else (None, "")


def _parse_text(text: str, kind: str) -> list[Any] | None:
    if kind in ("csv", "tsv"):
        return list(csv.DictReader(io.StringIO(text), delimiter="\t" if kind == "tsv" else ","))
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) else None


def _table(rows: list[Any], fields: Mapping[str, str], limit: int, name: str) -> DataTable | None:
    """Return the fields of rows as a table; fields that no row has are computed, and left out."""
    shown = rows[:limit]
    columns: dict[str, list[Cell]] = {}
    for field, title in list(fields.items())[:MAX_COLUMNS]:
        cells = [_cell(row, field) for row in shown]
        if any(cell is not None for cell in cells):
            columns[title if title not in columns else f"{title} ({field})"] = cells
    if not columns:
        return None
    return DataTable(name, tuple(columns), tuple(zip(*columns.values(), strict=True)), len(rows))


def _cell(row: object, field: str) -> Cell:
    """Return the value of a field, which may be inside of objects: ``a.b`` or ``a['b']``; a row may be the value."""
    if not isinstance(row, dict):
        return to_cell(row) if field == "data" else None
    plain = _unescaped(field)
    if plain in row:
        return _scalar(row[plain])
    value: Any = row
    for part in field.replace("['", ".").replace("']", "").replace("[", ".").replace("]", "").split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return _scalar(value)


def _scalar(value: object) -> Cell:
    if isinstance(value, (dict, list)):
        try:
            return json.dumps(value, ensure_ascii=False)[:MAX_TEXT_LENGTH]
        except RecursionError:
            return None
    return to_cell(value)


def _unescaped(field: str) -> str:
    return field.replace("\\.", ".").replace("\\[", "[").replace("\\]", "]")


def _read_full(spec: Mapping[str, Any], limit: int, title: str) -> list[DataTable]:
    """Return the inline data sets of a Vega specification, with all their fields."""
    found: list[DataTable] = []
    data = spec.get("data")
    for one in (data if isinstance(data, list) else [])[:MAX_TABLES]:
        rows, name = _rows_of(one, {})
        if rows is None:
            continue
        head = [row for row in rows[:limit] if isinstance(row, dict)]
        names = list(dict.fromkeys(str(key) for row in head for key in row))
        fields = {key.replace(".", "\\."): key for key in names} or {"data": "data"}
        table = _table(rows, fields, limit, name)
        if table is not None:
            found.append(
                DataTable(": ".join(filter(None, (title, name))) or "Data", table.columns, table.rows, table.total)
            )
    return found
