"""One HTTP request to a render worker, which shows when the worker begins to answer and ends when it is cancelled.

Server process. Tornado's client connection is used directly: its ``AsyncHTTPClient`` keeps the connection of a
cancelled request open, and a worker would finish a job that nobody waits for.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

from .remote_renderer import NotReached

_MAX_HEADER_BYTES = 16_384


class AnswerLost(Exception):
    """The connection was lost after the answer had begun."""


class AnswerTooLarge(Exception):
    """The answer is larger than its limit."""


@dataclass(frozen=True)
class AnswerLimits:
    """What an answer may take.

    Parameters
    ----------
    begin_seconds, answer_seconds
        Time for the first byte of the answer, and from there to its end.
    max_bytes
        Size of the largest body.
    """

    begin_seconds: float
    answer_seconds: float
    max_bytes: int


@dataclass
class Answer:
    """A response; tornado calls the methods of this ``HTTPMessageDelegate`` while it arrives."""

    max_bytes: int
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    has_begun: asyncio.Event = field(default_factory=asyncio.Event)
    is_complete: bool = False

    def headers_received(self, start_line: Any, headers: Mapping[str, str]) -> None:
        if start_line.code >= 200:
            self.status, self.headers = start_line.code, headers
            self.has_begun.set()

    def data_received(self, chunk: bytes) -> None:
        if len(self.body) <= self.max_bytes:
            self.body += chunk

    def finish(self) -> None:
        self.is_complete = self.status > 0

    def on_connection_close(self) -> None:
        """End; what is complete is so already."""

    @property
    def is_too_large(self) -> bool:
        return len(self.body) > self.max_bytes


class HttpExchange:
    """Sends requests to one address.

    Parameters
    ----------
    url
        ``http`` or ``https``, with a path or without one.
    connect_timeout
        Seconds to open a connection, including the TLS handshake.
    ca_file
        File of certificates to trust instead of the system's.
    """

    def __init__(self, url: str, *, connect_timeout: float, ca_file: str = "") -> None:
        parts = urlsplit(url)
        self._host, self._path = parts.hostname or "", parts.path.rstrip("/")
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._host_header = parts.netloc
        self._connect_timeout = connect_timeout
        self._tls = ssl.create_default_context(cafile=ca_file or None) if parts.scheme == "https" else None

    async def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, limits: AnswerLimits
    ) -> Answer:
        """Send a request on a connection of its own; cancelling the call closes it.

        Raises
        ------
        NotReached
            No answer has begun.
        AnswerLost, AnswerTooLarge
            It had begun.
        TimeoutError
            It had begun, and did not end in time.
        """
        from tornado.http1connection import HTTP1Connection, HTTP1ConnectionParameters
        from tornado.httputil import HTTPHeaders, RequestStartLine

        stream = await self._connect()
        answer: Any = Answer(limits.max_bytes)
        try:
            # Somewhat more is read than allowed, so that too large an answer can be told from a lost one.
            parameters = HTTP1ConnectionParameters(
                no_keep_alive=True, max_header_size=_MAX_HEADER_BYTES, max_body_size=2 * limits.max_bytes + 2**20
            )
            connection = HTTP1Connection(stream, True, parameters)
            fields = {"Host": self._host_header, "Connection": "close", "Content-Length": str(len(body)), **headers}
            connection.write_headers(RequestStartLine(method, self._path + path, ""), HTTPHeaders(fields), body)
            connection.finish()
            await _wait_for(asyncio.ensure_future(connection.read_response(answer)), answer, limits)
        except BaseException:
            _reset(stream)
            raise
        finally:
            stream.close()
        if answer.is_too_large:
            raise AnswerTooLarge
        return cast(Answer, answer)

    async def _connect(self) -> Any:
        from tornado.tcpclient import TCPClient

        connecting = asyncio.ensure_future(
            TCPClient().connect(self._host, self._port, ssl_options=self._tls, timeout=self._connect_timeout)
        )
        try:
            return await asyncio.shield(connecting)
        except asyncio.CancelledError:
            connecting.add_done_callback(_close_stream)
            raise
        except TimeoutError:
            raise NotReached("no connection in time", is_silent=True) from None
        except ssl.SSLError as error:
            raise NotReached(f"the certificate is not valid: {error.reason or error}") from error
        except OSError as error:
            cause = getattr(error, "real_error", None) or error
            raise NotReached((getattr(cause, "strerror", None) or "connection lost").lower()) from error


def _reset(stream: Any) -> None:
    """Let the connection end with a reset, which a proxy notices at the next byte that it passes on."""
    if stream.socket is not None:
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _close_stream(connecting: asyncio.Future[Any]) -> None:
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().close()


async def _wait_for(reading: asyncio.Future[bool], answer: Answer, limits: AnswerLimits) -> None:
    """Wait for the end of an answer."""
    beginning = asyncio.ensure_future(answer.has_begun.wait())
    either: list[asyncio.Future[Any]] = [beginning, reading]
    try:
        await asyncio.wait(either, timeout=limits.begin_seconds, return_when=asyncio.FIRST_COMPLETED)
        if not answer.has_begun.is_set():
            is_silent = not reading.done()
            raise NotReached("no answer in time" if is_silent else "connection lost", is_silent=is_silent)
        async with asyncio.timeout(limits.answer_seconds):
            await asyncio.shield(reading)
    except TimeoutError:
        raise
    except OSError as error:
        raise AnswerLost from error
    finally:
        beginning.cancel()
        # The caller closes the stream, which ends the reading.
        reading.add_done_callback(lambda task: task.cancelled() or task.exception())
    if not answer.is_complete:
        raise AnswerLost
