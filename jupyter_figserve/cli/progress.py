"""A progress bar on standard error, if it is a terminal. Any process."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from types import TracebackType

_INTERVAL = 0.1
_BAR_WIDTH = 24


class Progress:
    """A progress bar.

    Parameters
    ----------
    what
        Label before the bar, such as ``"Sending plot.png"``.
    total
        Value at the end; None if unknown.
    write
        Formats a value, as in ``"12 MB"`` or ``"37"``.
    """

    def __init__(self, what: str, total: int | None, write: Callable[[int], str] = "{:,}".format) -> None:
        from .output import clean

        self._what = clean(what, 60)
        self._total = total
        self._write = write
        self._done = 0
        self._shown = 0.0
        self._is_visible = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None) -> None:
        if self._is_visible:
            if kind is None and self._total:
                # The total may have been an estimate.
                self._total = min(self._total, self._done)
            self._show()
            print(file=sys.stderr)

    def advance(self, count: int) -> None:
        self.set(self._done + count)

    def set(self, done: int) -> None:
        """Set the current value; the line is rewritten at most a few times per second."""
        self._done = done
        now = time.monotonic()
        if self._is_visible and (now - self._shown >= _INTERVAL or done == self._total):
            self._shown = now
            self._show()

    def _show(self) -> None:
        done = self._write(self._done)
        if self._total:
            part = min(1.0, self._done / self._total)
            full = round(part * _BAR_WIDTH)
            done = f"[{'#' * full}{'.' * (_BAR_WIDTH - full)}] {part:4.0%}  {done} of {self._write(self._total)}"
        line = f"{self._what}  {done}"[: shutil.get_terminal_size().columns - 1]
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
