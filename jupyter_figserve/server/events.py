"""Server-Sent Events: what happened to an owner's figures, with replay, and to sessions, without. Server process.

Source: html.spec.whatwg.org, section 9.2. Other processes on the same catalog are heard too: their commits change the
catalog's stamp, which is looked at five times a second while anybody listens.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, TypeVar

from jupyter_server.auth.decorator import authorized
from tornado import web
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.iostream import StreamClosedError

from ..errors import Forbidden, InvalidInput
from ..store import events
from ..store.events import Event
from ..store.store import Store
from .private import PrivateHandler

PLOT_CAPTURED, SESSION_STARTED, SESSION_ENDED = "plot.captured", "session.started", "session.ended"
_LOOK_MILLISECONDS = 200
_QUEUE_LENGTH = 1_000
_RETRY_MILLISECONDS = 2_000


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


class EventHub:
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


class EventsHandler(PrivateHandler):
    """``/api/events``."""

    scopes = {"GET": ("read",)}
    heartbeat_seconds = 15.0
    slow_seconds = 30.0

    _subscriber: Subscriber | None = None

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        self._check_site()
        newest, since = events.newest_id(self.services.store.catalog.reader), self._last_seen_id()
        # A catalog that was made anew counts from the beginning.
        since = since if since is None else min(since, newest)
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        self.set_header("Cache-Control", "private, no-cache")
        # Without this, nginx keeps events back until its buffer is full.
        self.set_header("X-Accel-Buffering", "no")
        self._subscriber = self.services.events.subscribe(self.caller.owner)
        sent = newest
        try:
            self.write(f"retry: {_RETRY_MILLISECONDS}\nid: {sent if since is None else since}\n\n")
            if since is not None:
                sent = self._replay(since)
            await self._flush()
            self._let_go()
            await self._stream(sent)
        except (TimeoutError, StreamClosedError):
            pass
        finally:
            self.on_connection_close()

    def on_connection_close(self) -> None:
        if self._subscriber is not None:
            self.services.events.unsubscribe(self._subscriber)
            self._subscriber.is_behind = True
            self._subscriber.wake()

    def _check_site(self) -> None:
        """Unlike a picture, a stream is opened by another site not even as a page of its own."""
        if self.is_from_another_site:
            raise Forbidden("Another site may not open this.", code="cross_site")

    async def _stream(self, sent: int) -> None:
        subscriber = self._subscriber
        assert subscriber is not None
        loop = IOLoop.current()
        next_beat = loop.time() + self.heartbeat_seconds
        while not subscriber.is_behind:
            await subscriber.wait(max(0.05, next_beat - loop.time()))
            for event in subscriber.take():
                if event.id == 0 or event.id > sent:
                    self.write(self._written(event))
            if loop.time() >= next_beat:
                if not self.services.gate.still_good(self.caller):
                    return
                self.write(": heartbeat\n\n")
                next_beat = loop.time() + self.heartbeat_seconds
            await self._flush()

    def _let_go(self) -> None:
        """Drop what only the beginning needed: a quarter of what an idle stream would hold."""
        self.request.headers.clear()
        self.request.cookies.clear()
        self._headers.clear()

    async def _flush(self) -> None:
        """Send; a client that takes nothing for long is let go."""
        await asyncio.wait_for(self.flush(), self.slow_seconds)

    def _replay(self, since: int) -> int:
        """Write what happened after ``since``; returns the last id looked at."""
        reader = self.services.store.catalog.reader
        while found := events.after(reader, since):
            since = found[-1].id
            for event in found:
                if event.owner == self.caller.owner:
                    self.write(self._written(event))
        return since

    def _written(self, event: Event) -> str:
        """An event as text; one that cannot be replayed leaves the client's last id as it is."""
        data = event.data
        if event.kind == PLOT_CAPTURED:
            data = data | {"url": self.base.plot(data["session"], data["path"])}
        lines = f"event: {event.kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
        return lines if event.id == 0 else f"id: {event.id}\n{lines}"

    def _last_seen_id(self) -> int | None:
        text = self.request.headers.get("Last-Event-ID") or self.get_query_argument("since", None)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            raise InvalidInput("Last-Event-ID is the id of an event.")
        return int(text)
