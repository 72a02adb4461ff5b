"""The base of all handlers: errors, hosts, methods, JSON bodies, and redacted logs."""

from __future__ import annotations

import inspect
import io
import logging

import pytest

from jupyter_figserve.server.web.http.handler import FigServeHandler
from jupyter_figserve.server.web.routes import ROUTES, make_routes
from jupyter_figserve.store.repositories.figures import FigureRepository

from ...pages import Page
from ...raw import connect
from ...sample_images import png

BROWSER = {"Accept": "text/html"}


@pytest.mark.parametrize("path", ["/nothing", "/api", "/api/nothing", "/f", "/figures", "/static/../x", "//f/x"])
async def test_nothing_under_the_prefix_is_jupyters(owner, stranger, path):
    """Unknown paths get our 404, not Jupyter's page, which contains the server's token."""
    for client in (owner, stranger):
        json, page = await client.get(path), await client.get(path, BROWSER)
        assert (json.status, json.mimetype) == (404, "application/json")
        assert (page.status, page.mimetype) == (404, "text/html")
        assert owner.headers["Authorization"].removeprefix("token ") not in page.text
        assert "jupyter" not in page.text.lower()
        assert Page(page.text)["script"] == []


@pytest.mark.parametrize(
    "path", ["/api/figures/" + "a" * 8000, "/f/" + "a" * 8000, "/api/figures/..%2f..%2fetc%2fpasswd"]
)
async def test_odd_addresses_are_404(owner, path):
    """Long paths and path traversal; the response does not repeat them."""
    answer = await owner.http.fetch(owner.prefix + path, headers=owner.headers, raise_error=False)
    assert answer.code == 404
    assert len(answer.body) < 500


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/api/status", "GET, HEAD"),
        ("PATCH", "/api/figures", "GET, HEAD, POST, DELETE"),
        ("POST", "/api/figures/abc", "GET, HEAD, DELETE, PATCH"),
        ("GET", "/api/figures/abc/versions/1/source", "PUT"),
        ("HEAD", "/api/events", "GET"),
        ("DELETE", "/f/" + "x" * 32, "GET, HEAD"),
        ("POST", "/oembed", "GET, HEAD"),
        ("PUT", "/static/copy.js", "GET, HEAD"),
        ("POST", "/figures/abc.png", "GET, HEAD"),
    ],
)
async def test_other_methods_are_405_with_allow(owner, method, path, allowed):
    """Allow lists the supported methods."""
    answer = await owner.ask(method, path)
    assert (answer.status, answer.headers["Allow"]) == (405, allowed)
    if method != "HEAD":
        assert answer.code == "method_not_allowed"


async def test_preflight_gives_nothing_away(stranger):
    """Another site may not send a key."""
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Headers": "X-API-Key"}
    answer = await stranger.ask("OPTIONS", "/api/figures", headers=headers)
    assert answer.status in (401, 403, 404, 405)
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


async def test_unknown_method_is_rejected(owner):
    """With our headers, and without the path in the log."""
    async with connect(owner.prefix) as connection:
        await connection.send_head("BREW", "/f/" + "s" * 32, {})
        status, headers = await connection.receive_head()
    assert status == 405
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("body", [b"{", b"\xff", b"nothing", b"[" * 50_000, b"[]", b'"x"', b"null", b"7"])
async def test_malformed_json_is_400(owner, body):
    """Invalid JSON, and JSON that is not an object."""
    answer = await owner.ask("POST", "/api/keys", body)
    assert (answer.status, answer.code) == (400, "invalid_json")


async def test_unknown_field_is_named(owner):
    """With the allowed fields."""
    answer = await owner.post("/api/keys", {"scopes": ["read"], "colour": 1})
    assert answer.status == 400
    assert "'colour'" in answer.json()["error"]
    assert "scopes, label, expires" in answer.json()["error"]


async def test_bad_utf8_in_a_query_is_400(owner):
    """It is not an internal error."""
    answer = await owner.get("/api/figures?q=%ff")
    assert (answer.status, answer.code) == (400, "malformed")


class TestFailure:
    """An unexpected exception."""

    @pytest.fixture
    def broken(self, monkeypatch):
        def fail(*args: object) -> None:
            raise RuntimeError("a secret detail: 50%")

        monkeypatch.setattr(FigureRepository, "find", fail)
        monkeypatch.setattr(FigureRepository, "list_versions", fail)

    async def test_internal_error_tells_nothing(self, owner, broken):
        """500 as JSON; the details are only in the log."""
        answer = await owner.get("/api/figures/" + "A" * 16)
        assert (answer.status, answer.code) == (500, "internal_error")
        assert "secret" not in answer.text

    async def test_internal_error_of_a_page_is_a_page(self, owner, broken):
        """It is our page."""
        answer = await owner.get("/figures/" + "A" * 16, BROWSER)
        assert (answer.status, answer.mimetype) == (500, "text/html")
        assert "Something went wrong" in answer.text


