"""Raw connections to the server, for incomplete requests and endless streams."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from tornado.httputil import HTTPHeaders

from .. import contract

DEADLINE = 20.0


class Connection:
    """Writes bytes; reads the response's head, lines and rest, each within a deadline."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: str) -> None:
        self._reader = reader
        self._writer = writer
        self._host, self._path = urlsplit(url).netloc, urlsplit(url).path

    async def send_head(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        lines = [f"{method} {self._path}{path} HTTP/1.1", f"Host: {self._host}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        await self.send("\r\n".join(lines).encode() + b"\r\n\r\n")

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await asyncio.wait_for(self._writer.drain(), DEADLINE)

    async def send_until_refused(self, data: bytes, most: int) -> int:
        """Send ``data`` repeatedly until a response begins; return the number of bytes sent, at most ``most``."""
        sent = 0
        answer = asyncio.ensure_future(self._reader.readuntil(b"\r\n"))
        with contextlib.suppress(ConnectionError):
            while not answer.done() and sent < most:
                await self.send(data)
                sent += len(data)
                await asyncio.sleep(0)
        self._first = await asyncio.wait_for(answer, DEADLINE)
        return sent

    async def send_until_closed(self, data: bytes, most: int) -> int:
        """Send ``data`` repeatedly until the server closes; return the number of bytes sent, at most ``most``."""
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < most:
                await self.send(data)
                sent += len(data)
                await asyncio.sleep(0)
        return sent

    _first: bytes | None = None

    async def receive_head(self) -> tuple[int, HTTPHeaders]:
        first, self._first = self._first or await self._line(), None
        text = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), DEADLINE)
        return int(first.split()[1]), HTTPHeaders.parse(text.decode())

    async def receive_body(self, headers: HTTPHeaders) -> bytes:
        return await asyncio.wait_for(self._reader.readexactly(int(headers["Content-Length"])), DEADLINE)

    async def receive_chunk(self) -> bytes:
        """Return the next chunk of a chunked response; empty at its end."""
        size = await self._line()
        if not size:
            return b""
        chunk = await asyncio.wait_for(self._reader.readexactly(int(size, 16)), DEADLINE)
        await self._line()
        return chunk

    async def is_closed(self) -> bool:
        """Whether the server closes the connection, after any response."""
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(self._reader.read(), DEADLINE)
        return self._reader.at_eof() or self._reader.exception() is not None

    async def _line(self) -> bytes:
        return await asyncio.wait_for(self._reader.readline(), DEADLINE)


@contextlib.asynccontextmanager
async def connect(prefix: str, *, unread: bool = False) -> AsyncIterator[Connection]:
    """Connect to the server of this prefix; paths are relative to it.

    Parameters
    ----------
    unread
        Whether the client has small buffers, and does not read ahead.
    """
    parts = urlsplit(prefix)
    client = socket.create_connection((parts.hostname, parts.port))
    if unread:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=client, limit=1024 if unread else 2**16)
    try:
        yield Connection(reader, writer, prefix)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def answer_of(
    connection: Connection, path: str = "/api/figures", method: str = "POST"
) -> tuple[int, dict[str, Any]]:
    """Receive the answer to a request that was sent; return its status and its JSON."""
    status, headers = await connection.receive_head()
    body = await connection.receive_body(headers)
    contract.check(method, path.partition("?")[0], status, headers, body)
    return status, json.loads(body)
