"""Faster turns for the threads of live calls while the user's cell computes. Kernel.

A thread that has waited, such as for a font file, gets Python's interpreter lock back only after the switch interval
of 5 ms when another thread computes, and a drawing waits hundreds of times. With a short interval the cell and the
call take turns more often; each of them gets half of the time in any case.
"""

from __future__ import annotations

import os
import sys
import threading

SECONDS = 0.0002


class ShortSwitchInterval:
    """A context manager, also for several threads at a time: the interval is short until the last one leaves."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entered = 0
        self._before = self._ours = 0.0

    def __enter__(self) -> None:
        with self._lock:
            self._entered += 1
            if self._entered == 1:
                self._before = sys.getswitchinterval()
                if self._before > SECONDS:
                    sys.setswitchinterval(SECONDS)
                self._ours = sys.getswitchinterval()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._entered -= 1
            # The user's code may have changed it meanwhile.
            if self._entered == 0 and sys.getswitchinterval() == self._ours:
                sys.setswitchinterval(self._before)

    def reset_after_fork(self) -> None:
        """Restore the interval in a forked child, which answers no calls."""
        self._lock = threading.Lock()
        if self._entered:
            self._entered = 1
            self.__exit__()


short_switch_interval = ShortSwitchInterval()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=short_switch_interval.reset_after_fork)
