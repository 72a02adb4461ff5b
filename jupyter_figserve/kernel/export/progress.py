"""How far a saving is, in one line of a notebook or a terminal. Kernel."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from ..figures.cell import find_shell

_SECONDS = 0.2
_BAR = 24
_SAMPLE = 3
"""Pictures after which bytes and seconds are estimated."""


class ExportProgress:
    """The budget before anything is drawn, then a bar; nothing where nobody looks.

    Parameters
    ----------
    total
        Pictures to draw.
    """

    def __init__(self, total: int, *, is_wanted: bool = True) -> None:
        self._total = total
        self._done = 0
        self._size = 0
        self._begun = time.monotonic()
        self._shown = 0.0
        self._width = 0
        self._stream = _find_stream() if is_wanted else None

    def announce(self, text: str) -> None:
        if self._stream is not None:
            print(text, file=self._stream, flush=True)

    def advance(self, size: int) -> None:
        """One more picture; ``size`` are the bytes of all."""
        self._done += 1
        self._size = size
        now = time.monotonic()
        if now - self._shown >= _SECONDS or self._done in (_SAMPLE, self._total):
            self._shown = now
            self._write(self._line(now - self._begun))

    def end(self, text: str) -> None:
        """The last words, in the place of the bar."""
        self._write(text)
        if self._stream is not None:
            print(file=self._stream, flush=True)

    def _line(self, seconds: float) -> str:
        part = self._done / self._total
        full = round(part * _BAR)
        line = f"[{'#' * full}{'.' * (_BAR - full)}] {self._done:,} of {self._total:,} pictures"
        if self._done < _SAMPLE:
            return line
        left = seconds / self._done * (self._total - self._done)
        return f"{line}, about {self._size / part / 1e6:,.1f} MB in all, {left:,.0f} s left"

    def _write(self, line: str) -> None:
        if self._stream is not None:
            # Notebooks know no sequence that empties a line.
            print(f"\r{line:<{self._width}}", end="", file=self._stream, flush=True)
            self._width = len(line)


def _find_stream() -> TextIO | None:
    """A notebook's output, or a terminal's."""
    if getattr(find_shell(), "kernel", None) is not None:
        return sys.stdout
    return sys.stderr if sys.stderr is not None and sys.stderr.isatty() else None
