"""Data that a live figure returns instead of a figure, as JSON and CSV. Kernel and jailed child.

Libraries are recognised by what is loaded: an object cannot be of one that is not.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePath
from typing import Any
from uuid import UUID

from ..errors import OutputInvalid
from ..model.csv_text import write_row
from ..model.figures import EncodedImage
from ..model.formats import DATA_FORMATS, FORMATS, Format, looks_like
from .libraries import is_instance

_SCALARS = (str, bool, int, float, Decimal, Fraction, date, time, timedelta, UUID, Enum)
_MAX_DEPTH = 100


def is_scalar_or_table(value: object) -> bool:
    """Whether a value looks like data; containers may hold the artists of a figure instead."""
    if isinstance(value, str):
        return not looks_like(FORMATS["svg"], value[:5_000].encode("utf-8", "replace"))
    return isinstance(value, _SCALARS) or _is_numpy_scalar(value) or _records(value) is not None


def is_container(value: object) -> bool:
    """Whether a value without a figure in it is data."""
    is_array = is_instance(value, "numpy", "ndarray")
    return is_array or isinstance(value, (Mapping, list, tuple, Set, range)) or _is_dataclass(value)


def encode_data(value: object, row: Format) -> EncodedImage:
    """Encode data in one of ``DATA_FORMATS``.

    Raises
    ------
    OutputInvalid
        A part of the value has no representation in the format; the message names it.
    """
    try:
        plain = _to_plain(value)
        text = json.dumps(plain, ensure_ascii=False) if row is DATA_FORMATS["json"] else _to_csv(value, plain)
        return EncodedImage(row.mimetype, text.encode("utf-8", "replace"))
    except RecursionError as error:
        raise OutputInvalid("The result is nested too deeply, or contains itself.") from error


def _to_plain(value: Any, depth: int = 0) -> Any:
    """Return a value of JSON's types: NaN and infinity become null, times ISO 8601, timedeltas seconds.

    Raises
    ------
    OutputInvalid
        A part of the value has no representation.
    """
    if isinstance(value, Enum):
        return _to_plain(value.value, depth)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if depth > _MAX_DEPTH:
        raise OutputInvalid("The result is nested too deeply, or contains itself.")
    plain = _unwrap(value)
    return _container_to_plain(plain, depth + 1) if plain is value else _to_plain(plain, depth + 1)


def _container_to_plain(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return {_to_key(key): _to_plain(item, depth) for key, item in value.items()}
    if isinstance(value, (list, tuple, Set, range)):
        return [_to_plain(item, depth) for item in value]
    raise OutputInvalid(
        f"A value of type {type(value).__name__:.60} cannot be written as JSON. Return dicts, lists, numbers, strings,"
        " NumPy arrays or pandas tables."
    )


def _unwrap(value: Any) -> Any:
    """Return an object as a mapping, a list or a scalar; unknown objects as they are."""
    if isinstance(value, (datetime, date, time)):
        return None if _is_missing(value) else value.isoformat()
    if isinstance(value, timedelta):
        return None if _is_missing(value) else value.total_seconds()
    if isinstance(value, (Decimal, Fraction, UUID, PurePath)):
        return str(value)
    if _is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if _is_numpy_scalar(value) or is_instance(value, "numpy", "ndarray"):
        return _from_numpy(value)
    records = _records(value)
    if records is not None:
        return records
    return None if _is_missing(value) else value


def _from_numpy(value: Any) -> Any:
    if value.dtype.kind in "mM":
        # Days and seconds become datetime objects; nanoseconds would become integers.
        precise = value.astype("datetime64[us]" if value.dtype.kind == "M" else "timedelta64[us]")
        return precise.tolist()
    return value.tolist()


def _records(value: Any) -> Any:
    """Return the rows of a table as dicts, and a pandas Series as a dict or list; None for anything else."""
    if is_instance(value, "pandas", "DataFrame"):
        return _rows_of_frame(value)
    if is_instance(value, "pandas", "Series"):
        return value.tolist() if _has_plain_index(value) else dict(zip(value.index, value.tolist(), strict=True))
    if is_instance(value, "pandas", "Index"):
        return value.tolist()
    if is_instance(value, "polars", "DataFrame"):
        return value.to_dicts()
    if is_instance(value, "polars", "Series"):
        return value.to_list()
    return value.to_pylist() if is_instance(value, "pyarrow", "Table") else None


def _rows_of_frame(frame: Any) -> list[dict[str, Any]]:
    table = frame if _has_plain_index(frame) else frame.reset_index()
    names = [_to_key(name) for name in table.columns]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise OutputInvalid(f"Two columns of the table are named {twice!r:.60}. Rename one.")
    columns = [table.iloc[:, number].tolist() for number in range(len(names))]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _has_plain_index(table: Any) -> bool:
    return type(table.index).__name__ == "RangeIndex" and table.index.name is None


def _to_key(key: Any) -> str:
    plain = " ".join(map(str, key)).strip() if isinstance(key, tuple) else _to_plain(key)
    return plain if isinstance(plain, str) else json.dumps(plain)


def _to_csv(value: Any, plain: Any) -> str:
    """Write plain data as CSV: rows of dicts with a header, rows of lists without."""
    rows = _table_rows(plain)
    names = list(dict.fromkeys(name for row in rows if isinstance(row, Mapping) for name in row))
    if not names and is_instance(value, "pandas", "DataFrame"):
        names = [_to_key(name) for name in value.columns]
    lines = [write_row(names)] if names else []
    for row in rows:
        cells = [row.get(name) for name in names] if isinstance(row, Mapping) else row
        lines.append(write_row([_to_cell(cell) for cell in cells]))
    return "".join(lines)


def _table_rows(plain: Any) -> Sequence[Any]:
    """Return rows that are all dicts, or all lists."""
    if isinstance(plain, Mapping):
        columns = list(plain.values())
        if columns and all(isinstance(one, list) for one in columns) and len({len(one) for one in columns}) == 1:
            return [dict(zip(plain, row, strict=True)) for row in zip(*columns, strict=True)]
        return [plain]
    if not isinstance(plain, list):
        return [[plain]]
    if all(isinstance(row, Mapping) for row in plain):
        return plain
    return [row if isinstance(row, list) else [row] for row in plain]


def _to_cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (Mapping, list)) else value


def _is_missing(value: Any) -> bool:
    """Whether a value is pandas' NaT or NA."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and (value is pandas.NaT or value is pandas.NA)


def _is_numpy_scalar(value: object) -> bool:
    return is_instance(value, "numpy", "generic")


def _is_dataclass(value: object) -> bool:
    is_shown = any(hasattr(value, name) for name in ("_repr_html_", "_repr_mimebundle_", "_repr_png_", "_repr_svg_"))
    return dataclasses.is_dataclass(value) and not isinstance(value, type) and not is_shown
