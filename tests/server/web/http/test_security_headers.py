"""Security headers on every response, for every status."""

from __future__ import annotations

import re

import pytest

from jupyter_figserve.model.formats import FORMATS
from jupyter_figserve.server.web.http import security_headers

from ...sample_images import HTML, SAMPLES


def directives(policy: str) -> dict[str, str]:
    return {name: rest for name, _, rest in (part.strip().partition(" ") for part in policy.split(";"))}


@pytest.mark.parametrize("row", FORMATS.values(), ids=list(FORMATS))
@pytest.mark.parametrize("public", [True, False])
def test_bytes_run_nothing_and_are_framed_by_nobody(row, public):
    """The policies allow neither scripts nor requests; only PDF is not sandboxed, for Safari."""
    values = security_headers.image_headers(row, public=public)
    policy = directives(values["Content-Security-Policy"])
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert "script-src" not in policy
    assert ("sandbox" in policy) == (row.name != "pdf")
    assert "http" not in values["Content-Security-Policy"]
    assert values["Cross-Origin-Resource-Policy"] == ("cross-origin" if public else "same-origin")
    assert values["X-Frame-Options"] == "DENY"


INERT = {"default-src": "'none'", "sandbox": "", "frame-ancestors": "'none'"}
STYLED = {"default-src": "'none'", "style-src": "'unsafe-inline'", "frame-ancestors": "'none'"}
CLOSED = {"base-uri": "'none'", "form-action": "'none'"}
SVG = STYLED | CLOSED | {"img-src": "data:", "font-src": "data:", "sandbox": ""}
PDF = STYLED | {"object-src": "'none'"}
HTML_IN_FRAME = CLOSED | {
    "default-src": "'none'",
    "script-src": "'unsafe-inline' 'unsafe-eval'",
    "style-src": "'unsafe-inline'",
    "img-src": "data: blob:",
    "font-src": "data:",
    "worker-src": "blob:",
    "connect-src": "'none'",
    "sandbox": "allow-scripts",
    "frame-ancestors": "'self'",
}
PAGE = {
    **{"default-src": "'none'", "img-src": "'self' data:", "style-src": "'self'", "script-src": "'self'"},
    **{"connect-src": "'self'", "frame-src": "x/frame/", "base-uri": "'none'", "form-action": "'self'"},
    "frame-ancestors": "'none'",
}


@pytest.mark.parametrize(
    ("headers", "policy"),
    [
        *((security_headers.image_headers(FORMATS[name], public=True), INERT) for name in ("png", "jpg", "html")),
        *((security_headers.image_headers(FORMATS[name], public=True), SVG) for name in ("svg", "svgz")),
        (security_headers.image_headers(FORMATS["pdf"], public=True), PDF),
        (security_headers.frame_headers("'self'", is_frame=True), HTML_IN_FRAME),
        (security_headers.frame_headers("'self'", is_frame=False), INERT | {"frame-ancestors": "'self'"}),
        (security_headers.page_headers(frames="x/frame/"), PAGE),
        (security_headers.JSON_HEADERS, {"default-src": "'none'", "frame-ancestors": "'none'"}),
    ],
)
def test_each_directive(headers, policy):
    """A browser was attacked with these; ``default-src`` covers neither ``base-uri`` nor ``form-action``."""
    assert directives(headers["Content-Security-Policy"]) == policy


def test_frame_runs_scripts_only_in_a_frame():
    """Opened by itself it runs none; in both cases it has neither the origin nor the network."""
    framed = security_headers.frame_headers("'self'", is_frame=True)["Content-Security-Policy"]
    opened = security_headers.frame_headers("'self'", is_frame=False)["Content-Security-Policy"]
    assert directives(framed)["sandbox"] == "allow-scripts"
    assert directives(framed)["connect-src"] == "'none'"
    assert directives(opened)["sandbox"] == ""
    assert "script-src" not in directives(opened)
    assert "allow-same-origin" not in framed + opened


