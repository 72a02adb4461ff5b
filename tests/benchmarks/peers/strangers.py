"""Strangers who do their worst with one address, in a process of their own: ``python -m … KIND COUNT SECONDS URL``.

It prints a line when all of them have begun, and the counts of what they received when its standard input ends, or
after ``SECONDS`` at the latest.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import secrets
import socket
import sys
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit

FORMATS = ("svg", "png", "jpg", "webp")
SIDES = range(300, 900, 20)
_PAUSE_SECONDS = 0.05
"""After a refusal, so that the load is what the server lets in."""
_MAX_REQUESTS = 100_000
_HOLD_SECONDS = 5.0
_SMALL_BUFFER = 4_096
_BODY = b"x" * 200_000


class Strangers:
    """Clients of one link, each with one request after the other, on a new connection after each failure."""

    def __init__(self, kind: str, url: str) -> None:
        self._parts = urlsplit(url)
        self._numbers = itertools.count(random.randrange(10**6) * 1_000)
        self._act = self._hold if kind in ("streams", "slow readers") else self._request
        self._make: Callable[[], bytes] = getattr(self, f"_make_{kind.replace(' ', '_')}")
        self.results: Counter[str] = Counter()
        self._begun = 0
        self.all_begun = asyncio.Event()

    async def run(self, count: int, stop: asyncio.Event) -> None:
        tasks = [asyncio.ensure_future(self._run_one(count)) for _ in range(count)]
        await stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run_one(self, count: int) -> None:
        is_first = True
        while self.results.total() < _MAX_REQUESTS:
            try:
                await self._connect()
            except (OSError, asyncio.IncompleteReadError, ValueError) as error:
                self.results[type(error).__name__] += 1
                await asyncio.sleep(_PAUSE_SECONDS)
            finally:
                if is_first:
                    is_first = False
                    self._begun += 1
                    if self._begun == count:
                        self.all_begun.set()

    async def _connect(self) -> None:
        client = socket.socket()
        client.setblocking(False)
        if self._act == self._hold:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        await asyncio.get_running_loop().sock_connect(client, (self._parts.hostname, self._parts.port))
        reader, writer = await asyncio.open_connection(sock=client, limit=2**16)
        try:
            await self._act(reader, writer)
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(20):
            writer.write(self._make())
            status = await _read_response(reader)
            self.results[status] += 1
            if status >= "400":
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send a request, and read no more than its first bytes."""
        writer.write(self._make())
        first = await reader.readexactly(12)
        self.results[first[-3:].decode()] += 1
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(_HOLD_SECONDS)

    def _make_live(self) -> bytes:
        return self._get(f".png?n={next(self._numbers)}")

    def _make_redraws(self) -> bytes:
        number = next(self._numbers)
        size = f"width={random.choice(SIDES)}&height={random.choice(SIDES)}"
        return self._get(f".{FORMATS[number % len(FORMATS)]}?{size}")

    def _make_stored(self) -> bytes:
        return self._get(".png")

    def _make_pages(self) -> bytes:
        return self._get("", "Accept: text/html\r\n")

    def _make_streams(self) -> bytes:
        return self._get("/events")

    _make_slow_readers = _make_stored

    def _make_wrong_tokens(self) -> bytes:
        path = self._parts.path.rpartition("/")[0]
        return self._head("GET", f"{path}/{secrets.token_urlsafe(24)}")

    def _make_posts(self) -> bytes:
        kind = next(self._numbers) % 2
        path = self._parts.path if kind else self._parts.path.partition("/f/")[0] + "/api/figures?name=theirs"
        head = f"Content-Type: image/png\r\nContent-Length: {len(_BODY)}\r\n"
        return self._head("POST", path, head) + _BODY

    def _get(self, suffix: str, head: str = "") -> bytes:
        return self._head("GET", self._parts.path + suffix, head)

    def _head(self, method: str, path: str, head: str = "") -> bytes:
        return f"{method} {path} HTTP/1.1\r\nHost: {self._parts.netloc}\r\n{head}\r\n".encode()


async def _read_response(reader: asyncio.StreamReader) -> str:
    """Read a whole response; return its status."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = head.partition("content-length:")[2].partition("\r\n")[0].strip()
    if not length:
        raise ConnectionError("without a length")
    await reader.readexactly(int(length))
    if "connection: close" in head:
        raise ConnectionError(head[9:12])
    return head[9:12]


async def main(kind: str, count: str, seconds: str, url: str) -> None:
    strangers, stop = Strangers(kind, url), asyncio.Event()
    running = asyncio.ensure_future(strangers.run(int(count), stop))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(strangers.all_begun.wait(), 20)
    print("begun", flush=True)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.to_thread(sys.stdin.readline), float(seconds))
    stop.set()
    await running
    print(json.dumps(strangers.results), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
