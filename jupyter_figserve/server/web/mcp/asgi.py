"""Calls the ASGI application of the protocol's SDK with a request of Tornado. Server process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tornado import httputil

Application = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass
class AsgiResponse:
    """A response, whole."""

    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


async def call_application(application: Application, request: httputil.HTTPServerRequest, body: bytes) -> AsgiResponse:
    """Return the response of an application.

    Source: asgi.readthedocs.io, "HTTP & WebSocket protocol".
    """
    response, chunks = AsgiResponse(), [body]

    async def receive() -> dict[str, Any]:
        # A second call asks whether the client is still there; the handler cancels everything when it is not.
        return {"type": "http.request", "body": chunks.pop() if chunks else b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            response.status = message["status"]
            response.headers = {
                name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message["headers"]
            }
        elif message["type"] == "http.response.body":
            response.body += message.get("body", b"")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.protocol,
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in request.headers.get_all()],
        "client": None,
        "server": None,
    }
    await application(scope, receive, send)
    return response
