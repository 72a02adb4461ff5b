"""The page, the event stream and the preview image of a dashboard for its owner. Server process."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....errors import NotFound
from ....model.keys import READ
from ....model.links import DASHBOARD, Target
from ....model.live import LiveRequest
from ...services.dashboards.resolver import ResolvedPanel
from ...services.dashboards.watchers import DashboardWatcher
from ..deleted_page import write_deleted_page
from ..http import security_headers
from ..http.query import JUPYTER_ARGUMENTS
from ..http.watched_stream import send_watched_events
from .control_state import ControlState
from .handlers import DashboardBase
from .page import PanelUrls, build_page
from .panel_appearances import with_appearances
from .preview import PreviewCosts, send_preview


class DashboardPageHandler(DashboardBase):
    """``/dashboards/{id}``."""

    is_page = True
    scopes = {"GET": READ, "HEAD": READ}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, dashboard_id: str) -> None:
        try:
            record, context = await self.get_owned_dashboard(dashboard_id), self.context
        except NotFound:
            if not await write_deleted_page(self, DASHBOARD, dashboard_id):
                raise
            return
        state = ControlState(await self.resolve(record), self.query_values(without=JUPYTER_ARGUMENTS))
        call = self._call if await self.may_run() else None
        state = await self.run_until_disconnect(with_appearances(context.live.forms, state, call))
        address = f"{self.relative_root}/dashboards/{record.id}"
        view = build_page(state, self._panel_urls(), address=address, is_paused=self.is_cross_site)
        await context.view_counter.flush()
        self.set_status(400 if view.error else 200)
        self.set_xsrf_cookie()
        self.write_page(
            "dashboard/dashboard.html",
            frames=self.csp_frame_sources(*view.folders) or security_headers.NONE,
            view=view,
            events=f"{address}/events",
            movable=view.movable,
            links=await context.store.links.list_for_target(Target(DASHBOARD, record.id)),
            now=context.store.clock(),
        )

    head = get

    async def _call(self, panel: ResolvedPanel, request: LiveRequest) -> object:
        assert panel.target is not None
        return await self.context.live.render(panel.target, request, caller=self.caller)

    def _panel_urls(self) -> PanelUrls:
        def frame(panel: ResolvedPanel) -> str:
            assert panel.figure is not None
            return self.signed_frame_url(panel.figure, None)[0]

        def image(panel: ResolvedPanel) -> str:
            return f"{self.relative_root}/{'live/f' if panel.target else 'figures'}/{panel.spec.target}"

        return PanelUrls(
            image=image,
            frame=frame,
            folder="live/f",
            pinned=_pinned,
            repeats_fixed=True,
            min_refresh=self.context.config.min_refresh_seconds,
        )


class DashboardBytesHandler(DashboardBase):
    """``/dashboards/{id}.png`` and ``.json``: the preview image, and the record."""

    scopes = {"GET": READ, "HEAD": READ}

    @web.authenticated
    @authorized(action="execute", resource="figserve")
    async def get(self, dashboard_id: str, suffix: str) -> None:
        self.refuse_cross_site()
        record = await self.get_owned_dashboard(dashboard_id)
        if suffix == "json":
            self.write_json(await self.to_json(record), filename=f"{record.name}.json")
            return
        state = ControlState(await self.resolve(record), {})
        costs = PreviewCosts(self.caller, self.count_render)
        await send_preview(self, state, suffix, costs, cache_control="private, no-cache", is_public=False)

    head = get


class DashboardEventsHandler(DashboardBase):
    """``/dashboards/{id}/events``."""

    scopes = {"GET": READ}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, dashboard_id: str) -> None:
        self.refuse_cross_site()
        record = await self.get_owned_dashboard(dashboard_id)
        await send_watched_events(self, self.context.dashboards, self._make_watcher(record.id))

    def _make_watcher(self, dashboard_id: str) -> DashboardWatcher:
        caller, gate = self.principal, self.context.authenticator
        version = self.int_argument("version")
        return DashboardWatcher(dashboard_id, lambda: gate.is_still_valid(caller), _image_url, version)


def _image_url(panel: ResolvedPanel) -> str:
    """Return the URL of a panel's image, relative to ``dashboards/{id}/events``; "" without one."""
    if panel.target is not None:
        return f"../../live/f/{panel.spec.target}.{panel.suffix}"
    if panel.image is None or panel.is_html:
        return ""
    is_own = panel.suffix == panel.image.format.name
    width = f"&width={panel.image.width}" if panel.is_thumbnail and is_own else ""
    return f"../../figures/{panel.spec.target}.{panel.suffix}?{_pinned(panel)}{width}"


def _pinned(panel: ResolvedPanel) -> str:
    """Return the query with a figure's version, whose image browsers may cache forever."""
    assert panel.figure is not None
    return f"version={panel.figure.version.number}"
