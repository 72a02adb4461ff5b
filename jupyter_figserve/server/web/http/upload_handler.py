"""Base of upload handlers: limits size and time of the body, and rejects early. Server process."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from tornado import web
from tornado.ioloop import IOLoop

from ....errors import FigServeError, InvalidInput, TooLarge
from .private_handler import AuthenticatedHandler

_BODY_METHODS = ("POST", "PUT")
_DRAIN_FACTOR = 4
"""Oversized bodies are drained up to this multiple of the limit, so that the client receives the 413."""
_UNLIMITED = 2**62
_REJECTED = "REJECTED"
"""Replaces the HTTP method of a rejected request, and names our method that tornado calls."""


@web.stream_request_body
class StreamingUploadHandler(AuthenticatedHandler):
    """Collects a body of at most ``body_limit`` bytes that arrives within ``FigServe.body_timeout`` seconds.

    tornado calls ``prepare`` with the headers, then ``data_received`` with each part of the body, then the method.
    When ``prepare`` rejects the request, it sends the response at once and replaces the method by ``rejected``, which
    runs when the body has been read: closing the connection while the client is still sending would hide the response.
    """

    body_trait: ClassVar[str] = "figure_bytes"
    """The trait of FigServe with the limit."""
    _timeout: Any = None
    _rejection: FigServeError | None = None

    @property
    def body_limit(self) -> int:
        """Maximum size of the body in bytes."""
        return self.context.config.figure_bytes

    async def prepare(self) -> None:  # type: ignore[override]
        self._chunks: list[bytes] = []
        self._received = 0
        self._method = self.request.method
        try:
            await super().prepare()
        except FigServeError as error:
            if self._expects_continue:
                raise
            self._rejection = error
            self.request.method = _REJECTED
        if self._method in _BODY_METHODS:
            if self._rejection is not None:
                await self._reject_early(self._rejection)
            self._prepare_body()

    def rejected(self, *args: str, **kwargs: str) -> None:
        """Finish a rejected request; tornado calls this instead of the method once the body has been read."""
        # The response to HEAD has no body.
        self.request.method = self._method
        self._stop_timer()
        if self._method not in _BODY_METHODS:
            assert self._rejection is not None
            raise self._rejection
        if not self._finished:
            self.finish()

    async def _reject_early(self, error: FigServeError) -> None:
        """Send the whole response before the body arrives; ``rejected`` finishes the request."""
        body = json.dumps({"error": error.message, "code": error.code}, ensure_ascii=False)
        self.set_status(error.status)
        self._set_error_headers(error.status, error)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.set_header("Content-Length", str(len(body.encode())))
        self.write(body)
        await self.flush()

    @property
    def _expects_continue(self) -> bool:
        """Whether the client sends the body only after our ``100 Continue``."""
        return self.request.headers.get("Expect", "").lower() == "100-continue"

    def _prepare_body(self) -> None:
        limit = self.body_limit
        declared = self.request.headers.get("Content-Length", "0")
        if not declared.isdigit():
            raise InvalidInput("The Content-Length is not a number.")
        if self._rejection is not None and int(declared) > limit:
            self._abort()
            return
        if int(declared) > limit * (1 if self._expects_continue else _DRAIN_FACTOR):
            raise self._too_large()
        if self.request.connection is not None:
            # Counted in data_received: tornado closes the connection at its own limit, without a response.
            self.request.connection.set_max_body_size(_UNLIMITED)  # type: ignore[attr-defined]
        self._timeout = IOLoop.current().call_later(self.context.config.body_timeout, self._on_timeout)

    def data_received(self, chunk: bytes) -> None:
        """Keep the chunk, or drop it when the request is rejected or too large."""
        limit = self.body_limit
        self._received += len(chunk)
        if self._received <= limit:
            if self._rejection is None:
                self._chunks.append(chunk)
            return
        self._chunks.clear()
        if self._received > limit * (1 if self._rejection else _DRAIN_FACTOR) and not self._finished:
            self._abort(self._too_large(), 413)

    def read_body(self) -> bytes:
        """Return the whole body; a second call returns nothing.

        Raises
        ------
        TooLarge
            When it exceeded the limit.
        """
        self._stop_timer()
        if self._received > self.body_limit:
            raise self._too_large()
        body = b"".join(self._chunks)
        self._chunks.clear()
        return body

    def on_finish(self) -> None:
        self._stop_timer()
        super().on_finish()

    def on_connection_close(self) -> None:
        self._stop_timer()
        super().on_connection_close()

    def _log(self) -> None:
        """Log the method that the client sent."""
        method, self.request.method = self.request.method, self._method
        super()._log()
        self.request.method = method

    def _stop_timer(self) -> None:
        if self._timeout is not None:
            IOLoop.current().remove_timeout(self._timeout)
            self._timeout = None

    def _on_timeout(self) -> None:
        self._timeout = None
        if not self._finished:
            seconds = self.context.config.body_timeout
            message = f"The body took longer than {seconds:g} s to arrive (FigServe.body_timeout)."
            self._abort(InvalidInput(message, code="body_timeout"), 408)

    def _abort(self, error: FigServeError | None = None, status: int = 400) -> None:
        """Close the connection, after a response unless one has been sent."""
        self._stop_timer()
        if self._rejection is not None or error is None:
            self.finish()
        else:
            self.set_header("Connection", "close")
            self.write_json({"error": error.message, "code": error.code}, status)
        if self.request.connection is not None:
            stream = self.request.connection.stream  # type: ignore[attr-defined]
            IOLoop.current().call_later(0.1, stream.close)

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The body has more than {self.body_limit:,} bytes, the maximum (FigServe.{self.body_trait}).")
