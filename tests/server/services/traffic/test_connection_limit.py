"""The number of connections is limited, and clients share it."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from jupyter_figserve.server.services.traffic.connection_limit import ConnectionLimit, default_max_connections


class _Handler(RequestHandler):
    def get(self) -> None:
        self.finish("here")


class Client:
    """A connection of an address, kept open after its request."""

    def __init__(self, port: int, address: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20, source_address=(address, 0))

    def asks(self) -> bool:
        """Whether a request is answered on the connection, which is not opened again."""
        try:
            self._connection.request("GET", "/")
            self._connection.auto_open = 0
            return self._connection.getresponse().read() == b"here"
        except (OSError, http.client.HTTPException):
            return False

    def close(self) -> None:
        self._connection.close()


@asynccontextmanager
async def serving(scene: Callable[[Callable[[str], Client]], None]) -> AsyncIterator[asyncio.Future[None]]:
    """Run clients in a thread, against a server of three connections."""
    socket, port = bind_unused_port()
    server, clients = HTTPServer(Application([("/", _Handler)])), contextlib.ExitStack()
    ConnectionLimit(3).install(server)
    server.add_socket(socket)

    def connect(address: str) -> Client:
        return clients.enter_context(contextlib.closing(Client(port, address)))

    try:
        yield asyncio.ensure_future(asyncio.to_thread(scene, connect))
    finally:
        clients.close()
        server.stop()
        await server.close_all_connections()


async def test_kind_C2_one_client_cannot_hold_all_connections():
    """Another one gets a place at once; the first loses its newest connection, and gets no further one."""

    def scene(connect: Callable[[str], Client]) -> None:
        greedy = [connect("127.0.0.1") for _ in range(4)]
        assert [client.asks() for client in greedy] == [True, True, True, False]
        visitor = connect("127.0.0.2")
        assert [client.asks() for client in (visitor, *greedy[:3])] == [True, True, True, False]

    async with serving(scene) as done:
        await done


async def test_closed_connections_leave_room():
    """What a client has closed counts no longer, once the server knows."""

    def scene(connect: Callable[[str], Client]) -> None:
        clients = [connect("127.0.0.1") for _ in range(3)]
        assert [client.asks() for client in clients] == [True, True, True]
        clients[0].close()
        assert any(connect("127.0.0.1").asks() for _ in range(100))

    async with serving(scene) as done:
        await done


def test_default_leaves_files_for_everything_else():
    """Such as the catalog, blobs and the pipes of the sandbox."""
    assert 100 <= default_max_connections() <= 75_000
