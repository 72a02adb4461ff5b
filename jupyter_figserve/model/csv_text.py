"""CSV that no spreadsheet runs as formulas. Any process."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

# Spreadsheets take text that begins with one of these for a formula, full-width forms included. Source: OWASP, "CSV
# Injection".
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def to_csv(columns: Iterable[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as CSV with a header; None is an empty cell."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([harmless(name) for name in columns])
    for row in rows:
        # An empty line is no row for many readers.
        cells = [_to_text(cell) for cell in row]
        writer.writerow(cells) if cells != [""] else buffer.write('""\n')
    return buffer.getvalue()


def harmless(text: str) -> str:
    """Return text that no spreadsheet evaluates: what looks like a formula and is no number gets an apostrophe."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) and not _is_number(text) else text


def _to_text(cell: Any) -> Any:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if cell is None:
        return ""
    return harmless(cell) if isinstance(cell, str) else cell


def _is_number(text: str) -> bool:
    if not text.isascii() or "_" in text or text != text.strip():
        return False
    try:
        float(text)
    except ValueError:
        return False
    return True
