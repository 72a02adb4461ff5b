"""Authorization: every operation with every credential, XSRF, origins, and the rate of wrong secrets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jupyter_figserve.errors import Forbidden, TooManyRequests
from jupyter_figserve.model.keys import SCOPES, Key, split_key
from jupyter_figserve.server.services.auth.credentials import find_key
from jupyter_figserve.server.services.auth.principal import Principal
from jupyter_figserve.server.services.auth.rate_limits import FailedAttempts
from jupyter_figserve.server.web.rendering.signed_urls import pack
from jupyter_figserve.store.catalog import keys

from .... import contract
from ...making import make_session, offer_live
from ...raw import connect
from ...sample_images import HTML, png

ALL = frozenset(SCOPES)
ANYBODY = ALL | {"none", "expired", "revoked"}
READ, PUBLISH, RENDER, EITHER, ADMIN = {"read"}, {"publish"}, {"render"}, {"read", "publish"}, {"admin"}
NO_KEY: set[str] = set()

# What each operation answers to those who may, and the single scopes of a key that suffice. A login may do everything.
TABLE: dict[tuple[str, str], tuple[int, Any]] = {
    ("GET", "/api/status"): (200, ANYBODY),
    ("HEAD", "/api/status"): (200, ANYBODY),
    ("GET", "/api/openapi.yaml"): (200, ANYBODY),
    ("HEAD", "/api/openapi.yaml"): (200, ANYBODY),
    ("GET", "/api/figures"): (200, READ),
    ("HEAD", "/api/figures"): (200, READ),
    ("POST", "/api/figures"): (201, PUBLISH),
    ("DELETE", "/api/figures"): (200, PUBLISH),
    ("GET", "/api/figures/{id}"): (200, READ),
    ("HEAD", "/api/figures/{id}"): (200, READ),
    ("PATCH", "/api/figures/{id}"): (200, PUBLISH),
    ("DELETE", "/api/figures/{id}"): (204, PUBLISH),
    ("GET", "/api/figures/{id}/versions"): (200, READ),
    ("HEAD", "/api/figures/{id}/versions"): (200, READ),
    ("PUT", "/api/figures/{id}/versions/{number}/source"): (204, PUBLISH),
    ("PUT", "/api/figures/{id}/versions/{number}/representations"): (204, PUBLISH),
    # What is published here has neither data nor code; a link does not allow them.
    ("GET", "/api/figures/{id}/data"): (409, READ),
    ("HEAD", "/api/figures/{id}/data"): (409, READ),
    ("GET", "/f/{token}/data"): (403, ANYBODY),
    ("HEAD", "/f/{token}/data"): (403, ANYBODY),
    ("GET", "/api/figures/{id}/versions/{number}/code"): (404, READ),
    ("HEAD", "/api/figures/{id}/versions/{number}/code"): (404, READ),
    ("PUT", "/api/figures/{id}/versions/{number}/code"): (204, PUBLISH),
    ("GET", "/api/figures/{id}/links"): (200, EITHER),
    ("HEAD", "/api/figures/{id}/links"): (200, EITHER),
    ("POST", "/api/figures/{id}/links"): (201, PUBLISH),
    ("GET", "/api/sessions"): (200, READ),
    ("HEAD", "/api/sessions"): (200, READ),
    ("GET", "/api/sessions/{session}/last"): (200, READ),
    ("HEAD", "/api/sessions/{session}/last"): (200, READ),
    ("POST", "/api/sessions/{session}/figures"): (201, PUBLISH),
    ("GET", "/plots/{session}"): (200, READ),
    ("HEAD", "/plots/{session}"): (200, READ),
    ("GET", "/plots/{session}/{path}"): (200, READ),
    ("HEAD", "/plots/{session}/{path}"): (200, READ),
    ("GET", "/api/links"): (200, EITHER),
    ("HEAD", "/api/links"): (200, EITHER),
    ("GET", "/api/links/{id}"): (200, EITHER),
    ("HEAD", "/api/links/{id}"): (200, EITHER),
    ("PATCH", "/api/links/{id}"): (200, PUBLISH),
    ("DELETE", "/api/links/{id}"): (204, PUBLISH),
    ("GET", "/api/links/{id}/url"): (200, PUBLISH),
    ("HEAD", "/api/links/{id}/url"): (200, PUBLISH),
    ("GET", "/api/links/{id}/qr.{ext}"): (200, PUBLISH),
    ("HEAD", "/api/links/{id}/qr.{ext}"): (200, PUBLISH),
    ("POST", "/api/links/{id}/sizes"): (201, PUBLISH),
    ("POST", "/api/renders"): (200, RENDER),
    ("POST", "/api/renders/url"): (201, RENDER),
    ("POST", "/render-matplotlib"): (200, RENDER),
    ("GET", "/render/{source}.{ext}"): (200, ANYBODY),
    ("HEAD", "/render/{source}.{ext}"): (200, ANYBODY),
    ("GET", "/api/keys"): (200, ADMIN),
    ("HEAD", "/api/keys"): (200, ADMIN),
    ("POST", "/api/keys"): (201, NO_KEY),
    ("GET", "/api/keys/{id}"): (200, ADMIN),
    ("HEAD", "/api/keys/{id}"): (200, ADMIN),
    ("DELETE", "/api/keys/{id}"): (204, ADMIN),
    ("GET", "/api/events"): (200, READ),
    ("GET", "/api/agent"): (403, PUBLISH),
    ("PUT", "/api/kernels/{id}"): (404, PUBLISH),
    ("DELETE", "/api/kernels/{id}"): (404, PUBLISH),
    ("POST", "/api/notebooks/move"): (200, PUBLISH),
    ("GET", "/api/live"): (200, READ),
    ("HEAD", "/api/live"): (200, READ),
    ("GET", "/api/live/{live}"): (200, READ),
    ("HEAD", "/api/live/{live}"): (200, READ),
    ("DELETE", "/api/live/{live}"): (204, PUBLISH),
    ("POST", "/api/live/{live}/restore"): (200, PUBLISH),
    ("GET", "/api/live/{live}/links"): (200, EITHER),
    ("HEAD", "/api/live/{live}/links"): (200, EITHER),
    ("POST", "/api/live/{live}/links"): (201, PUBLISH),
    ("POST", "/api/live/{live}/frozen"): (503, PUBLISH),
    ("POST", "/api/live/{live}/source"): (400, PUBLISH),
    ("DELETE", "/api/live/{live}/source"): (404, PUBLISH),
    ("GET", "/api/dashboards"): (200, READ),
    ("HEAD", "/api/dashboards"): (200, READ),
    ("POST", "/api/dashboards"): (201, PUBLISH),
    ("GET", "/api/dashboards/{id}"): (200, READ),
    ("HEAD", "/api/dashboards/{id}"): (200, READ),
    ("DELETE", "/api/dashboards/{id}"): (204, PUBLISH),
    ("POST", "/api/dashboards/{id}/restore"): (200, PUBLISH),
    ("GET", "/api/dashboards/{id}/links"): (200, EITHER),
    ("HEAD", "/api/dashboards/{id}/links"): (200, EITHER),
    ("POST", "/api/dashboards/{id}/links"): (201, PUBLISH),
    ("GET", "/dashboards/{id}"): (200, READ),
    ("HEAD", "/dashboards/{id}"): (200, READ),
    ("GET", "/dashboards/{id}/events"): (200, READ),
    ("GET", "/dashboards/{id}.{ext}"): (200, READ),
    ("HEAD", "/dashboards/{id}.{ext}"): (200, READ),
    ("GET", "/f/{token}/{place}.{ext}"): (200, ANYBODY),
    ("HEAD", "/f/{token}/{place}.{ext}"): (200, ANYBODY),
    ("GET", "/f/{token}/events"): (200, ANYBODY),
    ("HEAD", "/f/{token}/events"): (200, ANYBODY),
    ("GET", "/live/{session}/{name}"): (200, READ),
    ("HEAD", "/live/{session}/{name}"): (200, READ),
    ("GET", "/live/{session}/{name}.{ext}"): (503, READ),
    ("HEAD", "/live/{session}/{name}.{ext}"): (503, READ),
    ("GET", "/live/f/{live}"): (200, READ),
    ("HEAD", "/live/f/{live}"): (200, READ),
    ("GET", "/live/f/{live}.{ext}"): (503, READ),
    ("HEAD", "/live/f/{live}.{ext}"): (503, READ),
    ("POST", "/api/figures/{id}/restore"): (200, PUBLISH),
    ("GET", "/"): (200, READ),
    ("HEAD", "/"): (200, READ),
    ("POST", "/api/links/find"): (200, PUBLISH),
    ("GET", "/api/shared"): (404, READ),
    ("HEAD", "/api/shared"): (404, READ),
    ("GET", "/shared"): (404, READ),
    ("HEAD", "/shared"): (404, READ),
    ("GET", "/api/admin/owners"): (200, ADMIN),
    ("HEAD", "/api/admin/owners"): (200, ADMIN),
    ("POST", "/api/admin/transfer"): (200, ADMIN),
    ("GET", "/api/trash"): (200, EITHER),
    ("HEAD", "/api/trash"): (200, EITHER),
    ("GET", "/trash"): (200, EITHER),
    ("HEAD", "/trash"): (200, EITHER),
    ("GET", "/links"): (200, EITHER),
    ("HEAD", "/links"): (200, EITHER),
    ("POST", "/api/replicas/calls"): (404, ANYBODY),
    ("GET", "/api/health/live"): (200, ANYBODY),
    ("HEAD", "/api/health/live"): (200, ANYBODY),
    ("GET", "/api/health/ready"): (200, ANYBODY),
    ("HEAD", "/api/health/ready"): (200, ANYBODY),
    ("GET", "/metrics"): (200, ADMIN),
    ("HEAD", "/metrics"): (200, ADMIN),
    ("GET", "/api/admin/owners/{owner}"): (200, ADMIN),
    ("HEAD", "/api/admin/owners/{owner}"): (200, ADMIN),
    ("PATCH", "/api/admin/owners/{owner}"): (200, ADMIN),
    ("GET", "/api/admin/links"): (200, ADMIN),
    ("HEAD", "/api/admin/links"): (200, ADMIN),
    ("GET", "/admin"): (200, ADMIN),
    ("HEAD", "/admin"): (200, ADMIN),
    ("GET", "/api/diagnosis"): (200, ADMIN),
    ("HEAD", "/api/diagnosis"): (200, ADMIN),
    ("GET", "/export.zip"): (200, READ),
    ("HEAD", "/export.zip"): (200, READ),
    ("GET", "/figures/{id}"): (200, READ),
    ("HEAD", "/figures/{id}"): (200, READ),
    ("GET", "/figures/{id}.{ext}"): (200, READ),
    ("HEAD", "/figures/{id}.{ext}"): (200, READ),
    ("GET", "/f/{token}"): (200, ANYBODY),
    ("HEAD", "/f/{token}"): (200, ANYBODY),
    ("GET", "/f/{token}/embed"): (200, ANYBODY),
    ("HEAD", "/f/{token}/embed"): (200, ANYBODY),
    ("GET", "/f/{token}.{ext}"): (200, ANYBODY),
    ("HEAD", "/f/{token}.{ext}"): (200, ANYBODY),
    ("GET", "/frame/{signed}.html"): (200, ANYBODY),
    ("HEAD", "/frame/{signed}.html"): (200, ANYBODY),
    ("GET", "/oembed"): (200, ANYBODY),
    ("HEAD", "/oembed"): (200, ANYBODY),
    ("GET", "/static/{file}"): (200, ANYBODY),
    ("HEAD", "/static/{file}"): (200, ANYBODY),
    ("GET", "/static/{digest}/{file}"): (200, ANYBODY),
    ("HEAD", "/static/{digest}/{file}"): (200, ANYBODY),
}
PLOT = "cell-1.png"
BOARD = {"title": "Board", "rows": [[{"kind": "text", "markdown": "Notes"}]]}
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/api/figures"): png(),
    ("PATCH", "/api/figures/{id}"): {"title": "Other"},
    ("PUT", "/api/figures/{id}/versions/{number}/source"): b"pickle",
    ("PUT", "/api/figures/{id}/versions/{number}/code"): b"plot()",
    ("PUT", "/api/figures/{id}/versions/{number}/representations"): b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ("POST", "/api/figures/{id}/links"): {},
    ("PATCH", "/api/links/{id}"): {"paused": True},
    ("POST", "/api/keys"): {"scopes": ["read"]},
    ("PUT", "/api/kernels/{id}"): {"notebook": "a.ipynb"},
    ("PATCH", "/api/admin/owners/{owner}"): {"quota": None},
    ("POST", "/api/notebooks/move"): {"from": "none.ipynb", "to": "other.ipynb"},
    ("POST", "/api/admin/transfer"): {"from": "nobody", "to": "somebody"},
    ("POST", "/api/sessions/{session}/figures"): {"path": PLOT},
    ("POST", "/api/renders"): {"code": "1"},
    ("POST", "/api/renders/url"): {"code": "1"},
    ("POST", "/render-matplotlib"): {"code": "1"},
    ("POST", "/api/links/{id}/sizes"): {"width": 7},
    ("POST", "/api/live/{live}/links"): {},
    ("POST", "/api/dashboards"): BOARD,
    ("POST", "/api/dashboards/{id}/links"): {},
    ("POST", "/api/live/{live}/frozen"): {"calls": [{}]},
}
TYPES = {
    ("POST", "/api/figures"): "image/png",
    ("PUT", "/api/figures/{id}/versions/{number}/representations"): "image/svg+xml",
}
SIGNED = ("render", pack("1"), "png", [])
QUERIES: dict[tuple[str, str], dict[str, str]] = {
    ("POST", "/api/figures"): {"name": "made"},
    ("DELETE", "/api/figures"): {"notebook": "none.ipynb"},
    ("PUT", "/api/figures/{id}/versions/{number}/source"): {"kind": "figure"},
}


READING = ("GET", "HEAD")
RUN_OR_SECRET = (
    "/api/agent",
    "/api/links/{id}/url",
    "/api/links/{id}/qr.{ext}",
    "/dashboards/{id}.{ext}",
    "/live/{session}/{name}.{ext}",
    "/live/f/{live}.{ext}",
)
"""What a login that the site's authorizer lets only read may not read: it runs functions, or is a link's secret."""
READER = {"X-Test-Reader": "1"}


def expected(credential: str, operation: tuple[str, str]) -> int:
    """Return the expected status for one cell of the table."""
    success, allowed = TABLE[operation]
    if credential == "reader":
        is_read = operation[0] in READING and operation[1] not in RUN_OR_SECRET
        return success if is_read or allowed == ANYBODY else 403
    if credential == "login" or credential in allowed:
        return success
    return 403 if credential in SCOPES else 401


async def headers_of(credential: str, context, make_key, login: dict[str, str]) -> dict[str, str]:
    """Return the headers of a request with this credential."""
    if credential in ("none", "login", "reader"):
        return {"none": {}, "login": login, "reader": login | READER}[credential]
    if credential == "expired":
        return {"X-API-Key": await make_key(*SCOPES, expires=context.store.clock() - 1)}
    if credential == "revoked":
        key = await make_key(*SCOPES)
        await revoke(context, key)
        return {"X-API-Key": key}
    return {"X-API-Key": await make_key(credential)}


async def revoke(context, key: str) -> None:
    key_id = split_key(key)[0]
    await asyncio.wrap_future(context.store.catalog.write(lambda connection: keys.remove(connection, key_id)))


async def status_of_stream(client, path: str, headers: dict[str, str]) -> int:
    async with connect(client.prefix) as connection:
        await connection.send_head("GET", path, headers)
        return (await connection.receive_head())[0]


def test_table_has_every_operation():
    """The table has a row for each documented path and method, and no other rows.

    But for the Model Context Protocol, which takes keys of any scope and no login; its tests say who may do what.
    """
    assert {*TABLE, ("POST", "/api/mcp")} == {(method, path) for path, method, _ in contract.operations()}


@pytest.fixture
def _authorizer(jp_serverapp, monkeypatch):
    """An authorizer of the site, as Jupyter's documentation has it, that lets readers only read."""

    def is_authorized(self, handler, user, action: str, resource: str) -> bool:
        return action == "read" or not READER.items() <= dict(handler.request.headers).items()

    monkeypatch.setattr(type(jp_serverapp.authorizer), "is_authorized", is_authorized)


