"""Versions of the data of live figures: a call that returns a new one refreshes the open pages. Server process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .registry import REFRESHED, LiveRegistry, LiveTarget

MIN_SECONDS = 2.0
"""Time between two reports of one live figure: one that differs in each call would refresh pages endlessly."""
CallLater = Callable[[float, Callable[[], None]], Any]


class DataVersions:
    """The last version of each live figure's data.

    Parameters
    ----------
    call_later
        Calls a function after a delay in seconds.
    """

    def __init__(self, registry: LiveRegistry, call_later: CallLater) -> None:
        self._registry = registry
        self._call_later = call_later
        self._versions: dict[str, str] = {}
        self._pausing: set[str] = set()
        self._postponed: dict[str, LiveTarget] = {}

    def record(self, target: LiveTarget, version: str | None) -> None:
        """Record the version that a call returned; if it is new, notify the open pages."""
        if version is None:
            return
        before = self._versions.get(target.record.id)
        self._versions[target.record.id] = version
        if before not in (None, version):
            self._report(target)

    def _report(self, target: LiveTarget) -> None:
        live_id = target.record.id
        if live_id in self._pausing:
            self._postponed[live_id] = target
            return
        self._pausing.add(live_id)
        self._call_later(MIN_SECONDS, lambda: self._end_pause(live_id))
        self._registry.notify(REFRESHED, target.kernel, target.record)

    def _end_pause(self, live_id: str) -> None:
        self._pausing.discard(live_id)
        postponed = self._postponed.pop(live_id, None)
        if postponed is not None:
            self._report(postponed)
