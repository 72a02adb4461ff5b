"""What the commands print: without anybody else's control characters, in columns that fit, or as JSON. Any process."""

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

# ECMA-48 sequences whole (CSI; OSC, DCS and their kin up to their end), so that no "[31m" stays behind.
_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
)
# Control characters, invisible marks and overrides of the writing direction; half a character of UTF-16.
_FORBIDDEN = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
_ESCAPED = re.compile(
    "[\x7f-\x9f\xad\u0600-\u0605\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
_COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}
_LENGTH = 1_000
_NARROWEST = 8


def clean(text: object, most: int | None = _LENGTH) -> str:
    """``text`` on one line, without what a terminal would obey; at most ``most`` characters."""
    without = _SEQUENCES.sub(" ", str(text))
    seen = "".join(" " if unicodedata.category(letter) in _FORBIDDEN else letter for letter in without)
    line = " ".join(seen.split())
    return line if most is None or len(line) <= most else line[: most - 1] + "…"


def say(text: object) -> None:
    """A line of the answer."""
    print(clean(text))


def tell(text: object) -> None:
    """A line for the person who waits, beside the answer."""
    print(clean(text), file=sys.stderr)


def say_json(value: Any) -> None:
    """Whatever is in its strings, a terminal shows it and nothing else: what is not plain is escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    print(_ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def paint(text: str, colour: str, stream: IO[str] | None = None) -> str:
    """``text`` in a colour where that is seen and wanted.

    Source: no-color.org.
    """
    stream = stream or sys.stdout
    if not stream.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def say_table(heads: Sequence[str], rows: Sequence[Sequence[object]], flexible: Sequence[str] = ()) -> None:
    """Columns as wide as they need; on a terminal those in ``flexible`` give way until the lines fit."""
    cells = [[clean(cell) for cell in row] for row in rows]
    widths = [max(map(width_of, column)) for column in zip(heads, *cells, strict=True)]
    if sys.stdout.isatty():
        _shrink(widths, [heads.index(head) for head in flexible], shutil.get_terminal_size().columns)
    print(paint(_line(heads, widths), "bold"))
    for row in cells:
        print(_line(row, widths))


def width_of(text: str) -> int:
    """Columns of a terminal: East Asian letters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def when(stamp: str | None, otherwise: str = "") -> str:
    """An RFC 3339 time as the clock on this wall has it."""
    if stamp is None:
        return otherwise
    try:
        return f"{datetime.fromisoformat(stamp.replace('Z', '+00:00')).astimezone():%Y-%m-%d %H:%M}"
    except ValueError:
        return stamp


def size(count: int) -> str:
    value = float(count)
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} GB"


def _shrink(widths: list[int], flexible: list[int], most: int) -> None:
    """The widest first, by one column each time, down to what still says something."""
    excess = sum(widths) + 2 * (len(widths) - 1) - most
    while excess > 0 and flexible:
        widest = max(flexible, key=lambda index: widths[index])
        if widths[widest] <= _NARROWEST:
            return
        widths[widest] -= 1
        excess -= 1


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    fitted = [_cut(cell, width) for cell, width in zip(cells, widths, strict=True)]
    return "  ".join(cell + " " * (width - width_of(cell)) for cell, width in zip(fitted, widths, strict=True)).rstrip()


def _cut(text: str, width: int) -> str:
    if width_of(text) <= width:
        return text
    while text and width_of(text) > width - 1:
        text = text[:-1]
    return text + "…"
