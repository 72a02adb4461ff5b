"""A request body within bounds of size and time, refused before it is all there. Server process."""

from __future__ import annotations

from typing import Any

from tornado import web
from tornado.ioloop import IOLoop

from ..errors import FigServeError, InvalidInput, TooLarge
from .private import PrivateHandler

_DRAINED = 4
"""Of what is too large, this many times the limit is still read, so that its sender hears why."""
_UNLIMITED = 2**62


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
        asks_first = self.request.headers.get("Expect", "").lower() == "100-continue"
        if int(declared) > limit * (1 if asks_first else _DRAINED):
            raise _too_large(limit)
        if self.request.connection is not None:
            # Counted here: tornado's own limit answers without a word.
            self.request.connection.set_max_body_size(_UNLIMITED)  # type: ignore[attr-defined]
        self._timeout = IOLoop.current().call_later(self.services.settings.body_seconds, self._give_up)

    def data_received(self, chunk: bytes) -> None:
        """Keep it, or let it pass: a sender cut off in the middle sees a broken connection, not our answer."""
        limit = self.services.settings.figure_bytes
        self._received += len(chunk)
        if self._received <= limit:
            self._chunks.append(chunk)
            return
        self._chunks.clear()
        if self._received > limit * _DRAINED and not self._finished:
            self._stop_clock()
            self._hang_up(_too_large(limit), 413)

    def take_body(self) -> bytes:
        """All of it, once.

        Raises
        ------
        TooLarge
            When it was more than may be.
        """
        self._stop_clock()
        if self._received > self.services.settings.figure_bytes:
            raise _too_large(self.services.settings.figure_bytes)
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
        if not self._finished:
            seconds = self.services.settings.body_seconds
            self._hang_up(InvalidInput(f"The body took longer than {seconds:g} s to arrive.", code="body_timeout"), 408)

    def _hang_up(self, error: FigServeError, status: int) -> None:
        self.set_header("Connection", "close")
        self.answer({"error": error.message, "code": error.code}, status)
        if self.request.connection is not None:
            stream = self.request.connection.stream  # type: ignore[attr-defined]
            IOLoop.current().call_later(0.1, stream.close)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body has more than {limit:,} bytes, the most that is taken (FigServe.figure_bytes).")
