"""A shared dashboard with many viewers: memory of each on the server, and time until a publish reaches the last.

Directly, and behind a real nginx. Besides the idle viewers there are active ones, who fetch each new image.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import psutil

from jupyter_figserve.demo.server_process import ServerProcess

from . import servers
from .event_streams import allow_files
from .nginx import nginx
from .report import Row
from .scale import Scale

_FIRST = 20
_PATIENCE = 60
_SPARE_FILES = 400
_NAME = "sightings"
_BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "en-GB,en;q=0.9",
    "Connection": "keep-alive",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Site": "same-origin",
}


@dataclass(frozen=True)
class _Figures:
    """Bytes per viewer, seconds until all have the event, and until the active viewers have the image."""

    each: float
    received: float
    seen: float


def measure(home: Path, scale: Scale) -> Iterator[Row]:
    # Each viewer is an open file in both processes, and two in nginx; both inherit the limit.
    allow_files(2 * (scale.clients + scale.active) + _SPARE_FILES)
    for way in ("directly", "behind nginx"):
        place = home / way.replace(" ", "-")
        place.mkdir()
        arguments = [f"--FigServe.link_streams={2 * (_FIRST + scale.clients + scale.active)}"]
        with servers.jupyter(place, arguments=arguments) as server:
            if way == "directly":
                figures = asyncio.run(_Viewers(server, server.url).measure(scale))
            else:
                with nginx(place, server.url) as front:
                    figures = asyncio.run(_Viewers(server, front).measure(scale))
        yield from _rows(way, figures, scale)


def _rows(way: str, figures: _Figures, scale: Scale) -> Iterator[Row]:
    viewers = f"{scale.clients:,} viewers of a dashboard {way}"
    note = f"all viewers in one process here, {scale.active} of them fetching each new image of 25 KB"
    yield Row(f"{viewers}: memory of each", figures.each / 1024, None, "KB", 20, against="nothing")
    yield Row(f"{viewers}: publish reaches all", figures.received, None, "s", 0.5, against="nothing", note=note)
    yield Row(f"{scale.active} active viewers {way}: all have the image", figures.seen, None, "s")


class _Viewers:
    """Viewers of one dashboard through its link, on the server ``front``."""

    def __init__(self, server: ServerProcess, front: str) -> None:
        self.server = server
        self.process = psutil.Process(server.pid)
        self.netloc = urlsplit(front).netloc
        self.headers = "".join(f"{name}: {value}\r\n" for name, value in _BROWSER.items())
        self.streams: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.path = f"{urlsplit(_share(server)).path}/events"
        self.version = 1

    async def measure(self, scale: Scale) -> _Figures:
        await self._connect(_FIRST)
        await self._publish(0)
        before = self.process.memory_info().rss
        await self._connect(scale.clients)
        each = (self.process.memory_info().rss - before) / scale.clients
        await self._connect(scale.active)
        times = [await self._publish(scale.active) for _ in range(scale.deliveries)]
        for _, writer in self.streams:
            writer.close()
        return _Figures(each, *(statistics.median(column) for column in zip(*times, strict=True)))

    async def _connect(self, count: int) -> None:
        """Connect more clients, and return when each has received its first event."""
        async with asyncio.timeout(_PATIENCE):
            for _ in range(count):
                reader, writer = await self._request(self.path, "text/event-stream")
                self.streams.append((reader, writer))
                await _read_event(reader, self.version)

    async def _request(self, path: str, accept: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Send a request and read the response's head."""
        host, _, port = self.netloc.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {self.netloc}\r\nAccept: {accept}\r\n{self.headers}\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        return reader, writer

    async def _publish(self, active: int) -> tuple[float, float]:
        """Return seconds until the last viewer has the event, and until the active ones have the image."""
        async with asyncio.timeout(_PATIENCE):
            self.version += 1
            data = servers.make_png(zlib.crc32(f"{self.path} {self.version}".encode()))
            received = [asyncio.ensure_future(_read_event(reader, self.version)) for reader, _ in self.streams]
            seen = [asyncio.ensure_future(self._fetch(one, len(data))) for one in received[len(received) - active :]]
            start = time.perf_counter()
            await asyncio.to_thread(servers.publish, self.server, data, _NAME)
            await asyncio.gather(*received)
            delivered = time.perf_counter() - start
            await asyncio.gather(*seen)
            return delivered, time.perf_counter() - start

    async def _fetch(self, received: asyncio.Future[dict[str, Any]], size: int) -> None:
        """Fetch the image that an event names, as a page does."""
        path = urljoin(self.path, (await received)["src"])
        reader, writer = await self._request(path, "image/avif,image/webp,image/png,*/*;q=0.8")
        await reader.readexactly(size)
        writer.close()


async def _read_event(reader: asyncio.StreamReader, version: int) -> dict[str, Any]:
    """Read until the event of the panel's new version, skipping heartbeats."""
    while True:
        text = (await reader.readuntil(b"\n\n")).decode()
        if "event: panel" in text:
            panel: dict[str, Any] = json.loads(text.partition("data: ")[2].partition("\n")[0])
            if panel["version"] == version:
                return panel


def _share(server: ServerProcess) -> str:
    """Create a link to a dashboard of one figure and text."""
    figure = servers.publish(server, servers.make_png(), _NAME)
    rows = [[{"kind": "figure", "figure": figure["id"]}, {"kind": "text", "markdown": "## Notes"}]]
    body = {"name": "dashboard", "title": "Sightings", "rows": rows}
    dashboard = servers.json_of(server.fetch("figserve/api/dashboards", method="POST", body=body))
    link = server.fetch(f"figserve/api/dashboards/{dashboard['id']}/links", method="POST", body={})
    return str(servers.json_of(link)["url"])
