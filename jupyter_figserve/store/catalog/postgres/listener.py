"""Notifications of PostgreSQL, which wake the event streams of other servers. Server process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy.engine import Engine

from ..events import CHANNEL
from . import connections

_PING_SECONDS = 30.0
_FIRST_PAUSE, _LAST_PAUSE = 0.25, 5.0
_log = logging.getLogger("jupyter_figserve")


class Listener:
    """Calls back when any server has added events; opens its connection again when it is lost.

    Parameters
    ----------
    on_change
        Called in a thread; also after each connecting, as something may have happened before.
    on_announcement
        Called in a thread with each text that a server announces.
    """

    def __init__(self, engine: Engine, on_change: Callable[[], Any], on_announcement: Callable[[str], Any]) -> None:
        self._engine = engine
        self._on_change = on_change
        self._on_announcement = on_announcement
        self._closed = threading.Event()
        self._driver: Any = None
        self._thread = threading.Thread(target=self._run, name="figserve-listener", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, without waiting for a database that does not answer."""
        self._closed.set()
        if self._driver is not None:
            connections.shut(self._driver)
        self._thread.join(timeout=2 * _FIRST_PAUSE)

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._closed.is_set():
            try:
                with connections.connect(self._engine) as self._driver:
                    self._driver.execute(f"listen {CHANNEL}")
                    pause = _FIRST_PAUSE
                    self._listen()
            except Exception as error:
                _log.debug("figserve listens again for changes of the catalog in %s s: %s", pause, error)
            self._closed.wait(pause)
            pause = min(2 * pause, _LAST_PAUSE)

    def _listen(self) -> None:
        while not self._closed.is_set():
            self._on_change()
            # The query finds out whether a silent connection is still open.
            received = list(self._driver.notifies(timeout=_PING_SECONDS, stop_after=1))
            if not received:
                self._driver.execute("select 1")
            for notification in received:
                if notification.payload:
                    self._on_announcement(notification.payload)
