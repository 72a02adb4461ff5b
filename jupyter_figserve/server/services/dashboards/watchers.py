"""Watchers of dashboards: each open stream of a dashboard is sent what changes in its panels. Server process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ....model.dashboards import FIGURE, LIVE
from ....model.events import DASHBOARD_DELETED, DASHBOARD_PUBLISHED, Event
from ....store.store import Store
from ..events.event_broker import EventBroker
from ..events.subscriber import Subscriber
from ..live.registry import GONE, OFFERED, PROGRESS, REFRESHED
from ..live.service import LiveService
from .resolver import ResolvedDashboard, ResolvedPanel, resolve_dashboard

PanelUrl = Callable[[ResolvedPanel], str]
"""The URL of a panel's newest image, relative to that of the stream."""


@dataclass(eq=False, slots=True)
class Watcher:
    """One open stream of a dashboard. Small: a thousand idle ones are normal, so it does not hold the dashboard.

    Parameters
    ----------
    dashboard
        Its id.
    url_of
        The same function for all watchers that see the same URLs, so that each event is made once for all of them.
    is_authorized
        Whether the client would be admitted now.
    """

    dashboard: str
    url_of: PanelUrl
    is_authorized: Callable[[], Awaitable[bool]]
    subscriber: Subscriber = field(default_factory=Subscriber)


class DashboardWatchers:
    """The watched dashboards, kept up to date, with their watchers."""

    def __init__(self, store: Store, live: LiveService, events: EventBroker) -> None:
        self._store = store
        self._live = live
        self._events = events
        self._watchers: dict[str, set[Watcher]] = {}
        self._dashboards: dict[str, ResolvedDashboard] = {}
        self._stop: Callable[[], None] | None = None

    async def add(self, dashboard: ResolvedDashboard, watcher: Watcher, version: int | None) -> None:
        """Send a watcher what changes from now on, and first what a page that shows ``version`` may have missed."""
        for event in _missed_events(dashboard, watcher.url_of, version):
            watcher.subscriber.offer(event)
        if self._stop is None:
            self._stop = await self._events.listen(self._on_event, self._close_unauthorized)
        self._watchers.setdefault(watcher.dashboard, set()).add(watcher)
        self._dashboards.setdefault(watcher.dashboard, dashboard)

    def remove(self, watcher: Watcher) -> None:
        watcher.subscriber.close()
        remaining = self._watchers.get(watcher.dashboard, set())
        remaining.discard(watcher)
        if not remaining:
            self._watchers.pop(watcher.dashboard, None)
            self._dashboards.pop(watcher.dashboard, None)
        if not self._watchers and self._stop is not None:
            self._stop()
            self._stop = None

    def close(self) -> None:
        """End all streams."""
        for watcher in self._all():
            watcher.subscriber.close()

    def _all(self) -> list[Watcher]:
        return [watcher for watchers in self._watchers.values() for watcher in watchers]

    async def _on_event(self, event: Event) -> None:
        if event.kind in (DASHBOARD_PUBLISHED, DASHBOARD_DELETED):
            await self._update_dashboard(str(event.data.get("dashboard")))
            return
        kind = FIGURE if event.data.get("figure") else LIVE
        target = event.data.get(kind)
        if target is None:
            return
        if event.kind == PROGRESS:
            self._send_progress(event.data)
            return
        for dashboard_id, dashboard in list(self._dashboards.items()):
            if any(_shows(panel, kind, target) for panel in dashboard.panels):
                await self._update_panels(dashboard_id, event.kind, kind, target)

    async def _update_dashboard(self, dashboard_id: str) -> None:
        """Resolve a dashboard again that was published anew or deleted."""
        if dashboard_id not in self._dashboards:
            return
        record = await self._store.dashboards.find(dashboard_id)
        if record is None:
            for watcher in list(self._watchers.get(dashboard_id, ())):
                _end(watcher)
            return
        dashboard = self._dashboards[dashboard_id] = await resolve_dashboard(self._store, self._live, record)
        self._send(dashboard_id, lambda _: _dashboard_event(dashboard))

    async def _update_panels(self, dashboard_id: str, event_kind: str, kind: str, target: object) -> None:
        """Send the panels with a new image; after any other change, the page has to be loaded again."""
        record = self._dashboards[dashboard_id].record
        dashboard = self._dashboards[dashboard_id] = await resolve_dashboard(self._store, self._live, record)
        if event_kind not in ("figure.published", OFFERED, GONE, REFRESHED):
            self._send(dashboard_id, lambda _: _dashboard_event(dashboard))
            return
        for panel in dashboard.panels:
            if _shows(panel, kind, target) and panel.spec.version is None and not panel.is_gone:
                self._send(dashboard_id, lambda url_of, panel=panel: _panel_event(panel, url_of))  # type: ignore[misc]

    def _send_progress(self, data: Mapping[str, Any]) -> None:
        """Send the progress of a call to the panels that may have asked for it: those with its fixed values."""
        for dashboard_id, dashboard in list(self._dashboards.items()):
            for panel in dashboard.panels:
                fixed = panel.spec.values.items()
                if _shows(panel, LIVE, data["live"]) and all(data["arguments"].get(name) == v for name, v in fixed):
                    event = _event("progress", {"place": panel.name, "done": data["done"], "total": data["total"]})
                    self._send(dashboard_id, lambda _, event=event: event)  # type: ignore[misc]

    def _send(self, dashboard_id: str, make_event: Callable[[PanelUrl], Event]) -> None:
        made: dict[PanelUrl, Event] = {}
        for watcher in self._watchers.get(dashboard_id, ()):
            if watcher.url_of not in made:
                made[watcher.url_of] = make_event(watcher.url_of)
            watcher.subscriber.offer(made[watcher.url_of])

    async def _close_unauthorized(self) -> None:
        """After any write to the catalog, end the streams whose link or key was revoked or paused."""
        for watcher in self._all():
            if not watcher.subscriber.is_closed and not await watcher.is_authorized():
                _end(watcher)


def _missed_events(dashboard: ResolvedDashboard, url_of: PanelUrl, version: int | None) -> Iterator[Event]:
    for panel in dashboard.panels:
        if panel.figure is not None and not panel.spec.version:
            yield _panel_event(panel, url_of)
    if version is not None and version != dashboard.record.version:
        yield _dashboard_event(dashboard)


def _panel_event(panel: ResolvedPanel, url_of: PanelUrl) -> Event:
    """Say what a panel shows now."""
    version = panel.figure.version.number if panel.figure else 0
    data = {"place": panel.name, "src": url_of(panel), "version": version, "alt": panel.alt}
    return _event("panel", data | {"width": panel.width, "height": panel.height})


def _dashboard_event(dashboard: ResolvedDashboard) -> Event:
    """Say that the dashboard itself has changed, so that its page has to be loaded again."""
    return _event("dashboard", {"version": dashboard.record.version})


def _event(kind: str, data: dict[str, Any]) -> Event:
    """Return an event of one stream, which is not stored."""
    return Event(0, 0.0, "", kind, data)


GONE_EVENT = _event("gone", {})
"""The dashboard, or the right to see it, is gone: the stream ends."""


def _end(watcher: Watcher) -> None:
    watcher.subscriber.offer(GONE_EVENT)
    watcher.subscriber.close()


def _shows(panel: ResolvedPanel, kind: str, target: object) -> bool:
    return panel.spec.kind == kind and panel.spec.target == target
