"""Event broker: forwards the catalog's and the sessions' events to subscribers. Server process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from tornado.ioloop import PeriodicCallback

from ....model.events import Event
from ....store.catalog import events
from ....store.store import Store

PLOT_CAPTURED, SESSION_STARTED, SESSION_ENDED = "plot.captured", "session.started", "session.ended"
_LOOK_MILLISECONDS = 200


_QUEUE_LENGTH = 1_000


class Subscriber:
    """One open stream's waiting events; one that falls too far behind is cut off and comes back with its last id.

    There may be a thousand of these with nothing to say, so they hold little: a list and a future, where a deque and
    ``asyncio.Event`` with ``wait_for`` would cost two more kilobytes each.
    """

    def __init__(self, owner: str | None) -> None:
        self.owner = owner
        self.is_behind = False
        self._waiting: list[Event] = []
        self._has_news = False
        self._waiter: asyncio.Future[None] | None = None

    def offer(self, event: Event) -> None:
        if self.owner is not None and event.owner != self.owner:
            return
        if len(self._waiting) >= _QUEUE_LENGTH:
            self.is_behind = True
        else:
            self._waiting.append(event)
        self.wake()

    @property
    def is_loaded(self) -> bool:
        """Whether what can be done without is better left out."""
        return len(self._waiting) >= _QUEUE_LENGTH // 2

    def take(self) -> list[Event]:
        """The waiting events, which wait no more."""
        taken, self._waiting = self._waiting, []
        return taken

    def wake(self) -> None:
        self._has_news = True
        self._resolve()

    async def wait(self, seconds: float) -> None:
        """Return when there is something to send, or after ``seconds``."""
        if not self._has_news:
            loop = asyncio.get_running_loop()
            self._waiter = loop.create_future()
            timer = loop.call_later(seconds, self._resolve)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None
        self._has_news = False

    def _resolve(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Listener(Subscriber):
    """Hears at once, of every owner.

    Parameters
    ----------
    heard
        Takes each event.
    """

    def __init__(self, heard: Callable[[Event], None]) -> None:
        super().__init__(None)
        self._heard = heard

    def offer(self, event: Event) -> None:
        self._heard(event)


AnySubscriber = TypeVar("AnySubscriber", bound=Subscriber)


class EventBroker:
    """Hands new events of the catalog to the streams that are open."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._subscribers: set[Subscriber] = set()
        self._last_id = 0
        self._stamp = -1
        self._timer: PeriodicCallback | None = None
        self._committed: list[Callable[[], None]] = []

    def subscribe(self, owner: str | None) -> Subscriber:
        return self._add(Subscriber(owner))

    def listen(self, heard: Callable[[Event], None], committed: Callable[[], None]) -> Callable[[], None]:
        """Call ``heard`` with each event, and ``committed`` whenever anything at all was written, until what is
        returned is called."""
        listener = self._add(Listener(heard))
        self._committed.append(committed)

        def stop() -> None:
            self._committed.remove(committed)
            self.unsubscribe(listener)

        return stop

    def _add(self, subscriber: AnySubscriber) -> AnySubscriber:
        if not self._subscribers:
            self._last_id = events.newest_id(self._store.catalog.reader)
            self._timer = PeriodicCallback(self.wake, _LOOK_MILLISECONDS)
            self._timer.start()
        self._subscribers.add(subscriber)
        return subscriber

    def unsubscribe(self, subscriber: Subscriber) -> None:
        self._subscribers.discard(subscriber)
        if not self._subscribers and self._timer is not None:
            self._timer.stop()
            self._timer = None

    def wake(self) -> None:
        """Look whether the catalog has anything new; called after our own writes, and by the timer for others'."""
        if not self._subscribers:
            return
        stamp = self._store.catalog.stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        while found := events.after(self._store.catalog.reader, self._last_id):
            self._last_id = found[-1].id
            for event in found:
                for subscriber in list(self._subscribers):
                    subscriber.offer(event)
        for committed in list(self._committed):
            committed()

    def announce(self, owner: str, kind: str, data: dict[str, Any]) -> None:
        """Tell who listens now; this is kept nowhere, and a stream that is behind can do without it."""
        event = Event(0, 0.0, owner, kind, data)
        for subscriber in list(self._subscribers):
            if not subscriber.is_loaded:
                subscriber.offer(event)

    def close(self) -> None:
        """End all streams."""
        for subscriber in list(self._subscribers):
            subscriber.is_behind = True
            subscriber.wake()
