"""The server of a JupyterHub's user, whose figures and links are also at the Hub's service."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from tornado import web
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from jupyter_figserve.server.services.sessions.service_client import ServiceClient

from ...raw import connect
from ...sample_images import png

ID = "abcdefghijklmnop"
LINK = "lnkabcdefghijkl"
NEW = ("url", "image_url", "snippets", "note", "local_only", "reach")
"""What only a new link has."""
UNKNOWN = {"error": "The JupyterHub knows no user 'nobdy'.", "code": "unknown_user"}


class Service:
    """Answers each path below ``api`` with a status and JSON, else 404."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {}
        self.asked: list[tuple[str, str, Any]] = []
        self.files: dict[str, tuple[str, bytes]] = {}
        self.figure: dict[str, Any] = {}
        self.link: dict[str, Any] = {}
        service = self

        class Handler(web.RequestHandler):
            def answer(self, path: str) -> None:
                assert self.request.headers["Authorization"] == "token t"
                method, body = str(self.request.method), self.request.body
                is_json = body and self.request.headers["Content-Type"] == "application/json"
                if path in service.files:
                    self.set_header("Content-Type", service.files[path][0])
                    self.finish(service.files[path][1])
                    return
                service.asked.append((method, path, json.loads(body) if is_json else None))
                status, data = service.answers.get((method, path), (404, {"error": "None.", "code": "not_found"}))
                self.set_status(status)
                if data is not None:
                    self.finish(data)

            get = post = patch = delete = answer

        socket, port = bind_unused_port()
        self.url = f"http://127.0.0.1:{port}/services/figserve"
        self.server = HTTPServer(web.Application([(r"/services/figserve/(?:api/)?(.*)", Handler)]))
        self.server.add_socket(socket)


@pytest.fixture
def service(context, owner, jp_asyncio_loop) -> Iterator[Service]:
    """The service, with a figure and a link as ours are."""

    async def start() -> Service:
        service, figure = Service(), await owner.publish("theirs")
        service.figure, service.link = figure | {"id": ID}, await owner.share(figure) | {"id": LINK, "figure": ID}
        return service

    made = jp_asyncio_loop.run_until_complete(start())
    object.__setattr__(context, "service", ServiceClient(made.url, "t", "hub"))
    yield made
    made.server.stop()


async def test_what_is_not_here_is_asked_of_the_service(service: Service, owner):
    """A figure that a kernel has published there, its links, and their changes; with the address of the service."""
    changed = {name: value for name, value in service.link.items() if name not in NEW}
    service.answers = {
        ("GET", f"figures/{ID}"): (200, service.figure),
        ("POST", f"figures/{ID}/links"): (400, UNKNOWN),
        ("PATCH", f"links/{LINK}"): (200, changed),
        ("DELETE", f"links/{LINK}"): (204, None),
    }
    found = await owner.ask("GET", f"/api/figures/{ID}")
    assert (found.status, found.json()) == (200, service.figure | {"server": service.url})
    shared = await owner.post(f"/api/figures/{ID}/links", {"audience": "people", "users": ["nobdy"]})
    assert (shared.status, shared.code) == (400, "unknown_user")
    assert (await owner.patch(f"/api/links/{LINK}", {"label": "x"})).json()["id"] == LINK
    assert (await owner.delete(f"/api/links/{LINK}")).status == 204
    assert service.asked[-2:] == [("PATCH", f"links/{LINK}", {"label": "x"}), ("DELETE", f"links/{LINK}", None)]


async def test_figures_of_this_server_are_shared_by_the_service(service: Service, owner):
    """Others may not open the server of a user; the service checks the names."""
    figure = await owner.publish("sales")
    service.answers = {
        ("POST", "figures"): (201, {"id": ID, "version": 1}),
        ("POST", f"figures/{ID}/links"): (400, UNKNOWN),
    }
    refused = await owner.post(f"/api/figures/{figure['id']}/links", {"audience": "people", "users": ["nobdy"]})
    assert (refused.status, refused.json()) == (400, UNKNOWN)
    service.answers["POST", f"figures/{ID}/links"] = (403, {"error": "For you alone.", "code": "audience_too_wide"})
    refused = await owner.post(f"/api/figures/{figure['id']}/links", {"audience": "hub"})
    assert (refused.status, refused.json()["error"]) == (409, "The JupyterHub's figserve service: For you alone.")
    service.answers["POST", f"figures/{ID}/links"] = (201, service.link)
    shared = await owner.post(f"/api/figures/{figure['id']}/links", {"audience": "hub"})
    assert (shared.status, shared.json()) == (201, service.link | {"server": service.url})
    assert (await owner.get(f"/api/figures/{figure['id']}/links")).json()["links"] == []


