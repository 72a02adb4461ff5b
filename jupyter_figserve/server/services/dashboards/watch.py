"""Watchers of dashboards: what changed in a panel, for each open stream. Server process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ....model.dashboards import FIGURE, LIVE
from ....model.events import DASHBOARD_DELETED, DASHBOARD_PUBLISHED, Event
from ....store.catalog import dashboards
from ..live import registry
from .resolver import ResolvedDashboard, ResolvedPanel, resolve_dashboard

if TYPE_CHECKING:
    from ...web.context import AppContext


_MAX_WAITING = 1_000
"""Events that wait for one viewer, who takes none for long and is let go then."""


PanelAddress = Callable[[ResolvedPanel], str]
"""Of a figure's newest picture, relative to the stream's own address."""


class StreamSubscriber:
    """One open stream: what waits to be sent, and how it wakes. Small, as there may be a thousand with nothing to say.

    Parameters
    ----------
    address
        The same function for all who see the same addresses, so that their texts are one.
    is_good
        Whether who opened it would be let in now.
    """

    __slots__ = ("_waiter", "address", "dashboard", "is_good", "is_over", "waiting")

    def __init__(self, dashboard: str, address: PanelAddress, is_good: Callable[[], bool]) -> None:
        self.dashboard = dashboard
        self.address = address
        self.is_good = is_good
        self.is_over = False
        self.waiting: list[str] = []
        self._waiter: asyncio.Future[None] | None = None

    def offer(self, text: str) -> None:
        self.waiting.append(text)
        if len(self.waiting) > _MAX_WAITING:
            self.is_over = True
        self.wake()

    def end(self) -> None:
        self.is_over = True
        self.wake()

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self, seconds: float) -> None:
        """Return when there is something to send, or after ``seconds``."""
        if self.waiting or self.is_over:
            return
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(seconds, self.wake)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None


class DashboardWatchers:
    """Tells the viewers of dashboards what changes there."""

    def __init__(self, context: AppContext) -> None:
        self._services = context
        self._viewers: dict[str, set[StreamSubscriber]] = {}
        self._boards: dict[str, ResolvedDashboard] = {}
        self._stop: Callable[[], None] | None = None

    def join(self, board: ResolvedDashboard, viewer: StreamSubscriber) -> None:
        if self._stop is None:
            self._stop = self._services.events.listen(self._hear, self._check)
        self._viewers.setdefault(viewer.dashboard, set()).add(viewer)
        self._boards.setdefault(viewer.dashboard, board)

    def leave(self, viewer: StreamSubscriber) -> None:
        viewer.end()
        left = self._viewers.get(viewer.dashboard, set())
        left.discard(viewer)
        if not left:
            self._viewers.pop(viewer.dashboard, None)
            self._boards.pop(viewer.dashboard, None)
        if not self._viewers and self._stop is not None:
            self._stop()
            self._stop = None

    def close(self) -> None:
        """End all streams."""
        for viewers in list(self._viewers.values()):
            for viewer in list(viewers):
                viewer.end()

    def _hear(self, event: Event) -> None:
        if event.kind in (DASHBOARD_PUBLISHED, DASHBOARD_DELETED):
            self._renew(str(event.data.get("dashboard")), event)
            return
        kind, thing = (FIGURE, event.data.get("figure")) if event.data.get("figure") else (LIVE, event.data.get("live"))
        if thing is None:
            return
        for dashboard, board in list(self._boards.items()):
            if any(place.panel.kind == kind and place.panel.target == thing for place in board.places):
                self._tell(dashboard, event, kind, thing)

    def _renew(self, dashboard: str, event: Event) -> None:
        if dashboard not in self._boards:
            return
        record = dashboards.find(self._services.store.catalog.reader, dashboard)
        if record is None:
            self._end(dashboard)
            return
        self._boards[dashboard] = resolve_dashboard(self._services, record)
        self._send(dashboard, lambda address: written("dashboard", {"version": record.version}))

    def _tell(self, dashboard: str, event: Event, kind: str, thing: object) -> None:
        """A new picture is told of by its place; where more than that has changed, the page is to come anew."""
        board = self._boards[dashboard] = resolve_dashboard(self._services, self._boards[dashboard].record)
        changed = [place for place in board.places if place.panel.kind == kind and place.panel.target == thing]
        if event.kind not in ("figure.published", registry.OFFERED, registry.GONE):
            self._send(dashboard, lambda address: written("dashboard", {"version": board.record.version}))
            return
        for place in changed:
            if place.panel.version is None and not place.is_gone:
                self._send(dashboard, lambda address, place=place: panel_text(place, address))  # type: ignore[misc]

    def _send(self, dashboard: str, write: Callable[[PanelAddress], str]) -> None:
        texts: dict[PanelAddress, str] = {}
        for viewer in self._viewers.get(dashboard, ()):
            if viewer.address not in texts:
                texts[viewer.address] = write(viewer.address)
            viewer.offer(texts[viewer.address])

    def _check(self) -> None:
        """The catalog has changed: see whose link was revoked or paused."""
        for viewers in list(self._viewers.values()):
            for viewer in list(viewers):
                if not viewer.is_over and not viewer.is_good():
                    viewer.offer(written("gone", {}))
                    viewer.end()

    def _end(self, dashboard: str) -> None:
        for viewer in list(self._viewers.get(dashboard, ())):
            viewer.offer(written("gone", {}))
            viewer.end()


def written(kind: str, data: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def panel_text(place: ResolvedPanel, address: PanelAddress) -> str:
    """What stands in a place now; its picture's address is relative to the stream's."""
    version = place.figure.version.number if place.figure else 0
    data = {"place": place.name, "src": address(place), "version": version, "alt": place.alt}
    return written("panel", data | {"width": place.width, "height": place.height})
