"""Watchers of live figures: the open streams of links, which are sent what their pages follow. Server process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ....model.events import Event
from ..events.event_broker import EventBroker
from ..events.subscriber import Subscriber
from .registry import CHANGED, GONE, OFFERED, PROGRESS, REFRESHED

_STATES = {OFFERED: "offered", CHANGED: "changed", GONE: "offline", REFRESHED: "refreshed"}
CLOSED_EVENT = Event(0, 0.0, "", "gone", {})
"""The right to see the figure is gone: the stream ends."""


@dataclass(eq=False, slots=True)
class LiveWatcher:
    """One open stream of a link.

    Parameters
    ----------
    live
        Id of the live figure.
    is_authorized
        Whether the client would be admitted now.
    fixed
        Values of the parameters that the link's visitors cannot change.
    """

    live: str
    is_authorized: Callable[[], Awaitable[bool]]
    fixed: Mapping[str, Any]
    subscriber: Subscriber = field(default_factory=Subscriber)

    def may_request(self, arguments: Mapping[str, Any]) -> bool:
        """Whether a call with these arguments may be one of this link's; others tell its visitors nothing."""
        return all(arguments.get(name) == value for name, value in self.fixed.items())


class LiveWatchers:
    """The watchers, and what they are sent: no names, no sessions, only what happens."""

    def __init__(self, events: EventBroker) -> None:
        self._events = events
        self._watchers: dict[str, set[LiveWatcher]] = {}
        self._stop: Callable[[], None] | None = None
        self._lock = asyncio.Lock()

    async def add(self, watcher: LiveWatcher) -> None:
        """Send a watcher what happens from now on."""
        self._watchers.setdefault(watcher.live, set()).add(watcher)
        async with self._lock:
            if self._stop is None:
                self._stop = await self._events.listen(self._on_event, self._close_unauthorized)

    def remove(self, watcher: LiveWatcher) -> None:
        watcher.subscriber.close()
        remaining = self._watchers.get(watcher.live, set())
        remaining.discard(watcher)
        if not remaining:
            self._watchers.pop(watcher.live, None)
        if not self._watchers and self._stop is not None:
            self._stop()
            self._stop = None

    def close(self) -> None:
        """End all streams."""
        for watcher in self._all():
            watcher.subscriber.close()

    def _all(self) -> list[LiveWatcher]:
        return [watcher for watchers in self._watchers.values() for watcher in watchers]

    async def _on_event(self, event: Event) -> None:
        watchers = list(self._watchers.get(str(event.data.get("live")), ()))
        if event.kind == PROGRESS:
            sent = Event(0, 0.0, "", "progress", {name: event.data[name] for name in ("done", "total")})
            watchers = [one for one in watchers if one.may_request(event.data["arguments"])]
        elif event.kind in _STATES:
            sent = Event(0, 0.0, "", "live", {"state": _STATES[event.kind]})
        else:
            return
        for watcher in watchers:
            if event.kind != PROGRESS or not watcher.subscriber.is_half_full:
                watcher.subscriber.offer(sent)

    async def _close_unauthorized(self) -> None:
        """After any write to the catalog, end the streams whose link was revoked or paused."""
        for watcher in self._all():
            if not watcher.subscriber.is_closed and not await watcher.is_authorized():
                watcher.subscriber.offer(CLOSED_EVENT)
                watcher.subscriber.close()