async def test_the_dialog_offers_the_audiences_of_the_service(service: Service, context, owner):
    """For figures, whose links the service makes; all other links are this server's. Before it has said: our own."""
    assert await read_options(owner) == ["Only me", "Anyone with the link"]
    context.service.max_audience = "hub"
    assert await read_options(owner) == [
        "Only me",
        "figures: People …",
        "figures: Everyone on this hub",
        "others: Anyone with the link",
    ]
    assert 'data-figures="hub"' in (await owner.get("/")).text


async def read_options(owner) -> list[str]:
    page = (await owner.get("/")).text
    options = re.search(r'<select name="audience".*?</select>', page, re.DOTALL)
    assert options
    found = re.findall(r'<option value="\w+"(?: data-for="(\w+)")?(?: selected)?>([^<]+)<', options[0])
    return [f"{kind}: {text}" if kind else text for kind, text in found]


async def test_lists_and_images_come_from_the_service(service: Service, owner, stranger):
    """The panel of JupyterLab shows them, and a notebook's Markdown an image; documents and other lists do not."""
    image, page = f"figures/{ID}.svg", f"figures/{ID}.html"
    service.files = {image: ("image/svg+xml", b"<svg/>"), page: ("text/html", b"<script>1</script>")}
    service.answers = {("GET", "figures"): (200, {"figures": [service.figure], "next": None})}
    listed = (await owner.get("/api/figures", at="service", q="x")).json()
    assert (listed["figures"][0]["id"], listed["server"]) == (ID, service.url)
    assert "server" not in (await owner.get("/api/figures")).json()
    found = await owner.get(f"/{image}")
    assert (found.status, found.body, found.headers["Content-Type"]) == (200, b"<svg/>", "image/svg+xml")
    assert "sandbox" in found.headers["Content-Security-Policy"]
    assert (await owner.get(f"/{page}")).status == 404
    assert (await stranger.get(f"/{image}")).status == 401


async def test_only_the_user_speaks_through_the_server(service: Service, owner, stranger, make_key):
    """Neither keys, which are of this server alone, nor strangers; what the service does not know is missing."""
    service.answers = {("GET", f"figures/{ID}"): (200, service.figure)}
    keyed = stranger.with_key(await make_key("admin", "publish", "read"))
    assert (await keyed.get(f"/api/figures/{ID}")).status == 404
    assert (await stranger.get(f"/api/figures/{ID}")).status == 401
    assert service.asked == []
    assert (await owner.get(f"/api/links/{LINK}")).code == "not_found"
    assert [path for _, path, _ in service.asked] == [f"links/{LINK}"]


async def test_events_come_from_the_service(service: Service, owner, stranger, make_key):
    """For the user's streams that ask for them, between those of this server; all others have these alone."""
    theirs = b'event: figure.published\ndata: {"figure": "' + ID.encode() + b'"}\n\n'
    service.files = {"events": ("text/event-stream", theirs)}
    keyed = stranger.with_key(await make_key("publish", "read"))
    for client, query, is_relayed in ((owner, "?at=service", True), (owner, "", False), (keyed, "?at=service", False)):
        async with connect(owner.prefix) as connection:
            await connection.send_head("GET", f"/api/events{query}", client.headers)
            assert (await connection.receive_head())[0] == 200
            text = ""
            while "name" not in text or (is_relayed and ID not in text):
                text += (await connection.receive_chunk()).decode()
                if "retry" in text and "name" not in text:
                    await owner.publish("sales", data=png(grey=len(service.asked)))
                    service.asked.append(("", "", None))
        assert ("service.connected" in text, ID in text) == (is_relayed, is_relayed)
