"""Hostile requests for served content, except those in a browser."""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass
from pathlib import Path

import plotly.graph_objects as go
import pytest
import sqlalchemy as sa
from prometheus_client import CONTENT_TYPE_LATEST

from jupyter_figserve.demo.server_process import ServerProcess
from jupyter_figserve.model.figures import EncodedImage
from jupyter_figserve.model.live import LiveRequest
from jupyter_figserve.server.services.live.image_cache import CachedImage
from jupyter_figserve.server.web.admin.handlers import AdminLinksHandler, OwnerHandler, OwnersHandler, TransferHandler
from jupyter_figserve.server.web.admin.page_handlers import AdminPageHandler
from jupyter_figserve.server.web.dashboards.handlers import DashboardHandler, DashboardRestoreHandler, DashboardsHandler
from jupyter_figserve.server.web.dashboards.page_handlers import (
    DashboardBytesHandler,
    DashboardEventsHandler,
    DashboardPageHandler,
)
from jupyter_figserve.server.web.figures.data_handler import FigureDataHandler
from jupyter_figserve.server.web.figures.export_handler import ExportHandler
from jupyter_figserve.server.web.figures.handlers import (
    FigureBytesHandler,
    FigureHandler,
    FiguresHandler,
    RestoreHandler,
    VersionsHandler,
)
from jupyter_figserve.server.web.figures.page_handlers import FigurePageHandler
from jupyter_figserve.server.web.figures.version_handlers import CodeHandler, RepresentationsHandler, SourceHandler
from jupyter_figserve.server.web.gallery.handlers import GalleryHandler
from jupyter_figserve.server.web.http.public_handler import MissingHandler
from jupyter_figserve.server.web.http.static_handler import StaticHandler
from jupyter_figserve.server.web.keys import KeyHandler, KeysHandler
from jupyter_figserve.server.web.links.address_handlers import LinkQrHandler, LinkUrlHandler
from jupyter_figserve.server.web.links.handlers import (
    FindLinkHandler,
    LinkHandler,
    LinksHandler,
    LinkSizesHandler,
    TargetLinksHandler,
)
from jupyter_figserve.server.web.links.oembed import FrameHandler, OEmbedHandler
from jupyter_figserve.server.web.links.page_handlers import LinksPageHandler
from jupyter_figserve.server.web.links.public_handler import PublicLinkHandler
from jupyter_figserve.server.web.links.shared_handlers import SharedHandler, SharedPageHandler
from jupyter_figserve.server.web.live.agent import AgentHandler
from jupyter_figserve.server.web.live.handlers import (
    FrozenHandler,
    LastingBytesHandler,
    LastingPageHandler,
    LiveBytesHandler,
    LiveListHandler,
    LivePageHandler,
)
from jupyter_figserve.server.web.live.record_handlers import LiveFigureHandler, LiveRestoreHandler
from jupyter_figserve.server.web.live.replica_handler import ReplicaCallHandler
from jupyter_figserve.server.web.live.source_handlers import LiveSourceHandler
from jupyter_figserve.server.web.mcp.handlers import McpHandler
from jupyter_figserve.server.web.rendering.handlers import RendersHandler, SimpleRenderHandler
from jupyter_figserve.server.web.rendering.signed_urls import RenderUrlHandler, SignedRenderHandler
from jupyter_figserve.server.web.routes import ROUTES, make_routes
from jupyter_figserve.server.web.sessions.handlers import (
    LastHandler,
    PlotHandler,
    PlotsHandler,
    SessionFiguresHandler,
    SessionsHandler,
)
from jupyter_figserve.server.web.sessions.kernel_handlers import KernelHandler, MoveHandler
from jupyter_figserve.server.web.system.diagnosis import DiagnosisHandler
from jupyter_figserve.server.web.system.event_stream import EventsHandler
from jupyter_figserve.server.web.system.health import HealthHandler
from jupyter_figserve.server.web.system.metrics import MetricsHandler
from jupyter_figserve.server.web.system.openapi import OpenApiHandler
from jupyter_figserve.server.web.system.status import StatusHandler
from jupyter_figserve.server.web.trash import TrashHandler, TrashPageHandler
from jupyter_figserve.store.catalog import tables
from tests.server.making import make_session, offer_live

from .actors import HTML, PDF, PNG, SVG, ask_raw, make_key, make_png, publish, share

