"""The event stream of a page with one target, for its owner and for the viewers of a link. Server process."""

from __future__ import annotations

from ...services.events.watchers import GONE_EVENT, W, Watchers
from . import sse
from .handler import FigServeHandler


async def send_watched_events(handler: FigServeHandler, watchers: Watchers[W], watcher: W) -> None:
    """Respond with the stream of a watcher, which is registered now and removed at the end.

    It holds the watcher but not its target, which would be most of the memory of a thousand idle streams.
    """
    streams, address = handler.context.traffic.public_streams, handler.request.remote_ip or ""
    with streams.opened(handler.caller, address, watcher.subscriber):
        await watchers.add(watcher)
        try:
            sse.start_stream(handler)
            if handler.request.method == "HEAD":
                handler.finish()
                return
            await sse.send_events(handler, watcher.subscriber, watcher.is_authorized, farewell=GONE_EVENT)
        finally:
            watchers.remove(watcher)