@pytest.mark.parametrize("is_frame", [True, False])
def test_kind_C1_frame_opens_no_connection(is_frame):
    """Not by WebRTC or DNS prefetching either, which a Content-Security-Policy does not reach."""
    assert security_headers.frame_headers("'self'", is_frame=is_frame)["Connection-Allowlist"] == "()"


def test_frame_ancestors():
    """None without an allow-list."""
    assert security_headers.frame_ancestors([]) == "'none'"
    assert security_headers.frame_ancestors(["https://a.example"]) == "https://a.example"
    assert security_headers.frame_ancestors(["https://a.example"], own=True) == "'self' https://a.example"
    assert "X-Frame-Options" in security_headers.page_headers()
    assert "X-Frame-Options" not in security_headers.page_headers("https://a.example")


async def answers(owner, stranger, browser):
    """One response of every kind: statuses, methods, types."""
    figure = await owner.publish("sales", SAMPLES["svg"][1], "image/svg+xml")
    page = await owner.publish("page", HTML, "text/html")
    link = await owner.share(figure)
    frame = re.search(r'src="\.\.(/frame/[^"]+)"', (await owner.get(f"/figures/{page['id']}")).text)[1]
    html = {"Accept": "text/html"}
    for path in (link["url"], link["image_url"], link["url"] + ".json", link["url"] + "/embed", frame):
        yield await stranger.get(path)
        yield await stranger.head(path)
    for path in (
        "/api/status",
        "/api/openapi.yaml",
        "/static/copy.js",
        "/static/none.js",
        "/oembed",
        "/nothing",
        "/f/x",
    ):
        yield await stranger.get(path)
        yield await stranger.get(path, html)
    yield await stranger.get(link["image_url"], {"Range": "bytes=0-3"})
    yield await stranger.get(link["image_url"], {"Range": "bytes=9999-"})
    yield await stranger.get(link["image_url"], {"If-None-Match": "*"})
    yield await stranger.get(link["image_url"], {"Host": "evil.example"})
    yield await stranger.get(link["image_url"], token="x")
    yield await stranger.ask("POST", link["url"])
    for path in ("/api/figures", f"/figures/{figure['id']}", f"/figures/{figure['id']}.svg", "/api/links", "/api/keys"):
        yield await owner.get(path)
        yield await owner.head(path)
        yield await stranger.get(path)
        yield await stranger.get(path, html)
        yield await owner.ask("PUT", path)
    yield await browser.post("/api/keys", {"scopes": ["read"]})
    yield await owner.delete(f"/api/links/{link['id']}")
    yield await owner.delete(f"/api/figures/{figure['id']}")


async def test_every_answer_is_guarded(owner, stranger, browser):
    """For all statuses, for GET and HEAD, with and without a login."""
    statuses = set()
    async for answer in answers(owner, stranger, browser):
        statuses.add(answer.status)
        for name, value in security_headers.COMMON.items():
            assert answer.headers[name] == value, answer
        policy = directives(answer.headers["Content-Security-Policy"])
        assert policy["default-src"] == "'none'", answer
        assert "frame-ancestors" in policy
        assert "unsafe-inline" not in policy.get("script-src", "")
        assert "Cross-Origin-Resource-Policy" in answer.headers
        assert "Cache-Control" in answer.headers
        assert len(answer.headers.get_list("Content-Security-Policy")) == 1
    assert statuses == {200, 204, 206, 302, 304, 400, 401, 403, 404, 405, 416}


class TestAdminsPolicy:
    @pytest.fixture
    def jp_server_config(self, jp_server_config):
        tornado = {"headers": {"Content-Security-Policy": "frame-ancestors *", "X-Own": "1"}}
        jp_server_config["ServerApp"]["tornado_settings"] = tornado
        return jp_server_config

    async def test_ours_is_complete_beside_an_admins(self, owner, stranger):
        """A policy configured for Jupyter's pages neither replaces nor extends ours."""
        link = await owner.share(await owner.publish())
        for path in (link["url"], link["image_url"], "/api/status", "/nothing"):
            found = (await stranger.get(path)).headers.get_list("Content-Security-Policy")
            assert len(found) == 1
            assert "frame-ancestors 'none'" in found[0]