COMMON = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}
IMAGE = "default-src 'none'; sandbox"
DRAWING = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none';"
    " form-action 'none'; sandbox"
)
DOCUMENT = "default-src 'none'; style-src 'unsafe-inline'; object-src 'none'"
JSON = "default-src 'none'"
PAGE = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self';"
    " frame-src 'none'; base-uri 'none'; form-action 'self'"
)
NO_FRAMES = "frame\\-src\\ 'none'"
PAGE_WITH_FRAME = re.escape(PAGE).replace(NO_FRAMES, "frame\\-src\\ (\\S+/figserve/frame/ ?)+")
PAGE_OF_LIVE = re.escape(PAGE).replace(NO_FRAMES, "frame\\-src\\ (\\S+/figserve/(frame|live(/f)?|f)/ ?){2}")
FRAMED = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:;"
    " font-src data:; worker-src blob:; connect-src 'none'; base-uri 'none'; form-action 'none'; sandbox allow-scripts"
)
ANY = (("Accept", "*/*"),)
AS_JSON = (("Accept", "application/json"),)
MISSING = "x" * 32
SESSION = "a-session"


@dataclass(frozen=True)
class Sample:
    """A URL that responds with 200, and the required parts of its response."""

    handler: type
    path: str
    policy: str
    is_private: bool
    type: str = "application/json; charset=utf-8"
    is_bytes: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    breaks: bool = True
    """Whether it needs the store, so that a broken one is a failure here."""

    def request_headers(self) -> dict[str, str]:
        return {"Accept": "text/html", **dict(self.headers)} if "html" in self.type else dict(self.headers)


@pytest.fixture
def jp_base_url() -> str:
    return "/base/"


@pytest.fixture
def samples(owner, context, jp_asyncio_loop) -> list[Sample]:
    """At least one URL for each of our routes, and one for each kind of content."""
    return jp_asyncio_loop.run_until_complete(make_samples(owner, context))


