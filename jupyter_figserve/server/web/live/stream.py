"""The event stream of a live figure's page, for the visitors of a link. Server process."""

from __future__ import annotations

from ...services.live.watchers import CLOSED_EVENT, LiveWatcher
from ..http import sse
from ..http.handler import FigServeHandler


async def send_live_events(handler: FigServeHandler, watcher: LiveWatcher) -> None:
    """Answer with the stream of a watcher, which is removed at the end."""
    watchers = handler.context.live.watchers
    await watchers.add(watcher)
    try:
        sse.start_stream(handler)
        if handler.request.method == "HEAD":
            handler.finish()
            return
        stream = sse.send_events(handler, watcher.subscriber, watcher.is_authorized, farewell=CLOSED_EVENT)
        await handler.run_until_disconnect(stream)
    finally:
        watchers.remove(watcher)
