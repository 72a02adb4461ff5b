"""Who looks at which dashboard now, and what each is told: a stream for each viewer, whose texts are made once for all.

Server process. Source of the format: html.spec.whatwg.org, section 9.2.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tornado.ioloop import IOLoop
from tornado.iostream import StreamClosedError

from ...services.dashboards.resolver import ResolvedDashboard
from ...services.dashboards.watch import PanelAddress, StreamSubscriber, panel_text, written
from ..http import security_headers

if TYPE_CHECKING:
    from ..context import AppContext
    from ..http.handler import FigServeHandler

HEARTBEAT_SECONDS = 15.0
SLOW_SECONDS = 30.0
RETRY_MILLISECONDS = 2_000


def subscribe_dashboard(
    context: AppContext, board: ResolvedDashboard, viewer: StreamSubscriber, seen: int | None
) -> StreamSubscriber:
    """The viewer, who is told what changes from now on, and first of what a page that shows version ``seen`` lacks.

    The board itself is not the viewer's to hold: a thousand of them would be most of what their streams cost.
    """
    viewer.offer(f"retry: {RETRY_MILLISECONDS}\n\n{opening_text(board, viewer.address, seen)}")
    context.dashboards.join(board, viewer)
    return viewer


async def send_stream(handler: FigServeHandler, viewer: StreamSubscriber) -> None:
    """Answer with a stream until its viewer, the link or the dashboard is gone."""
    handler.replace_headers(security_headers.JSON_HEADERS | {"Cache-Control": "private, no-cache"})
    handler.set_header("Content-Type", "text/event-stream; charset=utf-8")
    # Without this, nginx keeps events back until its buffer is full.
    handler.set_header("X-Accel-Buffering", "no")
    if handler.request.method == "HEAD":
        handler.context.dashboards.leave(viewer)
        handler.finish()
        return
    try:
        await _send_waiting(handler, viewer)
        # What only the beginning needed would be a quarter of what an idle stream holds.
        handler.request.headers.clear()
        handler.request.cookies.clear()
        handler._headers.clear()
        await _send_news(handler, viewer)
    except (TimeoutError, StreamClosedError):
        pass
    finally:
        handler.context.dashboards.leave(viewer)


def opening_text(board: ResolvedDashboard, address: PanelAddress, seen: int | None) -> str:
    """What a page may have missed since it was made: newest pictures, and that the dashboard is another."""
    text = "".join(panel_text(place, address) for place in board.places if place.figure and not place.panel.version)
    if seen is not None and seen != board.record.version:
        text += written("dashboard", {"version": board.record.version})
    return text


async def _send_news(handler: FigServeHandler, viewer: StreamSubscriber) -> None:
    loop = IOLoop.current()
    next_beat = loop.time() + HEARTBEAT_SECONDS
    while True:
        await viewer.wait(max(0.05, next_beat - loop.time()))
        if not viewer.waiting and not viewer.is_over and loop.time() >= next_beat:
            if not viewer.is_good():
                handler.write(written("gone", {}))
                viewer.is_over = True
            else:
                handler.write(": heartbeat\n\n")
        await _send_waiting(handler, viewer)
        if viewer.is_over and not viewer.waiting:
            return
        if loop.time() >= next_beat:
            next_beat = loop.time() + HEARTBEAT_SECONDS


async def _send_waiting(handler: FigServeHandler, viewer: StreamSubscriber) -> None:
    """Send; a client that takes nothing for long is let go."""
    texts, viewer.waiting = viewer.waiting, []
    handler.write("".join(texts))
    del texts
    await asyncio.wait_for(handler.flush(), SLOW_SECONDS)
