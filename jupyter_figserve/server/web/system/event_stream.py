"""``/api/events``: the stream of an owner's events; those of figures can be replayed. Server process."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....model.events import Event
from ....model.keys import READ
from ...services.events.event_broker import PLOT_CAPTURED
from ..http import sse
from ..http.private_handler import AuthenticatedHandler
from ..http.service_relay import relay_events


class EventsHandler(AuthenticatedHandler):
    """``/api/events``."""

    scopes = {"GET": READ}

    _last_id = 0
    """Id of the newest stored event that was sent or predates the stream."""

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        self.refuse_cross_site()
        since = sse.parse_last_event_id(self)
        broker, caller, gate = self.context.events, self.principal, self.context.authenticator
        subscriber = await broker.subscribe(caller.owner)
        try:
            with relay_events(self, subscriber):
                await self._start(since)
                await sse.send_events(self, subscriber, lambda: gate.is_still_valid(caller), to_text=self._to_text)
        finally:
            broker.unsubscribe(subscriber)

    async def _start(self, since: int | None) -> None:
        """Write the first block, and the events after ``since`` that the client has missed."""
        stored = self.context.store.events
        self._last_id = newest = await stored.find_newest_id()
        if since is None:
            sse.start_stream(self, newest)
            return
        # The ids of a rebuilt catalog begin at 1.
        self._last_id = min(since, newest)
        sse.start_stream(self, self._last_id)
        while found := await stored.list_after(self._last_id):
            for event in found:
                if event.owner == self.principal.owner:
                    self.write(self._to_text(event))
            self._last_id = found[-1].id
            await self.flush_in_time()

    def _to_text(self, event: Event) -> str:
        """Return an event's block, or "" if it has been replayed already."""
        if event.id and event.id <= self._last_id:
            return ""
        if event.kind == PLOT_CAPTURED:
            url = self.base.plot(event.data["session"], event.data["path"])
            event = Event(event.id, event.created, event.owner, event.kind, event.data | {"url": url})
        return sse.format_sse(event)