@pytest.mark.usefixtures("_authorizer")
async def test_readers_run_nothing_by_accept(owner, context):
    """At the address of a live figure's page, where ``Accept`` prefers an image to it; the page calls nothing."""
    live_id = await offer_live(context)
    reader = owner.with_headers(**{name.replace("-", "_"): value for name, value in READER.items()})
    for address in ("/live/k1/animal", f"/live/f/{live_id}"):
        for image in ("image/png", "image/svg+xml, */*;q=0.1"):
            assert (await reader.get(address, {"Accept": image})).status == 403
            assert (await owner.get(address, {"Accept": image})).status == 503
        assert (await reader.get(address, {"Accept": "text/html"}, _draw=1)).status == 200


@pytest.mark.usefixtures("_authorizer")
@pytest.mark.parametrize(
    "credential",
    [
        *SCOPES,
        "none",
        "login",
        "reader",
        *(pytest.param(name, marks=pytest.mark.nightly) for name in ("expired", "revoked")),
    ],
)
async def test_each_cell_of_the_table(credential, owner, stranger, context, make_key, jp_auth_header):
    """A credential gives access to exactly the operations in the table: else 401, or 403 without the scope."""
    headers = await headers_of(credential, context, make_key, jp_auth_header)
    session = await make_session(context)
    assert session.show(png()) == PLOT

    async def make_things() -> tuple[dict, dict, str]:
        figure = await owner.publish("sales")
        return figure, await owner.share(figure), split_key(await make_key("read"))[0]

    found, kept = {}, await make_things()

    def changes(operation: tuple[str, str]) -> bool:
        return operation[0] not in READING and expected(credential, operation) not in (401, 403)

    # First those that change nothing, which share a figure.
    for operation in sorted(TABLE, key=changes):
        method, path = operation
        if path == "/api/events":
            found[operation] = await status_of_stream(stranger, path, headers)
            continue
        # Each request that may change its target has a target of its own.
        if "{signed}" in path:
            figure = await owner.publish("page", HTML, "text/html")
            values = {"signed": context.frame_signer.sign(figure["id"], 1, None)}
        else:
            figure, link, key_id = await make_things() if changes(operation) else kept
            token = link["url"].rpartition("/")[2]
            things = {"/api/links": link["id"], "/api/keys": key_id, "/api/links/{id}": link["id"]}
            thing = things.get(path.rpartition("/")[0], figure["id"])
            values = {"id": thing, "token": token, "ext": "png", "number": "1", "file": "copy.js", "digest": "0" * 16}
            values |= {"session": session.id, "path": PLOT, "owner": "ann"}
        if "/dashboards/{id}" in path or "{place}" in path or path == "/f/{token}/events":
            board = await owner.post(
                "/api/dashboards", BOARD | {"rows": [[{"kind": "figure", "figure": figure["id"]}]]}
            )
            values |= {"id": board.json()["id"], "place": "1-1"}
            link = (await owner.post(f"/api/dashboards/{values['id']}/links")).json()
            values["token"] = link["url"].rpartition("/")[2]
        if path.endswith("/events") and method == "GET":
            found[operation] = await status_of_stream(stranger, path.format(**values), headers)
            continue
        if path.startswith("/render/"):
            values["source"], QUERIES[operation] = pack("1"), {"sig": context.query_signer.sign(*SIGNED)}
        if "/live/" in path:
            values |= {"live": await offer_live(context), "session": "k1", "name": "animal"}
        query = QUERIES.get(operation, {"url": link["url"]} if path == "/oembed" else {})
        type = {"Content-Type": TYPES[operation]} if operation in TYPES else {}
        body = {"url": link["url"]} if path == "/api/links/find" else BODIES.get(operation)
        answer = await stranger.ask(method, path.format(**values), body, headers | type, **query)
        found[operation] = answer.status
    assert found == {operation: expected(credential, operation) for operation in TABLE}


