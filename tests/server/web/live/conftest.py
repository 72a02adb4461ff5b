"""A kernel's agent, driven by hand."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from jupyter_figserve.model.kernel_protocol import AGENT_PROTOCOL
from jupyter_figserve.model.keys import KERNEL_SCOPES
from jupyter_figserve.server.services.live.backends.agent_frames import parse_frame

HELLO = {
    "name": "animal", "description": "", "parameters": [], "sizes": ["width", "height", "dpi"], "cache": 0,
    "timeout": 20, "version": None, "is_versioned": False, "digest": "d", "revision": "r",
}  # fmt: skip


def frame(head: Any, body: bytes = b"") -> bytes:
    text = json.dumps(head).encode()
    return len(text).to_bytes(4, "big") + text + body


def hello(*rows: dict[str, Any]) -> bytes:
    return frame({"op": "hello", "protocol": AGENT_PROTOCOL, "announcement": 0, "live": list(rows)})


@dataclass
class Connection:
    """A kernel's end of the connection, driven by hand."""

    socket: WebSocketClientConnection

    async def send(self, data: bytes | str) -> None:
        await self.socket.write_message(data, binary=isinstance(data, bytes))

    async def receive(self) -> dict[str, Any] | None:
        text = await asyncio.wait_for(self.socket.read_message(), 20)
        return None if text is None else json.loads(text)

    async def receive_frame(self) -> tuple[dict[str, Any], bytes]:
        """Return head and body of a request with a body."""
        data = await asyncio.wait_for(self.socket.read_message(), 20)
        assert isinstance(data, bytes)
        return parse_frame(data)

    async def offer(self, *rows: dict[str, Any]) -> dict[str, Any]:
        await self.send(hello(*rows))
        welcome = await self.receive()
        assert welcome is not None
        return welcome["live"]

    async def answer(self, call: dict[str, Any], body: bytes = b"", **head: Any) -> None:
        default = {"op": "answer", "rid": call["rid"], "mimetype": "image/png", "width": 3, "height": 2, "dpi": 100}
        await self.send(frame(default | head, body))


@pytest.fixture
def dial(stranger, make_key):
    """Open the connection with these headers, or as a kernel of this id."""

    @asynccontextmanager
    async def connect(kernel: str = "k1", headers: dict[str, str] | None = None):
        if headers is None:
            headers = {"X-API-Key": await make_key(*KERNEL_SCOPES, kernel=kernel)}
        url = stranger.prefix.replace("http", "ws", 1) + "/api/agent"
        socket = await websocket_connect(HTTPRequest(url, headers=headers))
        try:
            yield Connection(socket)
        finally:
            socket.close()

    return connect
