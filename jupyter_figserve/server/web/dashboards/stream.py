"""The event stream of a dashboard, for its owner and for the viewers of a link. Server process."""

from __future__ import annotations

from ...services.dashboards.watchers import GONE_EVENT, Watcher
from ..http import sse
from ..http.handler import FigServeHandler


async def send_dashboard_events(handler: FigServeHandler, watcher: Watcher) -> None:
    """Respond with the stream of a registered watcher, and remove the watcher at the end.

    It holds the watcher but not the dashboard, which would be most of the memory of a thousand idle streams.
    """
    watchers = handler.context.dashboards
    try:
        sse.start_stream(handler)
        if handler.request.method == "HEAD":
            handler.finish()
            return
        stream = sse.send_events(handler, watcher.subscriber, watcher.is_authorized, farewell=GONE_EVENT)
        await handler.run_until_disconnect(stream)
    finally:
        watchers.remove(watcher)