async def make_samples(owner, context) -> list[Sample]:
    made = []
    session = await make_session(context, SESSION)
    session.show(PNG)
    for name, data, policy in (("svg", SVG, DRAWING), ("png", PNG, IMAGE), ("html", HTML, IMAGE)):
        session.drop(f"dropped.{name}", data)
        full = {"svg": "image/svg+xml; charset=utf-8", "html": "text/html; charset=utf-8"}.get(name, "image/png")
        made.append(Sample(PlotHandler, f"/plots/{SESSION}/dropped.{name}", policy, True, full, True, headers=ANY))
    made.append(Sample(PlotHandler, f"/plots/{SESSION}/dropped.html", PAGE_WITH_FRAME, True, full))
    made.append(Sample(PlotHandler, f"/plots/{SESSION}/cell-1.png", IMAGE, True, "image/png", True))
    for name, data, mimetype, policy in (
        ("png", PNG, "image/png", IMAGE),
        ("svg", SVG, "image/svg+xml", DRAWING),
        ("pdf", PDF, "application/pdf", DOCUMENT),
        ("eps", b"%!PS-Adobe-3.0 EPSF-3.0\n", "application/postscript", IMAGE),
    ):
        record = await owner.publish(name, data, mimetype)
        link = await owner.share(record)
        token = link["url"].rpartition("/")[2]
        full = f"{mimetype}; charset=utf-8" if name == "svg" else mimetype
        made += [
            Sample(FigureBytesHandler, f"/figures/{record['id']}.{name}", policy, True, full, True),
            Sample(PublicLinkHandler, f"/f/{token}.{name}", policy, False, full, True),
        ]
    figure, html = record["id"], "text/html; charset=utf-8"
    framed = await owner.publish("html", HTML, "text/html")
    framed_link = await owner.share(framed)
    framed_token = framed_link["url"].rpartition("/")[2]
    drawing = go.Figure(go.Scatter(x=[1], y=[2])).to_html(include_plotlyjs=False)
    plotly = (await owner.publish("plotly", drawing.encode(), "text/html"))["id"]
    await owner.ask("PUT", f"/api/figures/{plotly}/versions/1/code", b"plot()")
    plotly_token = (await owner.share({"id": plotly}, data=True))["url"].rpartition("/")[2]
    signed = context.frame_signer.sign(framed["id"], 1, None)
    key = (await owner.post("/api/keys", {"scopes": ["read"]})).json()["id"]
    animal = await offer_live(context)
    for form, content in (("png", EncodedImage("image/png", PNG)), ("html", EncodedImage("text/html", HTML))):
        context.live.images.put(animal, LiveRequest({}, form), CachedImage(content))
    text = {"title": "Board", "rows": [[{"kind": "text", "markdown": "Notes"}]]}
    dashboard = (await owner.post("/api/dashboards", text)).json()["id"]
    image = await owner.publish("picture", PNG)
    rows = [[{"kind": "figure", "figure": one["id"]} for one in (image, framed)]]
    framed_dashboard = (await owner.post("/api/dashboards", {"title": "Framed", "rows": rows})).json()["id"]
    rows = [[{"kind": "live", "live": animal}]]
    live_dashboard = (await owner.post("/api/dashboards", {"title": "Live", "rows": rows})).json()["id"]
    private = [
        (DashboardsHandler, "/api/dashboards"),
        (DashboardHandler, f"/api/dashboards/{dashboard}"),
        (TargetLinksHandler, f"/api/dashboards/{dashboard}/links"),
        (TargetLinksHandler, f"/api/live/{animal}/links"),
        (LiveFigureHandler, f"/api/live/{animal}"),
        (SessionsHandler, "/api/sessions"),
        (LastHandler, f"/api/sessions/{SESSION}/last"),
        (PlotsHandler, f"/plots/{SESSION}"),
        (FiguresHandler, "/api/figures"),
        (FigureHandler, f"/api/figures/{figure}"),
        (VersionsHandler, f"/api/figures/{figure}/versions"),
        (TargetLinksHandler, f"/api/figures/{figure}/links"),
        (CodeHandler, f"/api/figures/{plotly}/versions/1/code"),
        (LinksHandler, "/api/links"),
        (LinkHandler, f"/api/links/{link['id']}"),
        (LinkUrlHandler, f"/api/links/{link['id']}/url"),
        (TrashHandler, "/api/trash"),
        (KeysHandler, "/api/keys"),
        (KeyHandler, f"/api/keys/{key}"),
    ]
    made += [Sample(handler, path, JSON, True) for handler, path in private]
    # It reports as much of a broken catalog as it can read.
    made.append(Sample(DiagnosisHandler, "/api/diagnosis", JSON, True, breaks=False))
    made.append(Sample(MetricsHandler, "/metrics", JSON, True, CONTENT_TYPE_LATEST, breaks=False))
    made.append(Sample(HealthHandler, "/api/health/live", JSON, False, breaks=False))
    # It reads through a connection of its own, in a thread.
    made.append(Sample(OwnersHandler, "/api/admin/owners", JSON, True, breaks=False))
    made.append(Sample(OwnerHandler, "/api/admin/owners/local", JSON, True))
    made.append(Sample(AdminLinksHandler, "/api/admin/links", JSON, True))
    made.append(Sample(AdminPageHandler, "/admin", PAGE, True, "text/html; charset=utf-8"))
    dashboard_link = (await owner.post(f"/api/dashboards/{framed_dashboard}/links")).json()["url"].rpartition("/")[2]
    live_dashboard_link = (await owner.post(f"/api/dashboards/{live_dashboard}/links")).json()["url"].rpartition("/")[2]
    live_link = (await owner.post(f"/api/live/{animal}/links")).json()["url"].rpartition("/")[2]
    made += [
        Sample(DashboardPageHandler, f"/dashboards/{dashboard}", PAGE, True, html),
        Sample(DashboardPageHandler, f"/dashboards/{framed_dashboard}", PAGE_WITH_FRAME, True, html),
        Sample(DashboardBytesHandler, f"/dashboards/{dashboard}.png", IMAGE, True, "image/png", True),
        Sample(DashboardBytesHandler, f"/dashboards/{dashboard}.json", JSON, True),
        Sample(PublicLinkHandler, f"/f/{dashboard_link}", PAGE_WITH_FRAME, False, html),
        Sample(PublicLinkHandler, f"/f/{dashboard_link}/embed", PAGE_WITH_FRAME, False, html),
        Sample(PublicLinkHandler, f"/f/{dashboard_link}.json", JSON, False),
        Sample(PublicLinkHandler, f"/f/{dashboard_link}.png", IMAGE, False, "image/png", True),
        Sample(PublicLinkHandler, f"/f/{dashboard_link}/1-1.png", IMAGE, False, "image/png", True),
        Sample(DashboardPageHandler, f"/dashboards/{live_dashboard}", PAGE_OF_LIVE, True, html),
        Sample(PublicLinkHandler, f"/f/{live_dashboard_link}", PAGE_OF_LIVE, False, html),
        Sample(PublicLinkHandler, f"/f/{live_dashboard_link}/embed", PAGE_OF_LIVE, False, html),
        Sample(PublicLinkHandler, f"/f/{live_dashboard_link}/1-1.png", IMAGE, False, "image/png", True),
        Sample(PublicLinkHandler, f"/f/{live_dashboard_link}/1-1.html", IMAGE, False, html, True),
        Sample(PublicLinkHandler, f"/f/{live_dashboard_link}/1-1.json", JSON, False),
        Sample(PublicLinkHandler, f"/f/{live_dashboard_link}/1-1.html?_frame=1", JSON, False, headers=AS_JSON),
    ]
    made += [
        Sample(StatusHandler, "/api/status", JSON, False, breaks=False),
        Sample(OpenApiHandler, "/api/openapi.yaml", JSON, False, "application/yaml; charset=utf-8", breaks=False),
        Sample(OEmbedHandler, f"/oembed?url=https%3A%2F%2Fx%2Ff%2F{token}", JSON, False),
        Sample(PublicLinkHandler, f"/f/{token}.json", JSON, False),
        Sample(PublicLinkHandler, f"/f/{token}", PAGE, False, html),
        Sample(PublicLinkHandler, f"/f/{token}/embed", PAGE, False, html),
        Sample(PublicLinkHandler, f"/f/{framed_token}", PAGE_WITH_FRAME, False, html),
        Sample(PublicLinkHandler, f"/f/{framed_token}/embed", PAGE_WITH_FRAME, False, html),
        Sample(PublicLinkHandler, f"/f/{framed_token}.html", PAGE_WITH_FRAME, False, html),
        Sample(ExportHandler, "/export.zip", JSON, True, "application/zip"),
        Sample(LinkQrHandler, f"/api/links/{link['id']}/qr.svg", DRAWING, True, "image/svg+xml; charset=utf-8", True),
        Sample(LinkQrHandler, f"/api/links/{link['id']}/qr.png", IMAGE, True, "image/png", True),
        Sample(FigureBytesHandler, f"/figures/{plotly}.csv", IMAGE, True, "text/csv; charset=utf-8", True),
        Sample(PublicLinkHandler, f"/f/{plotly_token}.csv", IMAGE, False, "text/csv; charset=utf-8", True),
        Sample(FigureDataHandler, f"/api/figures/{plotly}/data", IMAGE, True, "application/json; charset=utf-8", True),
        Sample(PublicLinkHandler, f"/f/{plotly_token}/data", IMAGE, False, "application/json; charset=utf-8", True),
        Sample(LinksPageHandler, "/links", PAGE, True, html),
        Sample(TrashPageHandler, "/trash", PAGE, True, html),
        Sample(GalleryHandler, "/", PAGE, True, html),
        Sample(GalleryHandler, "/?q=sales&show=shared", PAGE, True, html),
        Sample(FigurePageHandler, f"/figures/{figure}", PAGE, True, html),
        Sample(FigurePageHandler, f"/figures/{figure}?version=1&with=1", PAGE, True, html),
        Sample(FigurePageHandler, f"/figures/{framed['id']}", PAGE_WITH_FRAME, True, html),
        Sample(FigureBytesHandler, f"/figures/{framed['id']}.html", IMAGE, True, html, True),
        Sample(FrameHandler, f"/frame/{signed}.html", IMAGE, False, html),
        Sample(
            FrameHandler,
            f"/frame/{signed}.html",
            FRAMED,
            False,
            html,
            headers=(("Sec-Fetch-Dest", "iframe"),),
        ),
        Sample(
            SignedRenderHandler,
            (await owner.post("/api/renders/url", {"code": "1"})).json()["url"].partition("/figserve")[2],
            IMAGE,
            False,
            "image/png",
            is_bytes=True,
            breaks=False,
        ),
        Sample(LiveListHandler, "/api/live", JSON, True),
        Sample(LivePageHandler, "/live/k1/animal", PAGE_OF_LIVE, True, html),
        Sample(LastingPageHandler, f"/live/f/{animal}", PAGE_OF_LIVE, True, html),
        Sample(PublicLinkHandler, f"/f/{live_link}", PAGE_OF_LIVE, False, html),
        Sample(PublicLinkHandler, f"/f/{live_link}/embed", PAGE_OF_LIVE, False, html),
        Sample(PublicLinkHandler, f"/f/{live_link}.png", IMAGE, False, "image/png", True),
        Sample(LastingBytesHandler, f"/live/f/{animal}.html", IMAGE, True, html, True),
        Sample(LastingBytesHandler, f"/live/f/{animal}.html?_frame=1", JSON, True, headers=AS_JSON),
        Sample(PublicLinkHandler, f"/f/{live_link}.html?_frame=1", JSON, False, headers=AS_JSON),
        Sample(LiveBytesHandler, "/live/k1/animal.png", IMAGE, True, "image/png", True),
        Sample(LastingBytesHandler, f"/live/f/{animal}.png", IMAGE, True, "image/png", True),
        Sample(StaticHandler, "/static/figserve.css", PAGE, False, "text/css; charset=utf-8", breaks=False),
        Sample(StaticHandler, "/static/icon.svg", PAGE, False, "image/svg+xml", breaks=False),
    ]
    return made


