"""A user's server registers its kernels with the service."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from tornado import web
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from jupyter_figserve.server.services.sessions.service_client import ServiceClient
from tests.waiting import until

KEY = "fsk_abcdefgh_" + "k" * 43


class Service:
    """The service's part of the protocol; ``status`` is that of its responses."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str, dict[str, Any]]] = []
        self.status = 201
        self.max_audience = "link"
        self.asked = 0
        service = self

        class Handler(web.RequestHandler):
            def answer(self, kernel: str) -> None:
                assert self.request.headers["Authorization"] == "token t"
                body = json.loads(self.request.body or b"{}")
                service.received.append((str(self.request.method), kernel, body))
                self.set_status(service.status)
                self.finish({"id": kernel, "key": KEY} if service.status < 300 else {"error": "No scope.", "code": "x"})

            put = delete = post = answer

            def get(self, path: str) -> None:
                assert path == "status"
                service.asked += 1
                self.finish({"limits": {"max_audience": service.max_audience}})

        self.socket, port = bind_unused_port()
        self.url = f"http://127.0.0.1:{port}/services/figserve"
        self.server = HTTPServer(web.Application([(r"/services/figserve/api/(?:kernels/)?(.*)", Handler)]))
        self.server.add_sockets([self.socket])


async def test_kernel_is_registered_renewed_followed_and_ended():
    """Each request names the scope; later ones have the key."""
    service = Service()
    client = ServiceClient(service.url, "t", "hub gpu")
    pair = await client.register("k")
    assert (pair.url, pair.key) == (service.url, KEY)
    client.follow("k", "a.ipynb")
    client.follow("k", "a.ipynb")
    await until(lambda: len(service.received) == 2)
    await client.renew_all()
    client.end("k")
    await until(lambda: len(service.received) == 4)
    first = {"scope": "hub gpu", "notebook": "", "renamed_from": ""}
    later = first | {"notebook": "a.ipynb", "key": KEY}
    assert service.received == [("PUT", "k", first), ("PUT", "k", later), ("PUT", "k", later), ("DELETE", "k", {})]
    client.follow("k", "b.ipynb")
    await client.renew_all()
    assert len(service.received) == 4
    await client.close()
    service.server.stop()


async def test_rename_is_repeated_until_it_is_known():
    """The service has moved nothing while it did not answer."""
    service = Service()
    client = ServiceClient(service.url, "t", "hub")
    await client.register("k")
    service.status = 503
    for old, new in (("", "a.ipynb"), ("a.ipynb", "b.ipynb"), ("b.ipynb", "c.ipynb")):
        client.follow("k", new, old)
    await until(lambda: len(service.received) == 4)
    service.status = 200
    await client.renew_all()
    await client.renew_all()
    sent = [(body["notebook"], body["renamed_from"]) for _, _, body in service.received[-2:]]
    assert sent == [("c.ipynb", "a.ipynb"), ("c.ipynb", "")]
    await client.close()
    service.server.stop()


async def test_kernels_publish_to_their_own_server_without_the_service(caplog):
    """The reason is logged once, in the service's words."""
    service = Service()
    client = ServiceClient(service.url, "t", "hub")
    service.status = 403
    with caplog.at_level(logging.WARNING):
        assert [await client.register(name) for name in "ab"] == [None, None]
    (line,) = [one.getMessage() for one in caplog.records if "cannot be used" in one.getMessage()]
    assert "No scope." in line
    client.follow("a", "a.ipynb")
    await client.renew_all()
    assert len(service.received) == 2
    await client.close()
    service.server.stop()


async def test_start_of_a_kernel_waits_two_seconds_at_most(monkeypatch):
    """For a service that accepts connections and never answers."""
    monkeypatch.setattr("jupyter_figserve.server.services.sessions.service_client.REGISTER_SECONDS", 0.1)
    socket, port = bind_unused_port()
    client = ServiceClient(f"http://127.0.0.1:{port}", "t", "hub")
    assert await asyncio.wait_for(client.register("k"), 10) is None
    await client.close()
    socket.close()


async def test_close_ends_all_kernels():
    """A server takes its kernels along."""
    service = Service()
    client = ServiceClient(service.url, "t", "hub")
    for name in "ab":
        await client.register(name)
    await client.close()
    assert sorted(name for method, name, _ in service.received if method == "DELETE") == ["a", "b"]
    service.server.stop()


async def test_close_waits_for_what_is_being_told():
    """A kernel that ended, and a notebook that moved, just before the server."""
    service = Service()
    client = ServiceClient(service.url, "t", "hub")
    await client.register("a")
    client.end("a")
    client.move("old.ipynb", "new.ipynb")
    await client.close()
    assert sorted((method, name) for method, name, _ in service.received[1:]) == [
        ("DELETE", "a"),
        ("POST", "notebooks/move"),
    ]
    service.server.stop()


async def test_moves_are_repeated_in_order_until_they_are_known():
    """A notebook that no kernel has is moved at the service too; one that the service refuses holds up none."""
    service = Service()
    client = ServiceClient(service.url, "t", "hub")
    service.status = 503
    client.move("a.ipynb", "b.ipynb")
    client.move("b.ipynb", "c.ipynb")
    await until(lambda: len(service.received) >= 2)
    service.status = 400
    await client.renew_all()
    service.status = 201
    client.move("c.ipynb", "d.ipynb")
    await until(lambda: not client._moves)
    assert {path for _, path, _ in service.received} == {"notebooks/move"}
    moves = [(body["from"], body["to"]) for _, _, body in service.received]
    assert moves == [("a.ipynb", "b.ipynb")] * 3 + [("b.ipynb", "c.ipynb"), ("c.ipynb", "d.ipynb")]
    assert service.received[0][2]["scope"] == "hub"
    await client.close()
    service.server.stop()


async def test_the_service_says_for_whom_links_may_be():
    """It is asked again with the renewals until it has said so, and then for ten minutes no more."""
    service = Service()
    service.max_audience = "everyone"
    client = ServiceClient(service.url, "t", "hub")
    client.open()
    await until(lambda: service.asked == 1)
    assert client.max_audience is None
    service.max_audience = "people"
    await client.renew_all()
    await client.renew_all()
    assert (client.max_audience, service.asked) == ("people", 2)
    await client.close()
    service.server.stop()
