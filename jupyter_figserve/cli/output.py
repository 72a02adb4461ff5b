"""Output of the commands: lines without control characters, tables that fit, or JSON. Any process."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import IO, Any

# Complete ECMA-48 sequences (CSI; OSC, DCS and similar up to their end), so that no "[31m" remains.
_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
)
# Control characters, invisible characters, bidirectional overrides, and surrogates.
_FORBIDDEN = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
_ESCAPED = re.compile(
    "[\x7f-\x9f\xad\u0600-\u0605\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
_COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}
_MAX_LENGTH = 1_000
_MIN_COLUMN_WIDTH = 8


def clean(text: object, max_length: int | None = _MAX_LENGTH) -> str:
    """Return ``text`` on one line, without terminal control sequences, shortened to ``max_length`` characters."""
    without = _SEQUENCES.sub(" ", str(text))
    seen = "".join(" " if unicodedata.category(letter) in _FORBIDDEN else letter for letter in without)
    line = " ".join(seen.split())
    return line if max_length is None or len(line) <= max_length else line[: max_length - 1] + "…"


def print_line(text: object) -> None:
    """Print a line of the result to standard output."""
    print(clean(text))


def print_status(text: object) -> None:
    """Print a line of status to standard error."""
    print(clean(text), file=sys.stderr)


def print_json(value: Any) -> None:
    """Print JSON; control characters in its strings are escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    print(_ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def colourize(text: str, colour: str, stream: IO[str] | None = None) -> str:
    """Colour ``text`` if the stream is a terminal and colours are not disabled.

    Source: no-color.org.
    """
    stream = stream or sys.stdout
    if not stream.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def print_table(heads: Sequence[str], rows: Sequence[Sequence[object]], flexible: Sequence[str] = ()) -> None:
    """Print columns as wide as necessary; on a terminal, those in ``flexible`` are shortened until the lines fit."""
    cells = [[clean(cell) for cell in row] for row in rows]
    widths = [max(map(display_width, column)) for column in zip(heads, *cells, strict=True)]
    if sys.stdout.isatty():
        _shrink(widths, [heads.index(head) for head in flexible], shutil.get_terminal_size().columns)
    print(colourize(_line(heads, widths), "bold"))
    for row in cells:
        print(_line(row, widths))


def display_width(text: str) -> int:
    """Return the width in terminal columns: two for East Asian wide characters, zero for combining marks."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def format_time(stamp: str | None, default: str = "") -> str:
    """Format an RFC 3339 time in the local time zone."""
    if stamp is None:
        return default
    try:
        return f"{datetime.fromisoformat(stamp).astimezone():%Y-%m-%d %H:%M}"
    except ValueError:
        return stamp


def to_expiry(text: str) -> str:
    """Return an expiry as the server reads it, with dates in the zone of this machine.

    Raises
    ------
    InvalidDuration
        It is malformed or in the past.
    """
    import time

    from ..model.times import write_expiry

    return write_expiry(text, time.time())


def format_size(count: int) -> str:
    from ..model.byte_counts import format_bytes

    return format_bytes(count)


def _shrink(widths: list[int], flexible: list[int], max_width: int) -> None:
    """Shorten the widest flexible column by one, repeatedly, down to a minimum width."""
    excess = sum(widths) + 2 * (len(widths) - 1) - max_width
    while excess > 0 and flexible:
        widest = max(flexible, key=lambda index: widths[index])
        if widths[widest] <= _MIN_COLUMN_WIDTH:
            return
        widths[widest] -= 1
        excess -= 1


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    fitted = [_cut(cell, width) for cell, width in zip(cells, widths, strict=True)]
    return "  ".join(
        cell + " " * (width - display_width(cell)) for cell, width in zip(fitted, widths, strict=True)
    ).rstrip()


def _cut(text: str, width: int) -> str:
    if display_width(text) <= width:
        return text
    while text and display_width(text) > width - 1:
        text = text[:-1]
    return text + "…"