WITHOUT_GET = {
    AgentHandler,
    RepresentationsHandler,
    SourceHandler,
    RestoreHandler,
    DashboardRestoreHandler,
    SessionFiguresHandler,
    FindLinkHandler,
    LinkSizesHandler,
    FrozenHandler,
    LiveRestoreHandler,
    LiveSourceHandler,
    KernelHandler,
    MoveHandler,
    McpHandler,
    ReplicaCallHandler,
    TransferHandler,
    RendersHandler,
    SimpleRenderHandler,
    RenderUrlHandler,
}
OF_A_HUB = {SharedHandler, SharedPageHandler}
"""404 where no JupyterHub is; their tests have a Hub."""
RUNNING = {LiveBytesHandler, LastingBytesHandler, DashboardBytesHandler}
STREAMS = {EventsHandler, DashboardEventsHandler}


def check(answer, policy: str, *, is_private: bool, is_bytes: bool = False) -> None:
    """Check one response against section 7 of the security notes."""
    given = answer.headers
    for name, value in COMMON.items():
        assert given.get_list(name) == [value], name
    (whole,) = given.get_list("Content-Security-Policy")
    own, _, ancestors = whole.partition("; frame-ancestors ")
    assert re.fullmatch(policy if "\\" in policy else re.escape(policy), own), own
    is_framed = policy == FRAMED or (policy, answer.mimetype, is_bytes) == (IMAGE, "text/html", False)
    assert ancestors == ("'self'" if is_framed else "'none'")
    assert given.get_list("X-Frame-Options") == (["DENY"] if ancestors == "'none'" else [])
    # The record of a link is as open as its image.
    is_shared = not is_private and (is_bytes or "Access-Control-Allow-Origin" in given)
    assert given.get_list("Cross-Origin-Resource-Policy") == ["cross-origin" if is_shared else "same-origin"]
    caching = given["Cache-Control"]
    open_to_all = ("public, max-age=", "public, no-cache", "private, no-store")
    assert caching.startswith("private, " if is_private else open_to_all), caching
    if not is_private:
        assert given.get_list("Set-Cookie") == []
    assert "Access-Control-Allow-Credentials" not in given
    if is_private:
        assert "Access-Control-Allow-Origin" not in given