class TestXsrf:
    """A cookie alone changes nothing; tokens and keys, which other sites cannot send, need no ``_xsrf``."""

    async def titles(self, client) -> list[str]:
        return [record["title"] for record in (await client.get("/api/figures")).json()["figures"]]

    async def test_R37_cookie_without_xsrf_changes_nothing(self, owner, browser):
        """Every method that changes something returns 403, and nothing has changed."""
        figure = await owner.publish(title="First")
        link = await owner.share(figure)
        path = f"/api/figures/{figure['id']}"
        answers = [
            await browser.ask("POST", "/api/figures", png(grey=9), {"Content-Type": "image/png"}, name="sales"),
            await browser.patch(path, {"title": "Second"}),
            await browser.ask("PUT", f"{path}/versions/1/source", b"pickle", kind="figure"),
            await browser.post(f"{path}/links"),
            await browser.patch(f"/api/links/{link['id']}", {"paused": True}),
            await browser.delete(f"/api/links/{link['id']}"),
            await browser.post("/api/keys", {"scopes": ["admin"]}),
            await browser.delete(path),
            await browser.post(f"{path}/restore"),
            await browser.delete("/api/figures", notebook="a.ipynb"),
        ]
        assert {(answer.status, answer.code) for answer in answers} == {(403, "xsrf_missing")}
        assert await self.titles(owner) == ["First"]
        assert (await owner.get(f"/api/figures/{figure['id']}")).json() == figure
        assert [one["paused"] for one in (await owner.get("/api/links")).json()["links"]] == [False]
        assert (await owner.get("/api/keys")).json()["keys"] == []

    async def test_cookie_with_xsrf_is_enough(self, owner, browser):
        """Jupyter's pages send both."""
        figure = await owner.publish()
        answer = await browser.with_headers(X_XSRFToken=browser.xsrf).patch(
            f"/api/figures/{figure['id']}", {"title": "New"}
        )
        assert (answer.status, await self.titles(owner)) == (200, ["New"])

    async def test_cookie_reads(self, owner, browser):
        """GET needs no ``_xsrf``."""
        await owner.publish(title="First")
        assert await self.titles(browser) == ["First"]

    async def test_wrong_xsrf_is_rejected(self, owner, browser):
        """A value that differs from the cookie is refused."""
        figure = await owner.publish()
        answer = await browser.with_headers(X_XSRFToken="wrong").delete(f"/api/figures/{figure['id']}")
        assert (answer.status, answer.code) == (403, "xsrf_missing")

    async def test_token_needs_no_xsrf(self, owner):
        """Another site cannot send Jupyter's token in a header."""
        figure = await owner.publish()
        assert (await owner.delete(f"/api/figures/{figure['id']}")).status == 204

    async def test_key_needs_no_xsrf(self, stranger, make_key):
        """Another site cannot send a key in a header."""
        client = stranger.with_key(await make_key("publish"))
        figure = await client.publish()
        assert (await client.delete(f"/api/figures/{figure['id']}")).status == 204

    async def test_wrong_key_beside_cookie_opens_nothing(self, browser):
        """A cookie does not replace a valid key, and a wrong key does not replace ``_xsrf``."""
        client = browser.with_headers(X_API_Key="fsk_abcdefgh_" + "x" * 43)
        assert (await client.get("/api/figures")).status == 401
        assert (await client.post("/api/keys", {"scopes": ["admin"]})).status == 401

    async def test_key_beside_cookie_gets_the_keys_rights(self, owner, browser, make_key):
        """A request with a key has the rights of the key, regardless of its cookies."""
        figure = await owner.publish()
        client = browser.with_headers(X_API_Key=await make_key("read"), X_XSRFToken=browser.xsrf)
        assert (await client.get("/api/figures")).status == 200
        assert (await client.delete(f"/api/figures/{figure['id']}")).code == "scope_missing"
        assert (await client.post("/api/keys", {"scopes": ["admin"]})).code == "scope_missing"
        answer = await client.delete(f"/api/figures/{figure['id']}")
        assert "lacks the scope publish. Create one with `jupyter figserve keys create --scopes publish`" in answer.text


