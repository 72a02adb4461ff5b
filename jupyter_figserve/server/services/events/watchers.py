"""Watchers: the open event streams of one kind of target, and the authorization of each. Server process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ....model.events import Event
from .event_broker import EventBroker
from .subscriber import Subscriber

GONE_EVENT = Event(0, 0.0, "", "gone", {})
"""The last event of a stream: its target was deleted, or the client may no longer see it."""


@dataclass(eq=False, slots=True)
class Watcher:
    """An open stream. Small: a thousand idle ones are normal, so it does not hold its target.

    Parameters
    ----------
    target
        Id of its target.
    is_authorized
        Whether the client is still authorized.
    authority
        Watchers with the same one, such as a link for anyone, are authorized together; None stands alone.
    """

    target: str
    is_authorized: Callable[[], Awaitable[bool]]
    authority: str | None = field(default=None, kw_only=True)
    subscriber: Subscriber = field(default_factory=Subscriber, kw_only=True)

    def end(self) -> None:
        """End the stream with its last event."""
        self.subscriber.offer(GONE_EVENT)
        self.subscriber.close()


W = TypeVar("W", bound=Watcher)


class Watchers(Generic[W]):
    """The watchers by target; listens to the event broker while there are any. Subclasses send them events."""

    def __init__(self, events: EventBroker) -> None:
        self._events = events
        self._watchers: dict[str, set[W]] = {}
        self._stop: Callable[[], None] | None = None
        self._listen_lock = asyncio.Lock()

    async def add(self, watcher: W) -> None:
        """Register a watcher for all events from now on."""
        self._watchers.setdefault(watcher.target, set()).add(watcher)
        try:
            async with self._listen_lock:
                if self._stop is None:
                    self._stop = await self._events.listen(self._on_event, self._end_unauthorized)
        except BaseException:
            self.remove(watcher)
            raise

    def remove(self, watcher: W) -> None:
        watcher.subscriber.close()
        remaining = self._watchers.get(watcher.target, set())
        remaining.discard(watcher)
        if not remaining:
            self._watchers.pop(watcher.target, None)
        if not self._watchers and self._stop is not None:
            self._stop()
            self._stop = None

    def close(self) -> None:
        """End all streams."""
        for watcher in self._all():
            watcher.subscriber.close()

    async def _on_event(self, event: Event) -> None:
        """Send an event to the watchers that it concerns."""

    def _watchers_of(self, target: object) -> list[W]:
        return [watcher for watcher in self._watchers.get(str(target), ()) if not watcher.subscriber.is_closed]

    def _all(self) -> list[W]:
        return [watcher for watchers in self._watchers.values() for watcher in watchers]

    async def _end_unauthorized(self, target: object = None) -> None:
        """End the streams whose link or key has ended; called after any write to the catalog.

        Parameters
        ----------
        target
            Check its streams alone, before an event is sent to them: a link may have expired, or may have been revoked
            by the writes that the event is one of. None for all streams.
        """
        known: dict[str, bool] = {}
        for watcher in self._all() if target is None else self._watchers_of(target):
            if watcher.subscriber.is_closed:
                continue
            is_authorized = known.get(watcher.authority) if watcher.authority is not None else None
            if is_authorized is None:
                is_authorized = await watcher.is_authorized()
            if watcher.authority is not None:
                known[watcher.authority] = is_authorized
            if not is_authorized:
                watcher.end()