def test_V1_every_route_has_a_sample(samples: list[Sample]) -> None:
    """A new route without a sample here fails, so that every route is tested."""
    reads = {handler for _, handler in ROUTES} - WITHOUT_GET - STREAMS - OF_A_HUB
    assert {sample.handler for sample in samples} == reads


async def test_V1_headers_on_200_and_head(samples, owner, browser, stranger) -> None:
    """Every route's response carries its complete policy, for the owner by token and by cookie, and for visitors."""
    for sample in samples:
        clients = [owner, browser] if sample.is_private else [stranger, owner, browser]
        for client in clients:
            for method in ("GET", "HEAD"):
                answer = await client.ask(method, sample.path, None, sample.request_headers())
                assert answer.status == 200, (sample.path, answer.text)
                assert answer.headers["Content-Type"] == sample.type, sample.path
                check(answer, sample.policy, is_private=sample.is_private, is_bytes=sample.is_bytes)
                if sample.is_bytes:
                    named = re.fullmatch(
                        r"inline; filename=\"([A-Za-z0-9-]+\.[a-z]{3,4})\"; filename\*=UTF-8''(\S+)",
                        answer.headers["Content-Disposition"],
                    )
                    assert named is not None
                    assert named[1] == named[2]


async def test_V1_headers_on_206_304_and_416(samples, owner, browser, stranger) -> None:
    """Partial content, not modified and an unsatisfiable range carry the same policy as the whole file."""
    for sample in (s for s in samples if s.is_bytes):
        for client in [owner, browser] if sample.is_private else [stranger, owner]:
            whole = await client.get(sample.path)
            part = await client.get(sample.path, {"Range": "bytes=0-3"})
            assert (part.status, part.body) == (206, whole.body[:4])
            check(part, sample.policy, is_private=sample.is_private, is_bytes=True)
            same = await client.get(sample.path, {"If-None-Match": whole.headers["ETag"]})
            assert (same.status, same.body) == (304, b"")
            assert same.headers["ETag"] == whole.headers["ETag"]
            check(same, sample.policy, is_private=sample.is_private, is_bytes=True)
            beyond = await client.get(sample.path, {"Range": "bytes=999999-"})
            assert beyond.status == 416
            check(beyond, JSON, is_private=True)