class TestLogs:
    """No log line of ours, Jupyter's or tornado's contains a token or a key."""

    @pytest.fixture
    def log(self, jp_serverapp):
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        loggers = [logging.getLogger(), *(logging.getLogger(f"tornado.{part}") for part in ("access", "general"))]
        loggers += [logging.getLogger("tornado.application"), jp_serverapp.log]
        for logger in loggers:
            logger.addHandler(handler)
        yield stream
        for logger in loggers:
            logger.removeHandler(handler)

    async def test_secrets_are_in_no_log_line(self, owner, stranger, make_key, log, monkeypatch):
        """For every status, an unknown method and an oEmbed request."""
        link = await owner.share(await owner.publish())
        token, key = link["url"].rpartition("/")[2], await make_key("read")
        for path in ("", ".png", ".json", "/embed", ".exe", ".svg", "/x"):
            await stranger.http.fetch(f"{link['url']}{path}", raise_error=False)
        await stranger.get(link["image_url"], {"If-None-Match": "*"})
        await stranger.get(link["image_url"], {"Host": "evil.example"})
        await stranger.get(link["image_url"], token="x", width="y")
        await stranger.ask("POST", link["url"])
        await stranger.get("/oembed", url=link["url"])
        await stranger.get("/oembed", url=link["url"] + "x")
        async with connect(owner.prefix) as connection:
            await connection.send_head("BREW", f"/f/{token}", {})
            await connection.receive_head()
        monkeypatch.setattr(
            "jupyter_figserve.server.web.http.conditional_get.ConditionalGetMixin.send_representation", None
        )
        assert (await stranger.get(link["image_url"])).status == 500
        for client in (
            stranger.with_key(key),
            stranger.with_key(key + "x"),
            stranger.with_headers(Authorization=f"Bearer {key}"),
        ):
            await client.get("/api/figures")
        text = log.getvalue()
        assert "/f/[secret]" in text
        assert token not in text
        assert key.split("_", 2)[2] not in text


def test_every_handler_method_says_who_may():
    """Each method of each route is authenticated and authorized, or explicitly public."""
    for pattern, handler in make_routes():
        for name in ("get", "head", "post", "put", "patch", "delete", "options"):
            method = getattr(handler, name)
            if method.__qualname__.startswith("RequestHandler."):
                continue
            is_open = getattr(method, "__allow_unauthenticated", False)
            # One wrapper of each of the two decorators.
            is_guarded = hasattr(getattr(method, "__wrapped__", None), "__wrapped__")
            assert is_open != is_guarded, f"{pattern} {name}"


def test_methods_are_decorated_on_the_class_that_has_them():
    """``authorized`` remembers the first class, so no handler may inherit a decorated method."""
    for _, handler in ROUTES:
        assert issubclass(handler, FigServeHandler)
        for name in ("get", "post", "put", "patch", "delete"):
            method = inspect.getattr_static(handler, name)
            inherited = name not in vars(handler)
            assert not inherited or method.__qualname__.startswith("RequestHandler."), f"{handler} {name}"


async def test_get_changes_nothing(owner, stranger, context):
    """GET requests to every address, with queries like those of actions, leave the catalog unchanged."""
    figure = await owner.publish()
    link = await owner.share(figure, views=3)
    stamp = await context.store.data_version()
    queries = {"delete": 1, "_method": "DELETE", "paused": 1, "revoke": 1, "title": "x", "name": "x"}
    for path in ("/api/figures", "/api/links", "/api/keys", f"/api/figures/{figure['id']}", f"/figures/{figure['id']}"):
        assert (await owner.get(path, **queries)).status == 200
    assert (await owner.get(f"/api/links/{link['id']}", **queries)).json()["seen"] == 0
    assert await context.store.data_version() == stamp


async def test_owners_see_where_the_time_goes(owner, stranger, make_key):
    """In the header that browsers show beside a request; a visitor learns nothing."""
    published = await owner.ask("POST", "/api/figures", png(), {"Content-Type": "image/png"}, name="sales")
    parts = dict(part.split(";dur=") for part in published.headers["Server-Timing"].split(", "))
    assert set(parts) == {"check", "store"}
    assert float(parts["store"]) > 0
    link = await owner.share(published.json())
    image = f"/figures/{published.json()['id']}.png"
    for client, path, is_told in (
        (stranger.with_key(await make_key("read")), image, True),
        (stranger, image, False),
        (stranger, link["image_url"], False),
    ):
        assert ("Server-Timing" in (await client.get(path)).headers) == is_told
