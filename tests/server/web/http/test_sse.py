"""The writer of event streams: blocks, heartbeats, and the end of slow clients."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError

from jupyter_figserve.model.events import Event
from jupyter_figserve.server.services.events.subscriber import Subscriber
from jupyter_figserve.server.services.monitoring.metrics import Metrics
from jupyter_figserve.server.web.http import sse

from ...conftest import DEADLINE


class FakeHandler:
    """The part of a handler that a stream uses; ``is_slow``: the client accepts nothing."""

    def __init__(self, *, is_slow: bool = False) -> None:
        self.text = ""
        self.request = SimpleNamespace(headers=HTTPHeaders({"Cookie": "x"}), cookies={"x": "y"})
        self._headers = HTTPHeaders({"Content-Type": "text/event-stream"})
        self.ui = {"modules": None}
        self.call_on_disconnect = lambda _end: None
        self._is_slow = is_slow
        self.context = SimpleNamespace(monitoring=SimpleNamespace(metrics=Metrics()))

    def write(self, text: str) -> None:
        self.text += text

    async def flush_in_time(self) -> None:
        if self._is_slow:
            raise StreamClosedError


async def send(handler: FakeHandler, subscriber: Subscriber, *, is_authorized: bool = True, **options: Any) -> None:
    async def check() -> bool:
        return is_authorized

    async with asyncio.timeout(DEADLINE):
        await sse.send_events(handler, subscriber, check, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("number", "first_line"), [(7, "id: 7\n"), (0, "")])
def test_only_stored_events_have_an_id(number, first_line):
    """Without one, the client's last id stays as it is; line breaks in the data do not end the block."""
    event = Event(number, 0.0, "local", "figure.published", {"name": "ü\n\n"})
    assert sse.format_sse(event) == first_line + 'event: figure.published\ndata: {"name": "ü\\n\\n"}\n\n'


async def test_pending_events_are_sent_before_the_end():
    """Then nothing of the request is held any more."""
    handler, subscriber = FakeHandler(), Subscriber()
    subscriber.offer(Event(1, 0.0, "local", "a", {}))
    subscriber.close()
    await send(handler, subscriber)
    assert handler.text == "id: 1\nevent: a\ndata: {}\n\n"
    assert [dict(one) for one in (handler.request.headers, handler.request.cookies, handler._headers)] == [{}, {}, {}]
    assert handler.ui == {}


async def test_the_last_event_may_come_during_a_write():
    """A stream that ends while an event is written sends what came with the end."""
    subscriber = Subscriber()
    subscriber.offer(Event(1, 0.0, "local", "a", {}))

    class Busy(FakeHandler):
        async def flush_in_time(self) -> None:
            if not subscriber.is_closed:
                subscriber.offer(Event(0, 0.0, "", "gone", {}))
                subscriber.close()

    handler = Busy()
    await send(handler, subscriber)
    assert handler.text == "id: 1\nevent: a\ndata: {}\n\nevent: gone\ndata: {}\n\n"


async def test_L2_a_slow_client_is_given_up():
    """Its stream ends without an error."""
    await send(FakeHandler(is_slow=True), Subscriber())


async def test_L6_a_client_that_lost_its_rights_gets_a_farewell(monkeypatch):
    """With the next heartbeat."""
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.0)
    handler = FakeHandler()
    await send(handler, Subscriber(), is_authorized=False, farewell=Event(0, 0.0, "", "gone", {}))
    assert handler.text == "event: gone\ndata: {}\n\n"


async def test_idle_streams_have_a_heartbeat(monkeypatch):
    """A comment, which no client takes for an event."""
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.0)
    handler, subscriber = FakeHandler(), Subscriber()
    stream = asyncio.ensure_future(send(handler, subscriber))
    async with asyncio.timeout(DEADLINE):
        while not handler.text:
            await asyncio.sleep(0)
    subscriber.close()
    await stream
    assert set(handler.text.split("\n\n")) == {": heartbeat", ""}
