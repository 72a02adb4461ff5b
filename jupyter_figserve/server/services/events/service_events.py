"""Events of the JupyterHub's service, for the open streams of its user's server. The user's server process.

However many streams are open here, the service has one for them, and none while no stream is open here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from ....model.events import Event
from .subscriber import Subscriber

CONNECTED = "service.connected"
"""The service answers, for the first time or again: what was missed meanwhile is not told."""
CONNECTION_SECONDS = 60.0
"""How long a connection lasts before it is renewed, so that a service that is silent is noticed."""
MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 1.0, 60.0
_CONNECT_SECONDS = 5.0
_MAX_BLOCK_BYTES = 64 * 2**10
_HEADS = ("http/1.1 200", "content-type: text/event-stream")
"""Beginnings of lines of a response that has the stream."""
_PASSED_ON = ("figure.", "dashboard.")
"""Beginnings of the kinds of events that are passed on: of what is stored there."""


class ServiceEvents:
    """Follows the service's stream, and offers its events to subscribers.

    Parameters
    ----------
    url
        Address of the service.
    headers
        What identifies the user there.
    ca_file
        Certificates to trust; None for the system's.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        ca_file: str | None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._url = f"{url}/api/events"
        self._headers = dict(headers)
        self._ca_file = ca_file
        self._sleep = sleep
        self._subscribers: set[Subscriber] = set()
        self._following: asyncio.Task[None] | None = None
        self._is_connected = False
        self._last_id = ""

    @contextlib.contextmanager
    def passed_on_to(self, subscriber: Subscriber) -> Iterator[None]:
        """Offer the events to a subscriber, while this context lasts."""
        self._subscribers.add(subscriber)
        if self._following is None or self._following.done():
            self._following = asyncio.ensure_future(self._follow())
        elif self._is_connected:
            subscriber.offer(_connected())
        try:
            yield
        finally:
            self._subscribers.discard(subscriber)

    def close(self) -> None:
        if self._following is not None:
            self._following.cancel()

    async def _follow(self) -> None:
        """Connect again whenever a connection ends, after a pause that doubles while the service does not answer."""
        pause, self._last_id = MIN_PAUSE_SECONDS, ""
        while self._subscribers:
            if await self._read_stream():
                pause = MIN_PAUSE_SECONDS
            else:
                self._is_connected = False
                pause = min(2 * pause, MAX_PAUSE_SECONDS)
            await self._sleep(pause)
        self._is_connected = False

    async def _read_stream(self) -> bool:
        """Read one connection until it ends; return whether the service has answered with its stream."""
        blocks = _Blocks()
        heads: set[str] = set()

        def is_stream() -> bool:
            return len(heads) == len(_HEADS) and not blocks.is_broken

        def read_header(line: str) -> None:
            heads.update(head for head in _HEADS if line.lower().startswith(head))

        def read_body(data: bytes) -> None:
            if not is_stream():
                return
            self._note_answer()
            for fields in blocks.split(data):
                self._last_id = fields.get("id", self._last_id)
                self._pass_on(fields)

        http = AsyncHTTPClient(force_instance=True)
        fetching = http.fetch(self._make_request(read_header, read_body), raise_error=False)
        # It ends in an error at the latest after its time; when this is cancelled, by itself.
        fetching.add_done_callback(lambda future: future.cancelled() or future.exception())
        try:
            await asyncio.wait({fetching})
        finally:
            http.close()
        return is_stream()

    def _make_request(self, read_header: Any, read_body: Any) -> HTTPRequest:
        # The service replays what came while there was no connection.
        last = {"Last-Event-ID": self._last_id} if self._last_id else {}
        return HTTPRequest(
            self._url,
            headers={**self._headers, "Accept": "text/event-stream"} | last,
            connect_timeout=_CONNECT_SECONDS,
            request_timeout=CONNECTION_SECONDS,
            follow_redirects=False,
            ca_certs=self._ca_file,
            header_callback=read_header,
            streaming_callback=read_body,
        )

    def _note_answer(self) -> None:
        if not self._is_connected:
            self._is_connected = True
            self._offer(_connected())

    def _pass_on(self, fields: Mapping[str, str]) -> None:
        kind = fields.get("event", "")
        if not kind.startswith(_PASSED_ON):
            return
        with contextlib.suppress(ValueError):
            data = json.loads(fields.get("data", ""))
            if isinstance(data, dict):
                self._offer(Event(0, 0.0, "", kind, data))

    def _offer(self, event: Event) -> None:
        for subscriber in self._subscribers:
            if not subscriber.is_half_full:
                subscriber.offer(event)


class _Blocks:
    """Splits a stream into blocks and these into fields; broken once a block is too long."""

    def __init__(self) -> None:
        self._rest = b""
        self.is_broken = False

    def split(self, data: bytes) -> Iterator[dict[str, str]]:
        *blocks, self._rest = (self._rest + data).split(b"\n\n")
        self.is_broken = max(map(len, (*blocks, self._rest))) > _MAX_BLOCK_BYTES
        if self.is_broken:
            self._rest = b""
            return
        for block in blocks:
            lines = (line.partition(": ") for line in block.decode("utf-8", "replace").split("\n"))
            yield {name: value for name, _, value in lines if name}


def _connected() -> Event:
    return Event(0, 0.0, "", CONNECTED, {})
