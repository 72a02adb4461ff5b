"""Renders links to dashboards: page, preview, panels and event stream. Server process."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ....model.formats import get_format
from ....model.live import LiveRequest
from ....model.snippets import Snippets
from ...services.callers import visitor_caller
from ...services.dashboards.resolver import ResolvedDashboard, ResolvedPanel, resolve_dashboard
from ...services.dashboards.watchers import DashboardWatcher, DashboardWatchers
from ...services.links.resolver import LinkNotFound
from ..dashboards.control_state import ControlState
from ..dashboards.json_views import panel_json
from ..dashboards.page import DashboardPage, PanelUrls, build_page
from ..dashboards.panel_appearances import with_appearances
from ..dashboards.preview import PreviewCosts, send_preview
from ..http import security_headers
from ..live.request import asks_for_record
from .public_figure import PublicFigure
from .public_live import ParameterGrant, PublicLiveFigure
from .renderer import Embedding, FitSize, LinkRenderer

_PANEL_NAME = re.compile(r"[0-9]+-[0-9]+")
_EMBED_SIZE = (1_000, 750)
"""Default size: a dashboard has none of its own."""


class DashboardRenderer(LinkRenderer):
    """Renders links to dashboards, which also serve the images of its panels, and nothing else of their figures."""

    dashboard: ResolvedDashboard

    async def open(self) -> None:
        record = await self.context.store.dashboards.find(self.link.target.id)
        if record is None:
            raise LinkNotFound
        self.dashboard = await resolve_dashboard(self.context.store, self.context.live, record)

    async def send_page(self, *, embedded: bool) -> None:
        await self.use_view()
        state = self._make_state(self.handler.query_values())
        drawing = with_appearances(self.context.live.forms, state, self._call)
        state = await self.handler.run_until_disconnect(drawing)
        page = build_page(state, self._make_panel_urls(), address=self.address)
        self._write_page(page, embedded=embedded)
        self.count_view()

    async def send_json(self) -> None:
        """Send the dashboard without its owner, notebook, session and id."""
        await self.use_view()
        record, state = self.dashboard.record, self._make_state()
        rows = [[self._panel_json(state, panel) for panel in row] for row in self.dashboard.rows]
        public = {"name": record.name, "title": record.layout.title, "version": record.version}
        self.handler.set_header("Cache-Control", self.cache_control)
        self.write_public_json(public | {"url": self.url, "rows": rows}, record.name)
        self.count_view()

    async def send_image(self, suffix: str) -> None:
        link_id = self.link.id
        costs = PreviewCosts(
            visitor_caller(link_id),
            lambda: self.context.rates.renders.count(f"link {link_id}"),
            lambda: self.context.rates.live_links.count(link_id),
        )
        state = self._make_state()
        await send_preview(
            self.handler,
            state,
            suffix,
            costs,
            cache_control=self.cache_control,
            is_public=self.resolved.is_for_anyone,
            before_send=self.use_view,
        )
        self.count_view()

    def has_panel(self, name: str) -> bool:
        return _PANEL_NAME.fullmatch(name) is not None

    async def send_panel(self, name: str, suffix: str) -> None:
        panel = self.dashboard.find(name)
        if panel is not None and panel.target is not None:
            await self._send_live_panel(panel, suffix)
        elif panel is not None and panel.figure is not None and suffix != "json":
            await self.use_view()
            await self._send_figure_panel(panel, suffix)
        else:
            raise LinkNotFound
        self.count_view()

    def watch(self) -> tuple[DashboardWatchers, DashboardWatcher]:
        version = self.handler.int_argument("version")
        fixed_of = partial(_find_fixed, self.link.locked, self.link.allowed)
        watcher = DashboardWatcher(
            self.link.target.id,
            self.make_revalidation(),
            _panel_url,
            version,
            fixed_of=fixed_of,
            authority=self.authority,
        )
        return self.context.dashboards, watcher

    async def describe_embedding(self, fit: FitSize, query: str) -> Embedding:
        title = self.dashboard.record.layout.title
        return Embedding(Snippets(self.url, self.url, title, title, *fit(*_EMBED_SIZE)))

    async def _send_live_panel(self, panel: ResolvedPanel, suffix: str) -> None:
        assert panel.target is not None
        forms = self.context.live.forms
        if suffix == "json" and (panel.suffix != "json" or asks_for_record(
            self.handler.query_values(), panel.target, forms
        )):  # fmt: skip
            await self.use_view()
            self.handler.write_json(self._panel_json(self._make_state(), panel))
            return
        await self._make_live_figure(panel).send_image(suffix)

    def _make_live_figure(self, panel: ResolvedPanel) -> PublicLiveFigure:
        assert panel.target is not None
        grant = _make_grant(self.link.locked, self.link.allowed, panel)
        resolved, cache_control = self.resolved, self.cache_control_for
        return PublicLiveFigure(self.handler, panel.target, grant, resolved, cache_control, self.use_view)

    async def _call(self, panel: ResolvedPanel, request: LiveRequest) -> object:
        return await self._make_live_figure(panel).render(request)

    async def _send_figure_panel(self, panel: ResolvedPanel, suffix: str) -> None:
        assert panel.figure is not None
        row = get_format(suffix)
        figure = PublicFigure(self.handler, panel.figure, self.resolved, self.cache_control, {})
        if figure.is_page(row) and not self.handler.wants_download:
            ancestors = self.frame_ancestors(embedded=True)
            figure.write_page("share/embed.html", f"{self.url}/{panel.name}", ancestors=ancestors, as_html=True)
            return
        await self.handler.send_representation(await figure.find_image(row))

    def _make_state(self, query: dict[str, list[str]] | None = None) -> ControlState:
        return ControlState(self.dashboard, query or {}, self.link.allowed, self.link.locked)

    def _write_page(self, page: DashboardPage, *, embedded: bool) -> None:
        handler, title = self.handler, self.dashboard.record.layout.title
        headings = ", ".join(panel.heading for panel in self.dashboard.panels if panel.heading)
        handler.set_status(400 if page.error else 200)
        # The next visit finds the images, with their sizes, of functions that the page's script now calls.
        cache_control = self.cache_control if page.is_drawn else self.cache_control_for(0)
        handler.set_header("Cache-Control", "private, no-store" if page.is_signed else cache_control)
        handler.set_header("Vary", "Accept")
        handler.write_page(
            "share/dashboard.html",
            ancestors=self.frame_ancestors(embedded=embedded),
            frames=handler.csp_frame_sources(*page.folders) or security_headers.NONE,
            view=page,
            link=self.link,
            url=self.url,
            alt=f"{title}: {headings}" if headings else title,
            events=f"{self.address}/events",
            embedded=embedded,
        )

    def _make_panel_urls(self) -> PanelUrls:
        link_id = self.link.id

        def frame(panel: ResolvedPanel) -> str:
            assert panel.figure is not None
            return self.handler.signed_frame_url(panel.figure, link_id)[0]

        return PanelUrls(
            image=lambda panel: f"{self.address}/{panel.name}",
            frame=frame,
            folder="f",
            pinned=lambda panel: _image_query(panel).partition("&")[0],
            repeats_fixed=False,
            min_refresh=self.context.config.min_refresh_seconds,
        )

    def _panel_json(self, state: ControlState, panel: ResolvedPanel) -> dict[str, Any]:
        has_image = panel.image is not None or panel.target is not None
        return panel_json(panel) | {
            "schema": state.movable(panel).schema() if panel.target else None,
            "image_url": f"{self.url}/{panel.name}.{panel.suffix}" if has_image else None,
        }


def _make_grant(locked: Mapping[str, Any], allowed: Sequence[str], panel: ResolvedPanel) -> ParameterGrant:
    """Return what viewers of a link may change of a panel: never what the dashboard fixes."""
    names = panel.parameters.names
    kept = {name: value for name, value in locked.items() if name in names}
    return ParameterGrant({**kept, **panel.spec.values}, [name for name in allowed if name in names])


def _find_fixed(locked: Mapping[str, Any], allowed: Sequence[str], panel: ResolvedPanel) -> Mapping[str, Any]:
    assert panel.target is not None
    return _make_grant(locked, allowed, panel).fixed(panel.target.declaration.parameters)


def _panel_url(panel: ResolvedPanel) -> str:
    """Return the URL of a panel's image relative to ``f/{token}/events``, the same for the watchers of all links."""
    if panel.target is not None:
        return f"{panel.name}.{panel.suffix}"
    if panel.image is None or panel.is_html:
        return ""
    return f"{panel.name}.{panel.suffix}?{_image_query(panel)}"


def _image_query(panel: ResolvedPanel) -> str:
    """Return the query of a figure's image; its version only makes caches distinguish versions."""
    assert panel.figure is not None
    assert panel.image is not None
    is_own = panel.suffix == panel.image.format.name
    width = f"&width={panel.image.width}" if panel.is_thumbnail and is_own else ""
    return f"_v={panel.figure.version.number}{width}"
