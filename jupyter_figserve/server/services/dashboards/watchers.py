"""Watchers of dashboards: sends changes of panels to the open event streams. Server process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ....model.dashboards import FIGURE, LIVE
from ....model.events import DASHBOARD_DELETED, DASHBOARD_PUBLISHED, FIGURE_PUBLISHED, Event
from ....store.store import Store
from ..events.event_broker import LIVE_PROGRESS, EventBroker
from ..events.watchers import Watcher, Watchers
from ..live.registry import GONE, OFFERED, REFRESHED
from ..live.service import LiveService
from .resolver import ResolvedDashboard, ResolvedPanel, resolve_dashboard

PanelUrl = Callable[[ResolvedPanel], str]
"""The URL of a panel's newest image, relative to that of the stream."""
FixedValues = Callable[[ResolvedPanel], Mapping[str, Any]]
"""The values of the parameters of a live panel that the client cannot change."""


def _fixed_by_dashboard(panel: ResolvedPanel) -> Mapping[str, Any]:
    return panel.spec.values


@dataclass(eq=False, slots=True)
class DashboardWatcher(Watcher):
    """An open stream of a dashboard.

    Parameters
    ----------
    url_of
        The same function for all watchers with the same URLs, so that each event is made once for all of them.
    version
        Version of the dashboard that the page shows; None if unknown.
    fixed_of
        For the progress of calls: a link's visitors learn nothing of those that they cannot make.
    """

    url_of: PanelUrl
    version: int | None = None
    fixed_of: FixedValues = field(default=_fixed_by_dashboard, kw_only=True)

    def may_request(self, panel: ResolvedPanel, arguments: Mapping[str, Any]) -> bool:
        """Whether a call with these arguments may be one for this panel of the client's page."""
        return all(arguments.get(name) == value for name, value in self.fixed_of(panel).items())


class DashboardWatchers(Watchers[DashboardWatcher]):
    """The watched dashboards, kept up to date, with their watchers.

    A lock orders the updates: each reads the store after the one before it, so the newest state is the last one sent.
    """

    def __init__(self, store: Store, live: LiveService, events: EventBroker) -> None:
        super().__init__(events)
        self._store = store
        self._live = live
        self._dashboards: dict[str, ResolvedDashboard] = {}
        self._update_lock = asyncio.Lock()

    async def add(self, watcher: DashboardWatcher) -> None:
        """Send a watcher all changes from now on, and first those that its page may have missed."""
        # Registered before the dashboard is read, so that no change falls between the two.
        await super().add(watcher)
        try:
            async with self._update_lock:
                dashboard = self._dashboards.get(watcher.target) or await self._load(watcher.target)
        except BaseException:
            self.remove(watcher)
            raise
        if dashboard is None:
            watcher.end()
            return
        for event in _missed_events(dashboard, watcher.url_of, watcher.version):
            watcher.subscriber.offer(event)

    def remove(self, watcher: DashboardWatcher) -> None:
        super().remove(watcher)
        if watcher.target not in self._watchers:
            self._dashboards.pop(watcher.target, None)

    async def _load(self, dashboard_id: str) -> ResolvedDashboard | None:
        """Resolve a dashboard and keep it while it is watched; None when it does not exist. Needs the update lock."""
        record = await self._store.dashboards.find(dashboard_id)
        if record is None:
            self._dashboards.pop(dashboard_id, None)
            return None
        dashboard = await resolve_dashboard(self._store, self._live, record)
        # Its last watcher may have left meanwhile.
        if dashboard_id in self._watchers:
            self._dashboards[dashboard_id] = dashboard
        return dashboard

    async def _on_event(self, event: Event) -> None:
        if event.kind == LIVE_PROGRESS:
            self._send_progress(event.data)
            return
        async with self._update_lock:
            if event.kind in (DASHBOARD_PUBLISHED, DASHBOARD_DELETED):
                await self._update_dashboard(str(event.data.get("dashboard")))
                return
            kind = FIGURE if event.data.get("figure") else LIVE
            target = event.data.get(kind)
            if target is None:
                return
            for dashboard_id, dashboard in list(self._dashboards.items()):
                if any(_shows(panel, kind, target) for panel in dashboard.panels):
                    await self._update_panels(dashboard_id, event.kind, kind, target)

    async def _update_dashboard(self, dashboard_id: str) -> None:
        """Announce a new version of a dashboard, or end the streams of a deleted one."""
        if dashboard_id not in self._dashboards:
            return
        await self._end_unauthorized(dashboard_id)
        dashboard = await self._load(dashboard_id)
        if dashboard is None:
            for watcher in self._watchers_of(dashboard_id):
                watcher.end()
            return
        self._send(dashboard_id, lambda _: _dashboard_event(dashboard))

    async def _update_panels(self, dashboard_id: str, event_kind: str, kind: str, target: object) -> None:
        """Send the panels with a new image; after any other change, the page has to be reloaded."""
        await self._end_unauthorized(dashboard_id)
        dashboard = await self._load(dashboard_id)
        if dashboard is None:
            return
        if event_kind not in (FIGURE_PUBLISHED, OFFERED, GONE, REFRESHED):
            self._send(dashboard_id, lambda _: _dashboard_event(dashboard))
            return
        for panel in dashboard.panels:
            if _shows(panel, kind, target) and panel.spec.version is None and not panel.is_gone:
                self._send(dashboard_id, lambda url_of, panel=panel: _panel_event(panel, url_of))  # type: ignore[misc]

    def _send_progress(self, data: Mapping[str, Any]) -> None:
        """Send the progress of a call to the panels that may have made it, and to nobody who is far behind."""
        for dashboard_id, dashboard in list(self._dashboards.items()):
            for panel in dashboard.panels:
                if not _shows(panel, LIVE, data["live"]) or panel.target is None:
                    continue
                event = _event("progress", {"place": panel.name, "done": data["done"], "total": data["total"]})
                for watcher in self._watchers_of(dashboard_id):
                    if watcher.may_request(panel, data["arguments"]) and not watcher.subscriber.is_half_full:
                        watcher.subscriber.offer(event)

    def _send(self, dashboard_id: str, make_event: Callable[[PanelUrl], Event]) -> None:
        made: dict[PanelUrl, Event] = {}
        for watcher in self._watchers_of(dashboard_id):
            if watcher.url_of not in made:
                made[watcher.url_of] = make_event(watcher.url_of)
            watcher.subscriber.offer(made[watcher.url_of])


def _missed_events(dashboard: ResolvedDashboard, url_of: PanelUrl, version: int | None) -> Iterator[Event]:
    for panel in dashboard.panels:
        if panel.figure is not None and not panel.spec.version:
            yield _panel_event(panel, url_of)
    if version is not None and version != dashboard.record.version:
        yield _dashboard_event(dashboard)


def _panel_event(panel: ResolvedPanel, url_of: PanelUrl) -> Event:
    """Return the event with the current image of a panel."""
    version = panel.figure.version.number if panel.figure else 0
    data = {"place": panel.name, "src": url_of(panel), "version": version, "alt": panel.alt}
    return _event("panel", data | {"width": panel.width, "height": panel.height})


def _dashboard_event(dashboard: ResolvedDashboard) -> Event:
    """Return the event for a new version of the dashboard, whose page has to be reloaded."""
    return _event("dashboard", {"version": dashboard.record.version})


def _event(kind: str, data: dict[str, Any]) -> Event:
    """Return an event of one stream, which is not stored."""
    return Event(0, 0.0, "", kind, data)


def _shows(panel: ResolvedPanel, kind: str, target: object) -> bool:
    return panel.spec.kind == kind and panel.spec.target == target