async def test_V1_headers_on_401_404_and_405(samples, owner, browser, stranger) -> None:
    """Errors are JSON, or our page for clients that accept HTML, under the same policies; never Jupyter's page."""
    for path in ("/figures/" + "x" * 16, f"/f/{MISSING}", f"/f/{MISSING}.png", "/nothing", "/frame/x.html", "//"):
        for client in (owner, browser, stranger):
            for accept, policy in (("*/*", JSON), ("text/html", PAGE)):
                answer = await client.get(path, {"Accept": accept})
                if client is stranger and path.startswith("/figures/"):
                    assert answer.status == (401 if policy == JSON else 302)
                    continue
                assert answer.status == 404, path
                expected = PAGE if answer.mimetype == "text/html" else JSON
                check(answer, expected, is_private=True)
                assert "_xsrf" not in answer.text
                assert "token" not in answer.text
    for sample in (s for s in samples if s.is_private):
        answer = await stranger.get(sample.path)
        assert answer.status == 401
        check(answer, JSON, is_private=True)
        assert "Set-Cookie" not in answer.headers
    for sample in samples:
        method = "POST" if sample.handler is CodeHandler else "PUT"
        answer = await owner.ask(method, sample.path, b"")
        assert answer.status == 405, sample.path
        check(answer, JSON, is_private=True)


async def test_V1_headers_on_500(samples, owner, stranger, context, monkeypatch, caplog) -> None:
    """An internal failure is JSON or our page with the same policies, and reveals nothing about its cause."""

    class Broken:
        def __getattr__(self, name: str):
            raise RuntimeError("the disk is at /secret/path")

    monkeypatch.setattr(context.store.catalog, "_reader", Broken())
    monkeypatch.setattr(context.store.catalog, "_raw_reader", Broken())
    failed = set()
    for sample in samples:
        client = owner if sample.is_private else stranger
        for method in ("GET", "HEAD"):
            answer = await client.ask(method, sample.path, None, sample.request_headers())
            if not sample.breaks:
                assert answer.status == 200, sample.path
                continue
            assert answer.status == 500, sample.path
            failed.add(sample.handler)
            check(answer, PAGE if answer.mimetype == "text/html" else JSON, is_private=True)
            assert "secret" not in answer.text
            assert "RuntimeError" not in answer.text
    assert len(failed) > 10
    monkeypatch.undo()


async def test_V1_headers_of_the_event_stream(owner, http) -> None:
    """An event stream is private, and has the policy of JSON."""
    got = asyncio.Event()
    lines = []

    def collect_line(line: str) -> None:
        lines.append(line)
        if line in ("\r\n", "\n"):
            got.set()

    request = asyncio.ensure_future(
        http.fetch(
            owner.prefix + "/api/events", headers=owner.headers, header_callback=collect_line, request_timeout=20
        )
    )
    await asyncio.wait_for(got.wait(), 20)
    request.cancel()
    head = "".join(lines)
    for name, value in COMMON.items():
        assert f"{name}: {value}\r\n" in head
    assert "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n" in head
    assert "Content-Type: text/event-stream; charset=utf-8\r\n" in head
    assert "Cache-Control: private, no-" in head


async def test_V3_another_sites_requests_with_the_owners_cookie_are_rejected(samples, browser) -> None:
    """Requests from another site's page are 403 on every private route; a link there that opens a page works."""
    for sample in (s for s in samples if s.is_private):
        for site in ("cross-site", "same-site"):
            for mode, destination in (("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe")):
                headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": destination}
                answer = await browser.get(sample.path, headers)
                assert (answer.status, answer.json()["code"]) == (403, "cross_site"), (sample.path, headers)
        opened = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        # No other site can open a page that runs a function in the kernel.
        runs = sample.handler in RUNNING
        assert (await browser.get(sample.path, opened)).status == (403 if runs else 200)


@pytest.mark.parametrize(
    "address", ["", "api/status", "api/figures", f"f/{MISSING}", "figures/x.png", "static/copy.js"]
)
def test_V4_a_foreign_host_name_is_rejected(live_server: ServerProcess, address: str) -> None:
    """DNS rebinding: under another host name the server responds 403 on every route, even with a login."""
    for host in ("evil.example", "evil.example:8888", "127.0.0.1.evil.example", "localhost.evil.example"):
        answer = live_server.fetch(f"figserve/{address}", headers={"Host": host})
        assert answer.status == 403, (host, answer.text)
        assert answer.json()["code"] == "unknown_host"


async def test_V4_the_host_is_checked_on_every_route(samples, owner) -> None:
    """Every route in the table refuses it, including the public ones; only health, which says nothing, answers."""
    for sample in samples:
        if sample.handler is HealthHandler:
            continue
        answer = await owner.get(sample.path, {**sample.request_headers(), "Host": "evil.example", "Accept": "*/*"})
        assert answer.status == 403, sample.path


