"""The routes of the extension. Server process."""

from __future__ import annotations

import re
from typing import Any

from ..services.addresses import PREFIX
from .admin.handlers import AdminLinksHandler, OwnerHandler, OwnersHandler, TransferHandler
from .admin.page_handlers import AdminPageHandler
from .dashboards.handlers import DashboardHandler, DashboardRestoreHandler, DashboardsHandler
from .dashboards.page_handlers import DashboardBytesHandler, DashboardEventsHandler, DashboardPageHandler
from .figures.data_handler import FigureDataHandler
from .figures.export_handler import ExportHandler
from .figures.handlers import (
    FigureBytesHandler,
    FigureHandler,
    FiguresHandler,
    RestoreHandler,
    VersionsHandler,
)
from .figures.page_handlers import FigurePageHandler
from .figures.version_handlers import CodeHandler, RepresentationsHandler, SourceHandler
from .gallery.handlers import GalleryHandler
from .http.public_handler import MissingHandler
from .http.static_handler import StaticHandler
from .keys import KeyHandler, KeysHandler
from .links.address_handlers import LinkQrHandler, LinkUrlHandler
from .links.handlers import (
    FindLinkHandler,
    LinkHandler,
    LinksHandler,
    LinkSizesHandler,
    TargetLinksHandler,
)
from .links.oembed import FrameHandler, OEmbedHandler
from .links.page_handlers import LinksPageHandler
from .links.public_handler import PublicLinkHandler
from .links.shared_handlers import SharedHandler, SharedPageHandler
from .live.agent import AgentHandler
from .live.handlers import (
    FrozenHandler,
    LastingBytesHandler,
    LastingPageHandler,
    LiveBytesHandler,
    LiveListHandler,
    LivePageHandler,
)
from .live.record_handlers import LiveFigureHandler, LiveRestoreHandler
from .live.replica_handler import ReplicaCallHandler
from .live.source_handlers import LiveSourceHandler
from .mcp.handlers import McpHandler
from .rendering.handlers import RendersHandler, SimpleRenderHandler
from .rendering.signed_urls import RenderUrlHandler, SignedRenderHandler
from .sessions.handlers import LastHandler, PlotHandler, PlotsHandler, SessionFiguresHandler, SessionsHandler
from .sessions.kernel_handlers import KernelHandler, MoveHandler
from .system.diagnosis import DiagnosisHandler
from .system.event_stream import EventsHandler
from .system.health import HealthHandler
from .system.metrics import MetricsHandler
from .system.openapi import OpenApiHandler
from .system.render_host import RenderHostHandler
from .system.status import StatusHandler
from .trash import TrashHandler, TrashPageHandler