class TestOrigins:
    """Requests from pages of other sites."""

    EVIL = "https://evil.example"

    async def test_R38_key_from_another_site_finds_nothing(self, owner, stranger, make_key):
        """With a key and a foreign Origin, every private address is 404."""
        figure = await owner.publish()
        client = stranger.with_key(await make_key("read", "publish")).with_headers(Origin=self.EVIL)
        answers = [await client.get("/api/figures"), await client.delete(f"/api/figures/{figure['id']}")]
        assert [answer.status for answer in answers] == [404, 404]
        assert (await owner.get(f"/api/figures/{figure['id']}")).status == 200

    async def test_R38_cookie_from_another_site_finds_nothing(self, owner, browser):
        """With a login and a foreign Origin, every private address is 404."""
        figure = await owner.publish()
        client = browser.with_headers(Origin=self.EVIL, X_XSRFToken=browser.xsrf)
        assert (await client.delete(f"/api/figures/{figure['id']}")).status == 404

    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"public_url": "https://plots.example.org/jupyter"}

    async def test_public_origin_is_let_in(self, owner, browser):
        """Behind a proxy, pages come from ``public_url``, even if the proxy uses another host name."""
        figure = await owner.publish()
        client = browser.with_headers(Origin="https://plots.example.org", X_XSRFToken=browser.xsrf)
        assert (await client.delete(f"/api/figures/{figure['id']}")).status == 204

    async def test_own_origin_is_let_in(self, stranger, make_key):
        """The server's own pages send their Origin, too."""
        origin = stranger.prefix.partition("/a%40b")[0]
        assert (
            await stranger.with_key(await make_key("read")).with_headers(Origin=origin).get("/api/figures")
        ).status == 200

    async def test_cross_site_image_with_cookie_is_rejected(self, owner, browser):
        """An <img> of a private figure on another site fails, although the browser sends the cookie."""
        figure = await owner.publish()
        path = f"/figures/{figure['id']}.png"
        for site in ("cross-site", "same-site"):
            answer = await browser.with_headers(Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors").get(path)
            assert (answer.status, answer.code) == (403, "cross_site")
        assert (await browser.with_headers(Sec_Fetch_Site="same-origin").get(path)).status == 200

    async def test_link_from_another_site_opens(self, owner, browser):
        """A user who follows a link from another site to the figure's page may see it."""
        figure = await owner.publish()
        fetch = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
        path = f"/figures/{figure['id']}"
        assert (await browser.with_headers(**fetch, Sec_Fetch_Dest="document").get(path)).status == 200
        assert (await browser.with_headers(**fetch, Sec_Fetch_Dest="iframe").get(path)).status == 403

    async def test_unknown_host_is_rejected_everywhere(self, owner, stranger):
        """An unknown host name (DNS rebinding) gets 403 at public addresses too."""
        link = await owner.share(await owner.publish())
        for path in ("/api/status", "/api/figures", "/f/" + link["url"].rpartition("/")[2], "/nothing"):
            answer = await stranger.get(path, {"Host": "evil.example"})
            assert (answer.status, answer.code) == (403, "unknown_host")


class TestKeyHeaders:
    """The headers in which a key is accepted."""

    async def test_bearer_is_accepted(self, stranger, make_key):
        """As ``Authorization: Bearer fsk_…``, with the scheme in any case."""
        for scheme in ("Bearer", "bearer"):
            client = stranger.with_headers(Authorization=f"{scheme} {await make_key('read')}")
            assert (await client.get("/api/figures")).status == 200

    async def test_R36_key_in_query_does_not_work(self, stranger, make_key):
        """A key in a query is not accepted."""
        key = await make_key(*SCOPES)
        for name in ("key", "api_key", "X-API-Key", "token", "access_token"):
            assert (await stranger.get("/api/figures", **{name: key})).status == 401

    @pytest.mark.parametrize("value", ["", " ", "fsk_", "fsk_abcdefgh_short", "Bearer x", "fsk_ABCDEFGH_" + "x" * 43])
    async def test_R36_malformed_key_is_a_bad_key(self, stranger, value):
        """A malformed or an empty key gets 401 with the message of an unknown one."""
        malformed = await stranger.with_headers(X_API_Key=value).get("/api/figures")
        unknown = await stranger.with_headers(X_API_Key="fsk_abcdefgh_" + "x" * 43).get("/api/figures")
        assert (malformed.status, malformed.body) == (401, unknown.body)

    async def test_right_id_with_wrong_secret(self, stranger, make_key):
        """The id of a key is not sufficient."""
        key = await make_key("read")
        assert (await stranger.with_key(key[:-1] + ("a" if key[-1] != "a" else "b")).get("/api/figures")).status == 401

    @pytest.mark.parametrize(
        ("headers", "key"),
        [
            ({}, None),
            ({"X-API-Key": " fsk_a "}, "fsk_a"),
            ({"Authorization": "Bearer fsk_a"}, "fsk_a"),
            ({"Authorization": "Bearer "}, ""),
            ({"Authorization": "Bearer jupyter-token"}, None),
            ({"Authorization": "token fsk_a"}, None),
            ({"X-API-Key": "fsk_a", "Authorization": "token t"}, "fsk_a"),
        ],
    )
    def test_key_is_found(self, headers, key):
        """X-API-Key takes precedence; other kinds of Authorization are left to Jupyter."""
        assert find_key(headers) == key


class TestFailedSecrets:
    """``failed_secret_rate`` limits wrong keys, tokens and links from one IP address."""

    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"failed_secret_rate": "3/hour"}

    async def test_wrong_keys_are_slowed_down_and_right_ones_not(self, stranger, make_key):
        """Beyond the rate, 429 with Retry-After; a valid key from the same address still works."""
        good = stranger.with_key(await make_key("read"))
        wrong = stranger.with_key("fsk_abcdefgh_" + "x" * 43)
        answers = [await wrong.get("/api/figures") for _ in range(4)]
        assert [answer.status for answer in answers] == [401, 401, 401, 429]
        assert answers[3].code == "too_many_wrong_secrets"
        assert 0 < int(answers[3].headers["Retry-After"]) <= 3601
        assert (await good.get("/api/figures")).status == 200

    async def test_wrong_links_count(self, owner, stranger):
        """Guesses at /f/ are limited too; a valid link still opens."""
        link = await owner.share(await owner.publish())
        statuses = [(await stranger.get("/f/" + "x" * 32)).status for _ in range(4)]
        assert statuses == [404, 404, 404, 429]
        assert (await stranger.get(link["image_url"])).status == 200

    async def test_wrong_jupyter_tokens_count(self, owner, stranger):
        """Guesses at Jupyter's token are limited too, in the header and in the query."""
        wrong = stranger.with_headers(Authorization="token wrong")
        statuses = [(await wrong.get("/api/figures")).status for _ in range(2)]
        statuses += [(await stranger.get("/api/figures", token="wrong")).status for _ in range(2)]
        assert statuses == [401, 401, 401, 429]
        assert (await owner.get("/api/figures")).status == 200

    async def test_wrong_tokens_count_where_a_login_is_optional(self, owner, stranger):
        """At addresses that tell a known caller more, and by links for certain people; a right one is not slowed."""
        link = await owner.share(await owner.publish(), audience="me")
        wrong = stranger.with_headers(Authorization="token wrong")
        statuses = [(await wrong.get(path)).status for path in ("/api/status", "/api/openapi.yaml")]
        statuses += [(await wrong.get(link["image_url"])).status for _ in range(2)]
        assert statuses == [200, 200, 401, 429]
        assert (await wrong.get("/api/status")).status == 429
        assert [(await owner.get(path)).status for path in ("/api/status", link["image_url"])] == [200, 200]
        assert (await stranger.get("/api/status")).status == 200

    async def test_wrong_signatures_of_renders_count(self, context, stranger):
        """Guesses at signed code are limited, and a right signature is not."""
        path = f"/render/{pack('1')}.png"
        answers = [await stranger.get(path, sig=sig) for sig in ("", "x", "y", "z")]
        assert [answer.status for answer in answers] == [403, 403, 403, 429]
        assert (await stranger.get(path, sig=context.query_signer.sign(*SIGNED))).status == 200

    async def test_asking_without_a_secret_does_not_count(self, stranger):
        """A request without a secret is not a guess."""
        assert {(await stranger.get("/api/figures")).status for _ in range(6)} == {401}

    async def test_frames_and_oembed_count(self, stranger):
        """Guesses at signed frames and by oEmbed count too."""
        statuses = [(await stranger.get("/frame/x.html")).status for _ in range(2)]
        statuses += [(await stranger.get("/oembed", url="http://x/f/" + "x" * 32)).status for _ in range(2)]
        assert statuses == [404, 404, 404, 429]

    def test_addresses_are_counted_apart(self):
        """Each IP address has its own limit."""
        guesses = FailedAttempts("1/hour")
        guesses.count("192.0.2.1")
        with pytest.raises(TooManyRequests):
            guesses.count("192.0.2.1")
        guesses.count("192.0.2.2")

    def test_addresses_of_one_network_are_one_client(self):
        """A client of IPv6 has as many as it likes."""
        guesses = FailedAttempts("1/hour")
        guesses.count("2001:db8::1")
        with pytest.raises(TooManyRequests):
            guesses.count("2001:db8::2")

    def test_empty_rate_is_without_limit(self):
        """The empty string means no limit."""
        guesses = FailedAttempts("")
        for _ in range(1000):
            guesses.count("192.0.2.1")


