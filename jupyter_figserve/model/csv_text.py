"""CSV that no spreadsheet runs as formulas. Any process.

Source: OWASP, "CSV Injection".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

# Spreadsheets take text that begins with one of these for a formula, full-width forms included.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_SEPARATOR = re.compile(r'[",;\t\r\n]')
"""Also of other places and programs: where a semicolon separates, a formula may begin behind it."""


def to_csv(columns: Iterable[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as CSV with a header; None is an empty cell."""
    return "".join([write_row(columns), *map(write_row, rows)])


def write_row(cells: Iterable[Any]) -> str:
    """Return a line of CSV; None is an empty cell."""
    line = ",".join(map(_write, cells))
    # An empty line is no row for many readers.
    return (line or '""') + "\n"


def harmless(text: str) -> str:
    """Return text that no spreadsheet evaluates: what looks like a formula and is no number gets an apostrophe."""
    if text[:1].isalnum():
        return text
    # Invisible characters are dropped by some programs: at the start of a file, a byte order mark by all.
    visible = next((one for one in text if not (one.isspace() or unicodedata.category(one) in ("Cc", "Cf"))), "")
    is_formula = text.startswith(_FORMULA_STARTS) or visible in _FORMULA_STARTS
    return f"'{text}" if is_formula and not _is_number(text) else text


def _write(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    text = harmless(cell) if isinstance(cell, str) else str(cell)
    return '"' + text.replace('"', '""') + '"' if _SEPARATOR.search(text) else text


def _is_number(text: str) -> bool:
    if not text.isascii() or "_" in text or text != text.strip():
        return False
    try:
        float(text)
    except ValueError:
        return False
    return True
