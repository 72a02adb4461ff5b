"""Many idle clients of the event stream: memory per client, and time until a publish reaches the last."""

from __future__ import annotations

import asyncio
import resource
import statistics
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from jupyter_figserve.demo.server_process import ServerProcess

from . import servers
from .report import Row
from .scale import Scale

_FIRST = 20
_PATIENCE = 60
_SPARE_FILES = 200
_BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "Accept": "text/event-stream",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "en-GB,en;q=0.9",
    "Cache-Control": "no-cache",
    "Connection": "keep-alive",
    "Sec-Fetch-Dest": "empty",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Site": "same-origin",
}
"""The request of a gallery's page, with its cookie."""


def measure(home: Path, scale: Scale) -> Iterator[Row]:
    # Each client is an open file in both processes; the server inherits the limit.
    allow_files(scale.clients + _SPARE_FILES)
    with servers.jupyter(home) as server:
        each, seconds = asyncio.run(_Clients(server).measure(scale))
    clients = f"{scale.clients:,} idle event streams"
    yield Row(f"{clients}: memory of each", each / 1024, None, "KB", 20, against="nothing")
    note = "from before the publish request until the last client has the event, all clients in one process here"
    yield Row(f"{clients}: publish reaches all", seconds, None, "s", 0.5, against="nothing", note=note)


class _Clients:
    """Clients of one server."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.process = psutil.Process(server.pid)
        self.headers = "".join(f"{name}: {value}\r\n" for name, value in (_BROWSER | servers.login(server)).items())
        self.streams: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def measure(self, scale: Scale) -> tuple[float, float]:
        """Return bytes of resident memory per client, and median seconds until all have the event."""
        await self._connect(_FIRST)
        await self._publish("first")
        before = self.process.memory_info().rss
        await self._connect(scale.clients)
        each = (self.process.memory_info().rss - before) / scale.clients
        times = [await self._publish(f"figure-{number}") for number in range(scale.deliveries)]
        for _, writer in self.streams:
            writer.close()
        return each, statistics.median(times)

    async def _connect(self, count: int) -> None:
        """Connect more clients, and return when each has received its first event."""
        async with asyncio.timeout(_PATIENCE):
            for _ in range(count):
                await self._connect_one()

    async def _connect_one(self) -> None:
        address = urlsplit(self.server.url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        self.streams.append((reader, writer))
        writer.write(
            f"GET {address.path}figserve/api/events HTTP/1.1\r\nHost: {address.netloc}\r\n{self.headers}\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        await reader.readuntil(b"\n\n")

    async def _publish(self, name: str) -> float:
        """Return seconds from the request until the last client has the event."""
        async with asyncio.timeout(_PATIENCE):
            data = servers.make_png(zlib.crc32(name.encode()))
            received = [asyncio.ensure_future(_read_event(reader)) for reader, _ in self.streams]
            start = time.perf_counter()
            await asyncio.to_thread(servers.publish, self.server, data, name)
            await asyncio.gather(*received)
            return time.perf_counter() - start


async def _read_event(reader: asyncio.StreamReader) -> None:
    """Read until the event of a publish, skipping heartbeats."""
    while b"event: figure.published" not in await reader.readuntil(b"\n\n"):
        pass


def allow_files(count: int) -> None:
    """Raise the limit of open files of this process and its children."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))
