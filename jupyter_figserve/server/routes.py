"""Every route of ours, in one table. Server process."""

from __future__ import annotations

from typing import Any

from . import (
    agent,
    dashboard_links,
    dashboard_pages,
    dashboards,
    diagnosis,
    embedding,
    events,
    export,
    figures,
    gallery,
    keys,
    links,
    live,
    live_links,
    live_sources,
    openapi,
    pages,
    renders,
    renderurls,
    sessions,
    shared,
    status,
)
from .base import MissingHandler

_ID = r"([A-Za-z0-9]{1,64})"
_SESSION = r"([A-Za-z0-9_-]{1,64})"
_NAME = r"([^/.]{1,1200})"
PREFIX = "/figserve"
ROUTES: tuple[tuple[str, type[Any]], ...] = (
    # First: Tornado tries one pattern after the other, and what is asked for most should not wait for forty.
    (r"/f/(.*)", shared.LinkHandler),
    (r"/?", gallery.GalleryHandler),
    (r"/api/status", status.StatusHandler),
    (r"/api/openapi\.yaml", openapi.OpenApiHandler),
    (r"/api/figures", figures.FiguresHandler),
    (rf"/api/figures/{_ID}", figures.FigureHandler),
    (rf"/api/figures/{_ID}/restore", figures.RestoreHandler),
    (rf"/api/figures/{_ID}/versions", figures.VersionsHandler),
    (rf"/api/figures/{_ID}/versions/([0-9]{{1,9}})/source", figures.SourceHandler),
    (rf"/api/figures/{_ID}/links", links.FigureLinksHandler),
    (r"/api/sessions", sessions.SessionsHandler),
    (rf"/api/sessions/{_SESSION}/last", sessions.LastHandler),
    (rf"/api/sessions/{_SESSION}/figures", sessions.SessionFiguresHandler),
    (r"/api/links", links.LinksHandler),
    (r"/api/links/find", links.FindLinkHandler),
    (rf"/api/links/{_ID}", links.LinkHandler),
    (rf"/api/links/{_ID}/sizes", links.LinkSizesHandler),
    (r"/api/renders", renders.RendersHandler),
    (r"/api/renders/url", renderurls.RenderUrlHandler),
    (r"/render-matplotlib", renders.SimpleRenderHandler),
    (r"/render/([A-Za-z0-9_-]{1,60000})\.([a-z]{2,5})", renderurls.SignedRenderHandler),
    (r"/api/keys", keys.KeysHandler),
    (rf"/api/keys/{_ID}", keys.KeyHandler),
    (r"/api/events", events.EventsHandler),
    (r"/api/diagnosis", diagnosis.DiagnosisHandler),
    (r"/export\.zip", export.ExportHandler),
    (rf"/figures/{_ID}", pages.FigurePageHandler),
    (rf"/figures/{_ID}\.([a-z]{{2,5}})", figures.FigureBytesHandler),
    (rf"/plots/{_SESSION}", sessions.PlotsHandler),
    (rf"/plots/{_SESSION}/(.*)", sessions.PlotHandler),
    (r"/api/agent", agent.AgentHandler),
    (r"/api/live", live.LiveListHandler),
    (rf"/api/live/{_ID}/links", live_links.LiveLinksHandler),
    (rf"/api/live/{_ID}/frozen", live.FrozenHandler),
    (rf"/api/live/{_ID}/source", live_sources.LiveSourceHandler),
    (r"/api/dashboards", dashboards.DashboardsHandler),
    (rf"/api/dashboards/{_ID}", dashboards.DashboardHandler),
    (rf"/api/dashboards/{_ID}/restore", dashboards.DashboardRestoreHandler),
    (rf"/api/dashboards/{_ID}/links", dashboard_links.DashboardLinksHandler),
    (rf"/dashboards/{_ID}", dashboard_pages.DashboardPageHandler),
    (rf"/dashboards/{_ID}\.([a-z]{{2,5}})", dashboard_pages.DashboardBytesHandler),
    (rf"/dashboards/{_ID}/events", dashboard_pages.DashboardEventsHandler),
    (rf"/live/f/{_ID}", live.LastingPageHandler),
    (rf"/live/f/{_ID}\.([a-z]{{2,5}})", live.LastingBytesHandler),
    (rf"/live/{_SESSION}/{_NAME}", live.LivePageHandler),
    (rf"/live/{_SESSION}/{_NAME}\.([a-z]{{2,5}})", live.LiveBytesHandler),
    (r"/frame/([A-Za-z0-9_.-]{1,500})\.html", embedding.FrameHandler),
    (r"/oembed", embedding.OEmbedHandler),
    (r"/static/(?:([0-9a-f]{16})/)?([a-z_]{1,40}\.[a-z]{2,3})", pages.StaticHandler),
)


_RENDERING = (status, renders, renderurls, keys, diagnosis)


def make_routes(*, render_only: bool = False) -> list[tuple[str, type[Any]]]:
    """The table below our prefix; whatever else is asked for there is ours to miss, never Jupyter's.

    A server that only renders has no route that keeps or shows a figure.
    """
    modules = {module.__name__ for module in _RENDERING}
    routes = [route for route in ROUTES if not render_only or route[1].__module__ in modules]
    return [(PREFIX + pattern, handler) for pattern, handler in routes] + [(rf"{PREFIX}(?:/.*)?", MissingHandler)]
