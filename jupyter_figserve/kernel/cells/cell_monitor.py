"""Detects whether a cell is running, for work that waits for an idle kernel. Kernel; also works outside IPython."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ..client.front_end import find_shell


class CellMonitor:
    """Follows the cells of IPython; in a script, nothing is ever running.

    Parameters
    ----------
    on_idle
        Called in the main thread after each cell, before its reply is sent.
    """

    def __init__(self, on_idle: Callable[[], None]) -> None:
        self._on_idle = on_idle
        self._idle = threading.Event()
        self._idle.set()
        self._shell: Any | None = None

    @property
    def is_idle(self) -> bool:
        return self._idle.is_set()

    def begin(self) -> None:
        """Record that a cell is running: the one that calls this."""
        shell = find_shell()
        if shell is None:
            return
        if shell is not self._shell:
            shell.events.register("pre_run_cell", self._start)
            shell.events.register("post_run_cell", self._end)
            self._shell = shell
        # Only the main thread runs cells; a user's thread may publish between them.
        if threading.current_thread() is threading.main_thread():
            self._idle.clear()

    def wait(self, timeout: float) -> bool:
        """Wait until no cell is running, at most ``timeout`` seconds; return whether none is."""
        return self._idle.wait(timeout)

    def _start(self, *_: Any) -> None:
        self._idle.clear()

    def _end(self, *_: Any) -> None:
        self._idle.set()
        self._on_idle()