PATHS = [
    "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "....//etc/passwd", "%00", "a%00.png", "a%0d%0aX:%20y",
    "\\..\\x", "%5c..%5cx", "//evil.example/x", "a" * 8000, "%ff%fe", "%c0%ae%c0%ae/", "a;b", "~root", "C:%5cx",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_V5_malformed_paths_are_404_and_reveal_nothing(live_server: ServerProcess, path: str) -> None:
    """No path leads outside our table: 404 in JSON, on every prefix, without traceback or redirect."""
    for place in (
        "",
        "f/",
        "plots/x/",
        "plots/",
        "api/sessions/",
        "figures/",
        "frame/",
        "static/",
        "api/",
        "api/figures/",
        "static/..%2ftemplates/",
    ):
        request = f"GET /figserve/{place}{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        request += f"Authorization: token {live_server.token}\r\n\r\n"
        answer = ask_raw(live_server, request.encode())
        head = answer.partition(b"\r\n\r\n")[0]
        assert head.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 ")), (place, head)
        assert b"application/json" in head, (place, head)
        assert b"X:" not in head.replace(b"X-", b"")
        for word in (b"Traceback", b"site-packages", b"root:", b"Location"):
            assert word not in answer


RANGES = {
    "bytes=-0": 416, "bytes=0-0": 206, "bytes=-5": 206, "bytes=5-": 206, "bytes=9999-": 416, "bytes=5-2": 200,
    "bytes=": 200, "bytes=-": 200, "bytes=a-b": 200, "items=0-1": 200, "bytes=0-1,3-4": 200, "bytes=0-1\t": 206,
    "bytes=" + ",".join(["0-"] * 100): 200, "bytes=0-" + "9" * 18: 206, "bytes=" + "9" * 400 + "-": 200,
    "bytes=-" + "9" * 18: 206,
}  # fmt: skip


@pytest.mark.parametrize("asked", RANGES)
def test_V6_malformed_ranges_are_limited(live_server: ServerProcess, asked: str) -> None:
    """A range gets one part, the whole or 416; a hundred ranges get the image once."""
    record = publish(live_server, name="ranges")
    for url in (f"figserve/figures/{record['id']}.png", share(live_server, record)["image_url"]):
        answer = live_server.fetch(url, headers={"Range": asked})
        assert answer.status == RANGES[asked]
        assert len(answer.body) <= max(len(PNG), 300)
        if answer.status == 200:
            assert answer.body == PNG
        if answer.status == 416:
            assert answer.headers["Content-Range"] == f"bytes */{len(PNG)}"


def test_V7_a_known_etag_gives_no_access(make_server) -> None:
    """Without credentials, an image's digest gives no information: 401, or the 404 of an unknown figure."""
    alice = make_server(owner="alice")
    bob = make_server(data_dir=alice.data_dir, owner="bob")
    record = publish(alice, name="private")
    etag = f'"{record["representations"][0]["digest"]}"'
    key = make_key(bob, "read")["key"]
    address = f"figserve/figures/{record['id']}.png"
    for tag in (etag, "*", f"W/{etag}"):
        assert alice.fetch(address, anonymous=True, headers={"If-None-Match": tag}).status == 401
        theirs = alice.fetch(address, anonymous=True, headers={"If-None-Match": tag, "X-API-Key": key})
        assert theirs.status == 404
        gone = alice.fetch(f"figserve/f/{MISSING}.png", anonymous=True, headers={"If-None-Match": tag})
        assert gone.status == 404
        assert "ETag" not in gone.headers
    assert alice.fetch(address, headers={"If-None-Match": etag}).status == 304


def test_V8_a_token_in_a_query_opens_nothing_public(live_server: ServerProcess) -> None:
    """On a link, Jupyter's token is refused with 400 whether valid or not, and never becomes a cookie."""
    link = share(live_server, publish(live_server, name="query"))
    for token in (live_server.token, "wrong", ""):
        for url in (link["url"], link["image_url"], f"{live_server.url}figserve/oembed"):
            answer = live_server.fetch(f"{url}?token={token}", anonymous=True)
            assert answer.status == 400, (url, token)
            assert answer.json()["code"] == "token_in_query"
            assert "Set-Cookie" not in answer.headers
            for spelled in ("%74oken", "toke%6e", "width=8&%74%6F%6B%65%6E"):
                again = live_server.fetch(f"{url}?{spelled}={token}", anonymous=True)
                assert (again.status, again.body) == (400, answer.body), (url, spelled)
                assert "Set-Cookie" not in again.headers
    wrong = live_server.fetch("figserve/api/figures?token=wrong", anonymous=True)
    assert wrong.status == 401
    assert "username-" not in str(wrong.headers)
    assert live_server.token not in live_server.log


def test_V9_hidden_files_and_links_in_the_store_are_not_served(make_server, tmp_path: Path) -> None:
    """Only blobs in the catalog are opened, never through a symbolic link; no path leads to other files."""
    server = make_server(cache_bytes=0)
    secret = tmp_path / "secret.png"
    secret.write_bytes(make_png(shade=1, text=b"secret"))
    record = publish(server, name="swapped")
    link = share(server, record)
    digest = record["representations"][0]["digest"]
    blob = server.data_dir / "blobs" / digest[:2] / digest
    blob.unlink()
    blob.symlink_to(secret)
    for url, anonymous in ((record["representations"][0]["url"], False), (link["image_url"], True)):
        answer = server.fetch(url, anonymous=anonymous)
        assert answer.status in (404, 500, 503)
        assert b"secret" not in answer.body
    for path in (
        ".keys",
        "signing.keys",
        "catalog.db",
        "..",
        ".git/config",
        "static/.hidden",
        "static/../signing.keys",
    ):
        assert server.fetch(f"figserve/{path}").status == 404, path


class TestAnAdminsHeaders:
    @pytest.fixture
    def jp_server_config(self, jp_server_config):
        """An admin who allows framing everywhere, and sets a custom policy."""
        jp_server_config["ServerApp"]["tornado_settings"] = {
            "headers": {
                "Content-Security-Policy": "frame-ancestors *",
                "X-Frame-Options": "ALLOWALL",
                "Cross-Origin-Resource-Policy": "cross-origin",
                "Access-Control-Allow-Origin": "*",
            }
        }
        return jp_server_config

    async def test_V10_do_not_replace_ours(self, samples, owner, stranger) -> None:
        """Headers that an admin sets for Jupyter's own pages do not change our responses."""
        for sample in samples:
            client = owner if sample.is_private else stranger
            answer = await client.get(sample.path, sample.request_headers())
            assert answer.status == 200
            check(answer, sample.policy, is_private=sample.is_private, is_bytes=sample.is_bytes)


def _rows(context) -> dict[str, list[tuple]]:
    """Return the catalog's contents, except the views of links."""
    reader = context.store.catalog.reader
    counted = {"seen", "last_seen", "last_used"}
    return {
        table.name: sorted(
            tuple(str(value) for name, value in row._mapping.items() if name not in counted)
            for row in reader.execute(sa.select(table))
        )
        for table in tables.metadata.tables.values()
        if table is not tables.viewers
    }


async def test_V11_reading_changes_nothing(samples, owner, browser, stranger, context) -> None:
    """GET and HEAD on every route, with parameters that look like changes, leave the catalog unchanged."""
    tempting = "paused=true&delete=1&method=DELETE&_method=DELETE&revoke=1&expires=1s&title=changed"
    before = _rows(context)
    for sample in samples:
        for client in (owner, browser, stranger):
            for method in ("GET", "HEAD"):
                path = sample.path + ("&" if "?" in sample.path else "?") + tempting
                await client.ask(method, path, None, {**sample.request_headers(), "X-HTTP-Method-Override": "DELETE"})
    await context.view_counter.flush()
    assert _rows(context) == before


def test_V11_public_routes_are_read_only() -> None:
    """Without a login, only GET and HEAD are allowed."""
    for pattern, handler in ROUTES:
        changing = {method for method in ("post", "put", "patch", "delete") if method in vars(handler)}
        # Other servers sign their calls.
        if changing and handler is not ReplicaCallHandler:
            assert hasattr(handler, "scopes"), pattern
    assert make_routes()[-1][1] is MissingHandler


async def test_V12_private_and_unknown_ids_are_indistinguishable(owner, stranger) -> None:
    """Without a login, existing and missing figures get the same response, byte for byte."""
    record = await owner.publish("private")
    for path in (
        "/figures/{}",
        "/figures/{}.png",
        "/api/figures/{}",
        "/api/figures/{}/links",
        "/figures/{}.png?version=7",
    ):
        answers = [await stranger.get(path.format(i)) for i in (record["id"], "A" * 16, "x", "9" * 64)]
        assert {answer.status for answer in answers} == {401}
        assert len({(answer.body, str(answer.headers.get("WWW-Authenticate"))) for answer in answers}) == 1


def test_T2_the_signing_key_is_private(live_server: ServerProcess) -> None:
    """Only the owner can read the key that signs frame URLs."""
    assert os.stat(live_server.data_dir / "signing.keys").st_mode & 0o777 == 0o600
