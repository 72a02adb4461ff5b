"""Progress of drawing an animation, on one line of a notebook. Kernel."""

from __future__ import annotations

import sys
import time

from ..client.front_end import find_kernel

_INTERVAL = 0.2


class FrameProgress:
    """Prints the frames of an animation that are drawn, if it takes longer than a second."""

    def __init__(self) -> None:
        self._begun = self._shown = time.monotonic()
        self._stream = sys.stdout if find_kernel() is not None else None
        self._is_started = False

    def advance(self, done: int, total: int | None, size: int) -> None:
        now = time.monotonic()
        is_last = done == total
        due = now - self._begun > 1 and now - self._shown > _INTERVAL
        if self._stream is None or not (due or (is_last and self._is_started)):
            return
        self._shown, self._is_started = now, True
        of = f" of {total:,}" if total is not None else ""
        line = f"\rDrawing the animation: {done:,}{of} frames, {size / 1e6:,.1f} MB"
        print(f"{line:<70}", end="\n" if is_last else "", file=self._stream, flush=True)
