"""Server-Sent Events: writes event streams, with heartbeats and a limit for slow clients. Server process.

Source of the format: html.spec.whatwg.org, section 9.2.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Awaitable, Callable

from tornado.httputil import HTTPHeaders
from tornado.ioloop import IOLoop
from tornado.iostream import StreamClosedError

from ....errors import InvalidInput
from ....model.events import Event
from ...services.events.subscriber import Subscriber
from . import security_headers
from .handler import FigServeHandler

HEARTBEAT_SECONDS = 15.0
RETRY_MILLISECONDS = 2_000
_MIN_WAIT_SECONDS = 0.05


def format_sse(event: Event) -> str:
    """Return an event as a block of a stream; one that cannot be replayed has no id."""
    block = f"event: {event.kind}\ndata: {json.dumps(event.data, ensure_ascii=False)}\n\n"
    return block if event.id == 0 else f"id: {event.id}\n{block}"


def parse_last_event_id(handler: FigServeHandler) -> int | None:
    """Return the id after which to replay events: the header, or ``?since`` in a first request.

    Raises
    ------
    InvalidInput
        When it is no id.
    """
    text = handler.request.headers.get("Last-Event-ID") or handler.get_query_argument("since", None)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise InvalidInput("Last-Event-ID is not the id of an event.")
    return int(text)


def start_stream(handler: FigServeHandler, last_id: int | None = None) -> None:
    """Set the headers of a stream and write its first block; the client reconnects with ``last_id``."""
    handler.replace_headers(security_headers.JSON_HEADERS)
    handler.set_header("Content-Type", "text/event-stream; charset=utf-8")
    # Without this, nginx delays events until its buffer is full.
    handler.set_header("X-Accel-Buffering", "no")
    handler.write(f"retry: {RETRY_MILLISECONDS}\n" + ("\n" if last_id is None else f"id: {last_id}\n\n"))


async def send_events(
    handler: FigServeHandler,
    subscriber: Subscriber,
    is_authorized: Callable[[], Awaitable[bool]],
    *,
    to_text: Callable[[Event], str] = format_sse,
    farewell: Event | None = None,
) -> None:
    """Write a subscriber's events until it is closed, or the client disconnects or is too slow.

    Parameters
    ----------
    is_authorized
        Called at each heartbeat; the stream ends when it returns False.
    farewell
        Last event of a stream that ends because it is no longer authorized.
    """
    handler.is_stream = True
    # Without a task of its own, whose cancellation would end the wait, a stream takes less memory.
    handler.call_on_disconnect(subscriber.close)
    # A client that is too slow or has disconnected reconnects on its own with its last id.
    with handler.context.monitoring.metrics.open_stream(), contextlib.suppress(StreamClosedError):
        await _send_until_closed(handler, subscriber, is_authorized, to_text, farewell)


async def _send_until_closed(
    handler: FigServeHandler,
    subscriber: Subscriber,
    is_authorized: Callable[[], Awaitable[bool]],
    to_text: Callable[[Event], str],
    farewell: Event | None,
) -> None:
    await _send_pending(handler, subscriber, to_text)
    _free_request(handler)
    loop = IOLoop.current()
    next_beat = loop.time() + HEARTBEAT_SECONDS
    while not subscriber.is_closed:
        await subscriber.wait(max(_MIN_WAIT_SECONDS, next_beat - loop.time()))
        if loop.time() >= next_beat:
            _beat(handler, subscriber, farewell, is_authorized=await is_authorized())
            next_beat = loop.time() + HEARTBEAT_SECONDS
        await _send_pending(handler, subscriber, to_text)
    # The last event may have come while the one before it was written.
    await _send_pending(handler, subscriber, to_text)


def _beat(handler: FigServeHandler, subscriber: Subscriber, farewell: Event | None, *, is_authorized: bool) -> None:
    if is_authorized:
        handler.write(": heartbeat\n\n")
        return
    if farewell is not None:
        subscriber.offer(farewell)
    subscriber.close()


async def _send_pending(handler: FigServeHandler, subscriber: Subscriber, to_text: Callable[[Event], str]) -> None:
    for event in subscriber.pop_all():
        handler.write(to_text(event))
    await handler.flush_in_time()


def _free_request(handler: FigServeHandler) -> None:
    """Free the headers, the cookies and the names of templates, a quarter of the memory of an idle stream."""
    if "Cookie" in handler.request.headers:
        handler.request.cookies.clear()
    for headers in (handler.request.headers, handler._headers):
        # clear() would keep the tables of its dictionaries.
        HTTPHeaders.__init__(headers)
    handler.ui.clear()
