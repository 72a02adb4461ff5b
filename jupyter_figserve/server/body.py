"""A request body within bounds of size and time, refused before it is all there. Server process."""

from __future__ import annotations

from typing import Any

from tornado import web
from tornado.ioloop import IOLoop

from ..errors import InvalidInput, TooLarge
from .private import PrivateHandler


@web.stream_request_body
class UploadHandler(PrivateHandler):
    """Collects a body of at most ``Settings.figure_bytes`` that arrives within ``Settings.body_seconds``."""

    _timeout: Any = None

    async def prepare(self) -> None:  # type: ignore[override]
        self._chunks: list[bytes] = []
        self._received = 0
        await super().prepare()
        if self.request.method not in ("POST", "PUT"):
            return
        limit = self.services.settings.figure_bytes
        declared = self.request.headers.get("Content-Length", "0")
        if not declared.isdigit():
            raise InvalidInput("The Content-Length is not a number.")
        if int(declared) > limit:
            raise _too_large(limit)
        if self.request.connection is not None:
            self.request.connection.set_max_body_size(limit + 1)  # type: ignore[attr-defined]
        self._timeout = IOLoop.current().call_later(self.services.settings.body_seconds, self._give_up)

    def data_received(self, chunk: bytes) -> None:
        self._received += len(chunk)
        if self._received > self.services.settings.figure_bytes:
            raise _too_large(self.services.settings.figure_bytes)
        self._chunks.append(chunk)

    def take_body(self) -> bytes:
        """All of it, once."""
        self._stop_clock()
        body = b"".join(self._chunks)
        self._chunks.clear()
        return body

    def on_finish(self) -> None:
        self._stop_clock()
        super().on_finish()

    def on_connection_close(self) -> None:
        self._stop_clock()
        super().on_connection_close()

    def _stop_clock(self) -> None:
        if self._timeout is not None:
            IOLoop.current().remove_timeout(self._timeout)
            self._timeout = None

    def _give_up(self) -> None:
        """Answer a sender that is too slow, and hang up on it."""
        self._timeout = None
        if self._finished:
            return
        self.set_header("Connection", "close")
        seconds = self.services.settings.body_seconds
        self.answer({"error": f"The body took longer than {seconds:g} s to arrive.", "code": "body_timeout"}, 408)
        if self.request.connection is not None:
            stream = self.request.connection.stream  # type: ignore[attr-defined]
            IOLoop.current().call_later(0.1, stream.close)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body has more than {limit:,} bytes, the most that is taken (FigServe.figure_bytes).")
