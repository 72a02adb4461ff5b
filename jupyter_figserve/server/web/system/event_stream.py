"""Server-Sent Events: what happened to an owner's figures, with replay, and to sessions, without. Server process.

Source: html.spec.whatwg.org, section 9.2. Other processes on the same catalog are heard too: their commits change the
catalog's stamp, which is looked at five times a second while anybody listens.
"""

from __future__ import annotations

import asyncio
import json

from jupyter_server.auth.decorator import authorized
from tornado import web
from tornado.ioloop import IOLoop
from tornado.iostream import StreamClosedError

from ....errors import Forbidden, InvalidInput
from ....model.events import Event
from ....model.keys import READ
from ....store.catalog import events
from ...services.events.event_broker import PLOT_CAPTURED, Subscriber
from ..http.private_handler import AuthenticatedHandler

_RETRY_MILLISECONDS = 2_000


class EventsHandler(AuthenticatedHandler):
    """``/api/events``."""

    scopes = {"GET": READ}
    heartbeat_seconds = 15.0
    slow_seconds = 30.0

    _subscriber: Subscriber | None = None

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        self._check_site()
        newest, since = events.newest_id(self.context.store.catalog.reader), self._last_seen_id()
        # A catalog that was made anew counts from the beginning.
        since = since if since is None else min(since, newest)
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        self.set_header("Cache-Control", "private, no-cache")
        # Without this, nginx keeps events back until its buffer is full.
        self.set_header("X-Accel-Buffering", "no")
        self._subscriber = self.context.events.subscribe(self.principal.owner)
        sent = newest
        try:
            self.write(f"retry: {_RETRY_MILLISECONDS}\nid: {sent if since is None else since}\n\n")
            if since is not None:
                sent = self._replay(since)
            await self._flush()
            self._free_request()
            await self._stream(sent)
        except (TimeoutError, StreamClosedError):
            pass
        finally:
            self.on_connection_close()

    def on_connection_close(self) -> None:
        if self._subscriber is not None:
            self.context.events.unsubscribe(self._subscriber)
            self._subscriber.is_behind = True
            self._subscriber.wake()

    def _check_site(self) -> None:
        """Unlike a picture, a stream is opened by another site not even as a page of its own."""
        if self.is_cross_site:
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
                if not self.context.authenticator.is_still_valid(self.principal):
                    return
                self.write(": heartbeat\n\n")
                next_beat = loop.time() + self.heartbeat_seconds
            await self._flush()

    def _free_request(self) -> None:
        """Drop what only the beginning needed: a quarter of what an idle stream would hold."""
        self.request.headers.clear()
        self.request.cookies.clear()
        self._headers.clear()

    async def _flush(self) -> None:
        """Send; a client that takes nothing for long is let go."""
        await asyncio.wait_for(self.flush(), self.slow_seconds)

    def _replay(self, since: int) -> int:
        """Write what happened after ``since``; returns the last id looked at."""
        reader = self.context.store.catalog.reader
        while found := events.after(reader, since):
            since = found[-1].id
            for event in found:
                if event.owner == self.principal.owner:
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
