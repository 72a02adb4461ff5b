"""Event broker: forwards the catalog's and the sessions' events to subscribers. Server process.

Events that another process wrote to the same catalog are forwarded too: its commits change the catalog's data version,
which is compared five times a second while there are subscribers. PostgreSQL notifies of them; there the comparison
only makes up for lost notifications.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from tornado.ioloop import IOLoop, PeriodicCallback

from ....errors import Unavailable
from ....model.events import Event
from ....store.databases import DataVersion
from ....store.store import Store
from .subscriber import Subscriber

PLOT_CAPTURED, SESSION_STARTED, SESSION_ENDED = "plot.captured", "session.started", "session.ended"
SESSION_RENAMED, LIVE_PROGRESS = "session.renamed", "live.progress"
_EVERYWHERE = {SESSION_STARTED, SESSION_ENDED, SESSION_RENAMED, LIVE_PROGRESS}
"""Events that other servers on the catalog get too; of live figures, each server announces those that it offers."""
OnEvent = Callable[[Event], Awaitable[None]]
OnCommit = Callable[[], Awaitable[None]]


class EventBroker:
    """Forwards new events to open streams and to listeners in this process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._id = secrets.token_hex(8)
        self._subscribers: dict[Subscriber, str] = {}
        self._listeners: list[tuple[OnEvent, OnCommit]] = []
        self._last_id = 0
        self._data_version: DataVersion = -1
        self._timer: PeriodicCallback | None = None
        self._stop_watching: Callable[[], None] = lambda: None
        self._is_noticed = False
        self._lock = asyncio.Lock()

    async def subscribe(self, owner: str) -> Subscriber:
        """Return a new subscriber, which is offered every event of ``owner`` from now on."""
        await self._start()
        subscriber = Subscriber()
        self._subscribers[subscriber] = owner
        return subscriber

    def unsubscribe(self, subscriber: Subscriber) -> None:
        self._subscribers.pop(subscriber, None)
        self._stop_if_idle()

    async def listen(self, on_event: OnEvent, on_commit: OnCommit) -> Callable[[], None]:
        """Register two callbacks, and return the function that removes them.

        Parameters
        ----------
        on_event
            Called with each event, of every owner.
        on_commit
            Called after each write to the catalog.
        """
        await self._start()
        listener = (on_event, on_commit)
        self._listeners.append(listener)

        def stop() -> None:
            self._listeners.remove(listener)
            self._stop_if_idle()

        return stop

    async def wake(self) -> None:
        """Forward new events of the catalog; called after our own writes, and by a timer for those of others."""
        if not (self._subscribers or self._listeners):
            return
        async with self._lock:
            try:
                await self._forward()
            except Unavailable:
                # The database does not answer; the timer tries again.
                self._data_version = -1

    async def _forward(self) -> None:
        version = await self._store.data_version()
        if version == self._data_version:
            return
        self._data_version = version
        while found := await self._store.events.list_after(self._last_id):
            for event in found:
                self._last_id = event.id
                self._offer(event)
                for on_event, _ in list(self._listeners):
                    await on_event(event)
        for _, on_commit in list(self._listeners):
            await on_commit()

    def announce(self, owner: str, kind: str, data: dict[str, Any]) -> None:
        """Forward an event that is not stored and cannot be replayed; some kinds also to the other servers."""
        self._pass_on(Event(0, 0.0, owner, kind, data))
        if kind in _EVERYWHERE:
            self._store.announce(json.dumps([self._id, owner, kind, data], ensure_ascii=False))

    def _pass_on(self, event: Event) -> None:
        self._offer(event)
        for on_event, _ in list(self._listeners):
            IOLoop.current().spawn_callback(on_event, event)

    def _receive(self, text: str) -> None:
        """Forward what another server has announced."""
        server, owner, kind, data = json.loads(text)
        if server != self._id and kind in _EVERYWHERE:
            self._pass_on(Event(0, 0.0, owner, kind, data))

    def close(self) -> None:
        """End all streams; listeners hear no more."""
        self._stop_following()
        for subscriber in list(self._subscribers):
            subscriber.close()

    def _offer(self, event: Event) -> None:
        is_stored = event.id != 0
        for subscriber, owner in list(self._subscribers.items()):
            if owner == event.owner and (is_stored or not subscriber.is_half_full):
                subscriber.offer(event)

    async def _start(self) -> None:
        async with self._lock:
            if self._timer is None:
                self._last_id = await self._store.events.find_newest_id()
                self._timer = PeriodicCallback(self.wake, 1_000 * self._store.poll_seconds)
                self._timer.start()
                loop = asyncio.get_running_loop()
                self._stop_watching = self._store.watch(
                    lambda: loop.call_soon_threadsafe(self._notice),
                    lambda text: loop.call_soon_threadsafe(self._receive, text),
                )

    def _notice(self) -> None:
        """Wake once for any number of notifications that arrive meanwhile."""
        if not self._is_noticed:
            self._is_noticed = True
            IOLoop.current().spawn_callback(self._wake_noticed)

    async def _wake_noticed(self) -> None:
        self._is_noticed = False
        await self.wake()

    def _stop_if_idle(self) -> None:
        if not (self._subscribers or self._listeners):
            self._stop_following()

    def _stop_following(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
            self._stop_watching()
