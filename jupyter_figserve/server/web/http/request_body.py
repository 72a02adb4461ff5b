"""Request bodies: refused where none is taken, and limited in size and time elsewhere. Server process."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable
from typing import Any, ClassVar

from jupyter_server.base.handlers import JupyterHandler
from tornado import web
from tornado.ioloop import IOLoop

from ....errors import BodyTimeout, FigServeError, InvalidInput, TooLarge
from . import security_headers
from .login import LoginRedirect

MAX_JSON_BYTES = 64 * 1024
"""Maximum size of a body where a handler does not say otherwise."""
_DRAIN_FACTOR = 4
"""Oversized bodies are drained up to this multiple of the limit, so that the client receives the 413."""
_UNLIMITED = 2**62
_LENGTH = re.compile(r"[0-9]{1,4000}")
"""A number that Python reads: of at most 4,300 digits."""
_REJECTED = "REJECTED"
"""Takes the place of the HTTP method of a rejected request, and names our method that tornado calls."""


@web.stream_request_body
class RequestBodyMixin(JupyterHandler):
    """Adds bodies of at most ``body_limit`` bytes that arrive within ``FigServe.body_timeout`` seconds.

    tornado calls ``prepare`` with the headers, then ``data_received`` with each part of the body, then the method.
    When ``prepare`` rejects the request, it sends the response before the body arrives and replaces the method by
    ``rejected``, which runs when the body has passed: closing the connection while the client is still sending would
    hide the response. A rejected body is dropped as it arrives, and the connection is closed when it is a large one.
    """

    body_methods: ClassVar[tuple[str, ...]] = ()
    """The methods that take a body; with any other one, a body is refused."""
    body_trait: ClassVar[str | None] = None
    """The trait of FigServe with the limit, if there is one."""

    _timeout: Any = None
    _rejection: Exception | None = None
    _method = ""
    _received = 0

    @property
    def body_limit(self) -> int:
        """Maximum size of the body in bytes."""
        return MAX_JSON_BYTES

    def admit(self) -> Awaitable[None] | None:
        """Check host, credentials and permissions; raise an exception to reject the request."""
        raise NotImplementedError

    def describe_error(self, error: object, status: int = 500) -> tuple[int, str, str]:
        """Return the status, the code and the message of an error."""
        raise NotImplementedError

    def set_error_headers(self, status: int, error: object) -> None:
        """Set the headers that belong to an error."""
        raise NotImplementedError

    async def prepare(self) -> None:  # type: ignore[override]
        self._method = self.request.method or ""
        declared = self.request.headers.get("Content-Length", "0")
        has_body = declared != "0" or "Transfer-Encoding" in self.request.headers
        if has_body and not _LENGTH.fullmatch(declared):
            raise InvalidInput("The Content-Length is not a number of bytes.")
        try:
            admitted = self.admit()
            if admitted is not None:
                await admitted
            if has_body:
                self._check_method()
        except (FigServeError, web.HTTPError, LoginRedirect) as error:
            # Raised only when the request has been read, as tornado closes the connection of one that ends before.
            if self._expects_continue:
                if isinstance(error, LoginRedirect):
                    self.redirect(error.url)
                raise
            self._rejection = error
            self.request.method = _REJECTED
        if has_body:
            self._chunks: list[bytes] = []
            await self._prepare_body(int(declared))

    def rejected(self, *args: str, **kwargs: str) -> None:
        """Finish a rejected request; tornado calls this in place of the method once the body has passed."""
        self._stop_timer()
        self.request.method = self._method
        if self._headers_written:
            if not self._finished:
                self.finish()
            return
        assert self._rejection is not None
        if isinstance(self._rejection, LoginRedirect):
            self.redirect(self._rejection.url)
            return
        raise self._rejection

    def data_received(self, chunk: bytes) -> None:
        """Keep the chunk, or drop it when the request is rejected or too large."""
        limit = self._kept_bytes
        self._received += len(chunk)
        if self._received <= limit:
            if self._rejection is None:
                self._chunks.append(chunk)
            return
        self._chunks.clear()
        if self._received > limit * (1 if self._rejection else _DRAIN_FACTOR) and not self._finished:
            self._abort(self.too_large())

    def read_body(self) -> bytes:
        """Return the whole body; a second call returns nothing.

        Raises
        ------
        TooLarge
            When it exceeded the limit.
        """
        self._stop_timer()
        if not self._received:
            return b""
        if self._received > self.body_limit:
            raise self.too_large()
        body = b"".join(self._chunks)
        self._chunks.clear()
        return body

    def too_large(self) -> TooLarge:
        """Return the error for a body beyond the limit."""
        trait = f" (FigServe.{self.body_trait})" if self.body_trait else ""
        return TooLarge(f"The body has more than {self.body_limit:,} bytes, the maximum{trait}.")

    def on_finish(self) -> None:
        self._stop_timer()
        super().on_finish()

    def on_connection_close(self) -> None:
        self._stop_timer()
        super().on_connection_close()

    @property
    def _expects_continue(self) -> bool:
        """Whether the client sends the body only after our ``100 Continue``."""
        return self.request.headers.get("Expect", "").lower() == "100-continue"

    @property
    def _kept_bytes(self) -> int:
        """How much of the body is read before the connection is closed, or beyond which nothing is kept."""
        return self.body_limit if self._method in self.body_methods else MAX_JSON_BYTES

    def _check_method(self) -> None:
        method = self._method
        if method in self.body_methods:
            return
        if getattr(type(self), method.lower(), None) is web.RequestHandler._unimplemented_method:
            raise web.HTTPError(405)
        raise self._no_body_taken()

    def _no_body_taken(self) -> InvalidInput:
        return InvalidInput(
            f"This address takes no body with {self._method}. Send the request without one.", code="has_body"
        )

    async def _prepare_body(self, declared: int) -> None:
        """Start the clock of the body, or refuse it before it arrives.

        Raises
        ------
        TooLarge
            When its length exceeds what is drained.
        """
        limit = self._kept_bytes
        if self.request.connection is not None:
            # Counted in data_received: tornado closes the connection at its own limit, without a response.
            self.request.connection.set_max_body_size(_UNLIMITED)  # type: ignore[attr-defined]
        if self._rejection is not None:
            await self._reject_early(self._rejection)
            if declared > limit:
                self._abort()
                return
        elif declared > limit * (1 if self._expects_continue else _DRAIN_FACTOR):
            raise self.too_large()
        self._timeout = IOLoop.current().call_later(self._body_timeout, self._on_timeout)

    async def _reject_early(self, error: Exception) -> None:
        """Send the whole response before the body arrives; ``rejected`` finishes the request."""
        if isinstance(error, LoginRedirect):
            error = self._no_body_taken()
        self.request.method = self._method
        body = self._make_error(error)
        self.set_header("Content-Length", str(len(body)))
        self.write(body)
        await self.flush()
        self.request.method = _REJECTED

    def _make_error(self, error: Exception) -> bytes:
        """Set status and headers of an error, and return its JSON."""
        status, code, message = self.describe_error(error, getattr(error, "status_code", 500))
        self._headers.update(security_headers.JSON_HEADERS)
        self.set_status(status)
        self.set_error_headers(status, error)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        return json.dumps({"error": message, "code": code}, ensure_ascii=False).encode()

    @property
    def _body_timeout(self) -> float:
        seconds: float = self.settings["figserve"].config.body_timeout
        return seconds

    def _stop_timer(self) -> None:
        if self._timeout is not None:
            IOLoop.current().remove_timeout(self._timeout)
            self._timeout = None

    def _on_timeout(self) -> None:
        self._timeout = None
        if not self._finished:
            message = f"The body took longer than {self._body_timeout:g} s to arrive (FigServe.body_timeout)."
            self._abort(BodyTimeout(message))

    def _abort(self, error: FigServeError | None = None) -> None:
        """Close the connection, after a response unless one has been sent."""
        self._stop_timer()
        self.request.method = self._method
        if self._headers_written or error is None:
            self.finish()
        else:
            self.set_header("Connection", "close")
            self.finish(self._make_error(error))
        if self.request.connection is not None:
            stream = self.request.connection.stream  # type: ignore[attr-defined]
            IOLoop.current().call_later(0.1, stream.close)
