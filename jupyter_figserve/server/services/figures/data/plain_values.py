"""Values in the JSON of plotting libraries, none of which is trusted. Server process."""

from __future__ import annotations

import array
import base64
import binascii
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from .....model.data_tables import MAX_TEXT_LENGTH, Cell, to_cell
from .....model.html.plain_text import strip_markup

_TYPES = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q", "f4": "f", "f8": "d"}
"""Type codes of ``array`` by those of Plotly's binary arrays. Source: plotly.js, ``src/lib/array.js``."""
_NAMES = {
    "int8": "i1", "uint8": "u1", "uint8c": "u1", "u1c": "u1", "int16": "i2", "uint16": "u2", "int32": "i4",
    "uint32": "u4", "int64": "i8", "uint64": "u8", "float32": "f4", "float64": "f8",
}  # fmt: skip
_MIDNIGHT = re.compile(r"\d{4}-\d\d-\d\dT00:00:00(?:\.0{1,9})?")


def at(value: object, *path: str) -> Any:
    """Return a value inside of objects, None where one is missing or something else."""
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def text_of(value: object) -> str:
    """Return a text without markup on one line; ``""`` for anything else. A list is several lines."""
    if isinstance(value, list):
        value = " ".join(part for part in value if isinstance(part, str))
    if isinstance(value, Mapping):
        value = value.get("text")
    if not isinstance(value, str):
        return ""
    return strip_markup(value[: 4 * MAX_TEXT_LENGTH])[:MAX_TEXT_LENGTH]


def list_of(value: object, limit: int) -> tuple[list[Any], int] | None:
    """Return the first values of a list or of a binary array, and how many there are; None for anything else."""
    if isinstance(value, list):
        return value[:limit], len(value)
    if isinstance(value, Mapping) and "bdata" in value:
        values = _binary(value)
        return None if values is None else (values[:limit], len(values))
    return None


def shape_of(value: object) -> tuple[int, ...] | None:
    """Return the shape of a binary array with more than one dimension, None for anything else."""
    shape = value.get("shape") if isinstance(value, Mapping) else None
    sizes = shape.split(",") if isinstance(shape, str) else shape if isinstance(shape, list) else []
    try:
        found = tuple(int(size) for size in sizes[:4])
    except (ValueError, TypeError):
        return None
    return found if len(found) > 1 and all(size >= 0 for size in found) else None


def cells_of(values: Sequence[object]) -> list[Cell]:
    """Return values as cells; times that are all at midnight are dates."""
    cells = [to_cell(value) for value in values]
    texts = [cell for cell in cells if cell is not None]
    if texts and all(isinstance(text, str) and _MIDNIGHT.fullmatch(text) for text in texts):
        return [cell[:10] if isinstance(cell, str) else cell for cell in cells]
    return cells


def _binary(value: Mapping[str, Any]) -> list[Any] | None:
    dtype, data = value.get("dtype"), value.get("bdata")
    if not isinstance(dtype, str) or not isinstance(data, str):
        return None
    code = _TYPES.get(_NAMES.get(dtype, dtype))
    if code is None:
        return None
    numbers: array.array[Any] = array.array(code)
    try:
        numbers.frombytes(base64.b64decode(data, validate=True))
    except (ValueError, binascii.Error):
        return None
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()