_ID = r"([A-Za-z0-9]{1,64})"
_SESSION = r"([A-Za-z0-9_-]{1,64})"
_NAME = r"([^/.]{1,1200})"
# The routes of a server that only renders, too.
RENDER_ROUTES: tuple[tuple[str, type[Any]], ...] = (
    (r"/api/status", StatusHandler),
    (r"/api/renders", RendersHandler),
    (r"/api/renders/url", RenderUrlHandler),
    (r"/render-matplotlib/?", SimpleRenderHandler),
    (r"/render/([A-Za-z0-9_-]{1,60000})\.([a-z]{2,5})", SignedRenderHandler),
    (r"/api/keys", KeysHandler),
    (rf"/api/keys/{_ID}", KeyHandler),
    (r"/api/diagnosis", DiagnosisHandler),
    (r"/api/health/(live|ready)", HealthHandler),
    (r"/metrics", MetricsHandler),
    (r"/static/(?:([0-9a-f]{16})/)?([a-z_]{1,40}\.[a-z]{2,3})", StaticHandler),
)
# At the root of a server that only renders, in addition to our prefix.
RENDER_HOST_ROUTES: tuple[tuple[str, type[Any]], ...] = (
    (r"/", RenderHostHandler),
    (r"/render-matplotlib/?", SimpleRenderHandler),
)
_OTHERS_OF_A_RENDER_HOST = r"/(?!(?:login|logout)$|static/).*"
"""Without them, Jupyter answers a mistyped address with a page."""
ROUTES: tuple[tuple[str, type[Any]], ...] = (
    # First, as Tornado tries the patterns in order: the most frequent request should not have to try forty.
    (r"/f/(.*)", PublicLinkHandler),
    (r"/?", GalleryHandler),
    (r"/api/openapi\.yaml", OpenApiHandler),
    (r"/api/figures", FiguresHandler),
    (rf"/api/figures/{_ID}", FigureHandler),
    (rf"/api/figures/{_ID}/restore", RestoreHandler),
    (rf"/api/figures/{_ID}/data", FigureDataHandler),
    (rf"/api/figures/{_ID}/versions", VersionsHandler),
    (rf"/api/figures/{_ID}/versions/([0-9]{{1,9}})/source", SourceHandler),
    (rf"/api/figures/{_ID}/versions/([0-9]{{1,9}})/code", CodeHandler),
    (rf"/api/figures/{_ID}/versions/([0-9]{{1,9}})/representations", RepresentationsHandler),
    (rf"/api/(figures|live|dashboards)/{_ID}/links", TargetLinksHandler),
    (r"/api/sessions", SessionsHandler),
    (rf"/api/sessions/{_SESSION}/last", LastHandler),
    (rf"/api/sessions/{_SESSION}/figures", SessionFiguresHandler),
    (r"/api/links", LinksHandler),
    (r"/api/shared", SharedHandler),
    (r"/admin", AdminPageHandler),
    (r"/api/admin/owners", OwnersHandler),
    (r"/api/admin/owners/([^/]{1,1200})", OwnerHandler),
    (r"/api/admin/links", AdminLinksHandler),
    (r"/api/admin/transfer", TransferHandler),
    (r"/shared", SharedPageHandler),
    (r"/api/links/find", FindLinkHandler),
    (rf"/api/links/{_ID}", LinkHandler),
    (rf"/api/links/{_ID}/sizes", LinkSizesHandler),
    (rf"/api/links/{_ID}/url", LinkUrlHandler),
    (rf"/api/links/{_ID}/qr\.(svg|png)", LinkQrHandler),
    (r"/api/trash", TrashHandler),
    (r"/links", LinksPageHandler),
    (r"/trash", TrashPageHandler),
    (r"/api/events", EventsHandler),
    (r"/export\.zip", ExportHandler),
    (rf"/figures/{_ID}/?", FigurePageHandler),
    (rf"/figures/{_ID}\.([a-z]{{2,5}})", FigureBytesHandler),
    (rf"/plots/{_SESSION}", PlotsHandler),
    (rf"/plots/{_SESSION}/(.*)", PlotHandler),
    (r"/api/mcp", McpHandler),
    (r"/api/agent", AgentHandler),
    (rf"/api/kernels/{_SESSION}", KernelHandler),
    (r"/api/notebooks/move", MoveHandler),
    (r"/api/replicas/calls", ReplicaCallHandler),
    (r"/api/live", LiveListHandler),
    (rf"/api/live/{_ID}", LiveFigureHandler),
    (rf"/api/live/{_ID}/restore", LiveRestoreHandler),
    (rf"/api/live/{_ID}/frozen", FrozenHandler),
    (rf"/api/live/{_ID}/source", LiveSourceHandler),
    (r"/api/dashboards", DashboardsHandler),
    (rf"/api/dashboards/{_ID}", DashboardHandler),
    (rf"/api/dashboards/{_ID}/restore", DashboardRestoreHandler),
    (rf"/dashboards/{_ID}/?", DashboardPageHandler),
    (rf"/dashboards/{_ID}\.([a-z]{{2,5}})", DashboardBytesHandler),
    (rf"/dashboards/{_ID}/events", DashboardEventsHandler),
    (rf"/live/f/{_ID}/?", LastingPageHandler),
    (rf"/live/f/{_ID}\.([a-z]{{2,5}})", LastingBytesHandler),
    (rf"/live/{_SESSION}/{_NAME}/?", LivePageHandler),
    (rf"/live/{_SESSION}/{_NAME}\.([a-z]{{2,5}})", LiveBytesHandler),
    (r"/frame/([A-Za-z0-9_.-]{1,500})\.html", FrameHandler),
    (r"/oembed", OEmbedHandler),
    *RENDER_ROUTES,
)


def match_all(prefix: str) -> str:
    """Return the pattern of everything below our prefix."""
    return rf"{prefix}(?:/.*)?" if prefix else r"/(?!(?:oauth_callback|logout)$).*"


def make_routes(prefix: str = PREFIX, *, render_only: bool = False) -> list[tuple[str, type[Any]]]:
    """Return the routes with our prefix, and a last one that answers 404 for every other path below it.

    Parameters
    ----------
    prefix
        "" where all of the server is ours, except the paths that end a login and a session of a JupyterHub.
    render_only
        Whether to leave out the routes that store or show figures, and to answer at the root too.
    """
    routes = RENDER_ROUTES if render_only else ROUTES
    ours = [(prefix + pattern, handler) for pattern, handler in routes] + [(match_all(prefix), MissingHandler)]
    return [*RENDER_HOST_ROUTES, *ours, (_OTHERS_OF_A_RENDER_HOST, MissingHandler)] if render_only else ours


def label_routes() -> dict[str, str]:
    """Return what metrics call the routes, by the names of the handlers' classes: the literal start of the pattern."""
    labels = {}
    for pattern, handler in (*RENDER_HOST_ROUTES, *ROUTES):
        found = re.match(r"(?:/api)?/[a-z-]*", pattern)
        assert found is not None, pattern
        labels[handler.__name__] = found[0]
    return labels | {TargetLinksHandler.__name__: "/api/links"}
