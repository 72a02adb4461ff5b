"""Opens the agent's WebSocket: TLS as for HTTP, Unix sockets, and name resolution in the agent's thread. Kernel."""

from __future__ import annotations

import json
import logging
import socket
import ssl
from typing import Any

from ..client.address import UNIX, Address
from ..client.client import FigServeClient
from ..client.source_uploader import MAX_SOURCE_BYTES
from ..client.tls import explain_certificate, make_tls_context

THREAD = "figserve-agent"
_MAX_MESSAGE_BYTES = 2**20 + MAX_SOURCE_BYTES
"""A request with a source to draw; others are short."""
_PING_SECONDS = 30.0
_CONNECT_TIMEOUT = 10.0


def mute_tornado() -> None:
    """Drop what tornado logs in the agent's thread, such as each failed TLS handshake.

    IPython would print it into the user's cell; the agent reports failures itself.
    """
    logging.getLogger("tornado.general").addFilter(_is_of_another_thread)


def _is_of_another_thread(record: logging.LogRecord) -> bool:
    return record.threadName != THREAD


def explain_failure(error: Exception, address: Address) -> str:
    """Return why the socket cannot be opened, as the rest of a sentence about the server."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return explain_certificate(address, error).removesuffix(".")
    code = getattr(error, "code", None)
    if code in (401, 403):
        return "it rejects this kernel's key; restart the kernel"
    if code == 404:
        return "it does not support live figures"
    return f"it cannot be reached ({error or type(error).__name__})"


async def open_socket(client: FigServeClient) -> Any:
    """Open the WebSocket with the credential of a client, under its rules for certificates."""
    from tornado.httpclient import HTTPRequest
    from tornado.websocket import websocket_connect

    address = client.address
    scheme = "wss" if address.scheme == "https" else "ws"
    host = f"[{address.host}]" if ":" in address.host else address.host
    where = "localhost" if address.scheme == UNIX else f"{host}:{address.port}"
    request = HTTPRequest(
        f"{scheme}://{where}{address.prefix}/api/agent",
        headers=client.credential,
        ssl_options=make_tls_context(address, client.ca_file) if address.scheme == "https" else None,
        connect_timeout=_CONNECT_TIMEOUT,
        request_timeout=_CONNECT_TIMEOUT,
    )
    return await websocket_connect(
        request,
        max_message_size=_MAX_MESSAGE_BYTES,
        # A server that vanished without closing the connection is noticed.
        ping_interval=_PING_SECONDS,
        resolver=_make_resolver(address),
    )


def split_message(message: str | bytes) -> tuple[dict[str, Any], bytes]:
    """Split a message of the server into head and body."""
    if isinstance(message, str):
        return json.loads(message), b""
    end = 4 + int.from_bytes(message[:4], "big")
    return json.loads(message[4:end]), message[end:]


def ignore_failure(future: Any) -> None:
    """Keep asyncio from printing the failure into the user's cell; the connection's end is noticed when reading."""
    if not future.cancelled():
        future.exception()


def _make_resolver(address: Address) -> Any:
    """Return a resolver that runs in this thread: tornado's uses an executor, which would delay Python's exit."""
    from tornado.netutil import Resolver

    class InThread(Resolver):
        def initialize(self) -> None:
            """Nothing to set up."""

        async def resolve(
            self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
        ) -> list[tuple[int, Any]]:
            if address.scheme == UNIX:
                return [(socket.AF_UNIX, address.host)]
            found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
            return [(int(kind), place) for kind, _, _, _, place in found]

    return InThread()
