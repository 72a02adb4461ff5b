"""Scalars as text in query strings: reading, writing, and splitting of lists. Any process."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime
from numbers import Real
from typing import Any

Scalar = str | int | float | bool | None
TRUE_WORDS, FALSE_WORDS = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
MAX_DIGITS = 30
"""Of a whole number."""
_INT = re.compile(rf"[+-]?[0-9]{{1,{MAX_DIGITS}}}")
_FLOAT = re.compile(r"[+-]?([0-9]{1,400}\.?[0-9]{0,400}|\.[0-9]{1,400})([eE][+-]?[0-9]{1,4})?")
_COMMA = re.compile(r"\\(.)|(,)", re.DOTALL)
_MAX_EXACT = 2**53
"""Below this, integral floats are exact and written without ``.0``."""


def to_number(value: object) -> float:
    """Return a finite real number as a float; nan for anything else."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return math.nan
    try:
        number = float(value)
    except OverflowError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def split_items(text: str) -> list[str]:
    """Split a list at commas; a backslash escapes the next character."""
    parts, start = [""], 0
    for found in _COMMA.finditer(text):
        parts[-1] += text[start : found.start()] + (found[1] or "")
        start = found.end()
        if found[2]:
            parts.append("")
    parts[-1] += text[start:]
    return parts


def write_text(value: Any) -> str:
    """Return the text of a scalar in a query string, from which its reader in ``READERS`` returns the same value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _MAX_EXACT else repr(value)
    return str(value)


def _read_int(text: str) -> int:
    if not _INT.fullmatch(text):
        raise ValueError
    return int(text)


def _read_float(text: str) -> float:
    value = float(text) if _FLOAT.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise ValueError
    return value


def _read_bool(text: str) -> bool:
    word = text.lower()
    if word not in TRUE_WORDS + FALSE_WORDS:
        raise ValueError
    return word in TRUE_WORDS


def _read_date(text: str) -> str:
    return date.fromisoformat(text).isoformat()


def _read_datetime(text: str) -> str:
    # An unescaped "+" of a time zone arrives as a space.
    return datetime.fromisoformat(re.sub(r" (?=\d\d:?\d\d$)", "+", text) if "T" in text else text).isoformat()


READERS: dict[str, Callable[[str], Scalar]] = {
    "int": _read_int,
    "float": _read_float,
    "bool": _read_bool,
    "date": _read_date,
    "datetime": _read_datetime,
}
"""Readers by the type of a parameter; they raise ValueError for text that is not of the type."""
