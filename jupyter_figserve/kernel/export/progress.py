"""Progress of an export, on one line of a notebook or terminal. Kernel."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from ..client.front_end import find_kernel

_INTERVAL = 0.2
_BAR_WIDTH = 24
_MIN_SAMPLE = 3
"""Number of images after which size and time are estimated."""


class ExportProgress:
    """Prints a summary, then a progress bar; prints nothing without a notebook or terminal.

    Parameters
    ----------
    total
        Number of images to render.
    """

    def __init__(self, total: int, *, is_visible: bool = True) -> None:
        self._total = total
        self._done = 0
        self._size = 0
        self._begun = time.monotonic()
        self._shown = 0.0
        self._width = 0
        self._stream = _find_stream() if is_visible else None

    def announce(self, text: str) -> None:
        if self._stream is not None:
            print(text, file=self._stream, flush=True)

    def advance(self, size: int) -> None:
        """Count one more image; ``size`` is the size of all images so far."""
        self._done += 1
        self._size = size
        now = time.monotonic()
        if now - self._shown >= _INTERVAL or self._done in (_MIN_SAMPLE, self._total):
            self._shown = now
            self._write(self._line(now - self._begun))

    def end(self, text: str) -> None:
        """Replace the bar with the result."""
        self._write(text)
        if self._stream is not None:
            print(file=self._stream, flush=True)

    def _line(self, seconds: float) -> str:
        part = self._done / self._total
        full = round(part * _BAR_WIDTH)
        line = f"[{'#' * full}{'.' * (_BAR_WIDTH - full)}] {self._done:,} of {self._total:,} images"
        if self._done < _MIN_SAMPLE:
            return line
        left = seconds / self._done * (self._total - self._done)
        return f"{line}, about {self._size / part / 1e6:,.1f} MB in total, {left:,.0f} s left"

    def _write(self, line: str) -> None:
        if self._stream is not None:
            # Notebooks do not support escape sequences that clear a line.
            print(f"\r{line:<{self._width}}", end="", file=self._stream, flush=True)
            self._width = len(line)


def _find_stream() -> TextIO | None:
    """Return the output of a notebook, or a terminal."""
    if find_kernel() is not None:
        return sys.stdout
    return sys.stderr if sys.stderr is not None and sys.stderr.isatty() else None
