"""A dashboard's page, its stream and its picture for its owner. Server process."""

from __future__ import annotations

from urllib.parse import urlencode

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....errors import Forbidden
from ....model.keys import READ
from ....model.links import DASHBOARD, Target
from ....store.catalog import links
from ...services.dashboards.resolver import ResolvedPanel, resolve_dashboard
from ...services.dashboards.watch import StreamSubscriber
from ..http import security_headers
from . import page, preview
from .handlers import DashboardBase
from .stream import send_stream, subscribe_dashboard

_RESERVED_QUERY_NAMES = ("token",)
"""Names in a query that are Jupyter's own."""


class DashboardPageHandler(DashboardBase):
    """``/dashboards/{id}``."""

    is_page = True
    scopes = {"GET": READ, "HEAD": READ}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, dashboard_id: str) -> None:
        record, context = self.get_own_dashboard(dashboard_id), self.context
        board = resolve_dashboard(context, record)
        state = page.ControlState(board, self.query_values(_RESERVED_QUERY_NAMES))
        address = f"{self.relative_root}/dashboards/{record.id}"
        view = page.build_page(state, self._addresses(), address=address, is_paused=self.is_cross_site)
        await context.view_counter.flush()
        self.set_status(400 if view.fault else 200)
        self.set_xsrf_cookie()
        self.write_page(
            "dashboard/dashboard.html",
            frames=self.csp_frame_sources(*view.folders) or security_headers.NONE,
            view=view,
            events=f"{address}/events",
            movable=view.movable,
            can_embed=bool(context.config.embed_origins),
            links=links.for_target(context.store.catalog.reader, Target(DASHBOARD, record.id)),
            now=context.store.clock(),
        )

    head = get

    def _addresses(self) -> page.PanelUrls:
        def frame(place: ResolvedPanel) -> str:
            assert place.figure is not None
            return self.signed_frame_url(place.figure, None)[0]

        def picture(place: ResolvedPanel) -> str:
            return f"{self.relative_root}/{'live/f' if place.target else 'figures'}/{place.panel.target}"

        maybe_available = self.context.rendering.queue.maybe_available
        return page.PanelUrls(
            picture=picture,
            frame=frame,
            folder="live/f",
            pinned=_pinned,
            dense=lambda place, dpi: urlencode({"dpi": f"{dpi:g}"}) if maybe_available else None,
            says_fixed=True,
        )


class DashboardBytesHandler(DashboardBase):
    """``/dashboards/{id}.png`` and ``.json``: the whole as one picture, and the record."""

    scopes = {"GET": READ, "HEAD": READ}

    @web.authenticated
    @authorized(action="execute", resource="figserve")
    async def get(self, dashboard_id: str, suffix: str) -> None:
        _check_site(self)
        record = self.get_own_dashboard(dashboard_id)
        if suffix == "json":
            self.write_json(self.described(record))
            return
        state = page.ControlState(resolve_dashboard(self.context, record), {})
        await preview.send(self, state, suffix, cache_control="private, no-cache", is_public=False)

    head = get


class DashboardEventsHandler(DashboardBase):
    """``/dashboards/{id}/events``."""

    scopes = {"GET": READ}
    _viewer: StreamSubscriber | None = None

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, dashboard_id: str) -> None:
        _check_site(self)
        self._viewer = self._open(dashboard_id)
        await send_stream(self, self._viewer)

    def _open(self, dashboard_id: str) -> StreamSubscriber:
        record, caller, gate = self.get_own_dashboard(dashboard_id), self.principal, self.context.authenticator
        viewer = StreamSubscriber(record.id, own_address, lambda: gate.is_still_valid(caller))
        return subscribe_dashboard(
            self.context, resolve_dashboard(self.context, record), viewer, self.int_argument("version")
        )

    def on_connection_close(self) -> None:
        if self._viewer is not None:
            self.context.dashboards.leave(self._viewer)
        super().on_connection_close()


def own_address(place: ResolvedPanel) -> str:
    """Of a picture, relative to ``dashboards/{id}/events``."""
    if place.target is not None:
        return f"../../live/f/{place.panel.target}.png"
    if place.part is None or place.is_html:
        return ""
    small = f"&width={place.part.width}" if _is_thumbnail(place) else ""
    return f"../../figures/{place.panel.target}.{place.part.format.name}?{_pinned(place)}{small}"


def _pinned(place: ResolvedPanel) -> str:
    """Browsers keep a version for ever."""
    assert place.figure is not None
    return f"version={place.figure.version.number}"


def _is_thumbnail(place: ResolvedPanel) -> bool:
    return place.figure is not None and place.part is place.figure.version.thumbnail


def _check_site(handler: DashboardBase) -> None:
    """Unlike a stored picture, what runs or stays open is opened by another site not even as a page of its own."""
    if handler.is_cross_site:
        raise Forbidden("Another site may not open this.", code="cross_site")