class TestOwners:
    """Figures of other owners."""

    async def test_another_owners_figure_is_unknown(self, owner, stranger, make_key):
        """Every operation on it returns the response for a figure that does not exist."""
        figure = await owner.publish()
        link = await owner.share(figure)
        other = stranger.with_key(await make_key("read", "publish", owner="somebody"))
        for method, path, body in (
            ("GET", "/api/figures/{}", None),
            ("GET", "/api/figures/{}?version=1", None),
            ("GET", "/api/figures/{}?version=2", None),
            ("PATCH", "/api/figures/{}", {"title": "Mine"}),
            ("DELETE", "/api/figures/{}", None),
            ("GET", "/api/figures/{}/versions", None),
            ("GET", "/api/figures/{}/links", None),
            ("POST", "/api/figures/{}/links", {}),
            ("GET", "/figures/{}", None),
            ("GET", "/figures/{}.png", None),
            ("GET", "/figures/{}.png?version=1", None),
        ):
            theirs = await other.ask(method, path.format(figure["id"]), body)
            nobodys = await other.ask(method, path.format("A" * 16), body)
            assert (theirs.status, theirs.body) == (404, nobodys.body), path
        for method in ("GET", "PATCH", "DELETE"):
            assert (
                await other.ask(method, f"/api/links/{link['id']}", {} if method == "PATCH" else None)
            ).status == 404
        assert (await other.get("/api/figures")).json()["figures"] == []
        assert (await other.get("/api/links")).json()["links"] == []

    async def test_admin_sees_other_owners(self, owner, stranger, make_key):
        """A key with ``admin`` and ``read`` sees all figures; without ``admin``, only its owner's."""
        await owner.publish()
        keyed = [await make_key("read", "admin", owner="root"), await make_key("read", owner="root")]
        lists = [(await stranger.with_key(key).get("/api/figures")).json()["figures"] for key in keyed]
        assert [len(found) for found in lists] == [1, 0]

    def test_caller_without_scope_is_told_which(self):
        """The error names the missing scope, and what helps."""
        key = Key("k", "", "local", frozenset({"render"}), 1.0)
        with pytest.raises(Forbidden, match=r"lacks the scope read or publish\. Create one"):
            Principal("local", key.scopes, key).check(("read", "publish"))
        with pytest.raises(Forbidden, match=r"no right to publish here\. Only ann can\."):
            Principal("ann", frozenset({"read"}), person="bob", advice="Only ann can.").check(["publish"])


async def test_last_use_of_a_key_is_noted(context, stranger, clock, make_key):
    """The list of keys shows the last use of each, with a resolution of a minute."""
    key = await make_key("read")
    clock.advance(30)
    await stranger.with_key(key).get("/api/figures")
    await asyncio.wrap_future(context.store.catalog.write(lambda connection: None))
    assert keys.find(context.store.catalog.reader, split_key(key)[0]).last_used == clock.now
