"""A request body within bounds of size and time, refused before it is all there. Server process."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from tornado import web
from tornado.ioloop import IOLoop

from ....errors import FigServeError, InvalidInput, TooLarge
from .private_handler import AuthenticatedHandler

_DRAIN_FACTOR = 4
"""Of what is too large, this many times the limit is still read, so that its sender hears why."""
_UNLIMITED = 2**62


@web.stream_request_body
class StreamingUploadHandler(AuthenticatedHandler):
    """Collects a body of at most ``body_limit`` bytes that arrives within ``Settings.body_seconds``."""

    body_trait: ClassVar[str] = "figure_bytes"
    """Which of FigServe's traits bounds the body."""
    _timeout: Any = None
    _refusal: FigServeError | None = None

    @property
    def body_limit(self) -> int:
        return self.context.config.figure_bytes

    async def prepare(self) -> None:  # type: ignore[override]
        self._chunks: list[bytes] = []
        self._received = 0
        try:
            await super().prepare()
        except FigServeError as error:
            await self._refuse(error)
        if self.request.method in ("POST", "PUT"):
            self._prepare_body()

    async def _refuse(self, error: FigServeError) -> None:
        """Answer at once and still let the body pass: who is cut off while sending sees no answer.

        An answer that is finished before the body was read, even where there is none, would end the connection
        without saying so: the client's next request on it breaks off.

        Raises
        ------
        FigServeError
            The same, where the sender waits for it before sending.
        """
        if self._asks_first:
            raise error
        self._refusal = error
        # In the place of the handler's own methods, so that nothing of them can run.
        if self.request.method not in ("POST", "PUT"):
            for name in self.SUPPORTED_METHODS:
                setattr(self, name.lower(), self._raise)
            return
        self.post = self.put = self._end
        status, body = error.status, json.dumps({"error": error.message, "code": error.code}, ensure_ascii=False)
        self.set_status(status)
        self._set_error_headers(status, error)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.set_header("Content-Length", str(len(body.encode())))
        self.write(body)
        await self.flush()

    async def _raise(self, *_: str) -> None:
        assert self._refusal is not None
        raise self._refusal

    async def _end(self, *_: str) -> None:
        self._stop_clock()
        self.finish()

    @property
    def _asks_first(self) -> bool:
        """Whether the sender waits with the body for our word."""
        return self.request.headers.get("Expect", "").lower() == "100-continue"

    def _prepare_body(self) -> None:
        limit = self.body_limit
        declared = self.request.headers.get("Content-Length", "0")
        if not declared.isdigit():
            raise InvalidInput("The Content-Length is not a number.")
        if self._refusal is not None and int(declared) > limit:
            self._abort()
            return
        if int(declared) > limit * (1 if self._asks_first else _DRAIN_FACTOR):
            raise self._too_large()
        if self.request.connection is not None:
            # Counted here: tornado's own limit answers without a word.
            self.request.connection.set_max_body_size(_UNLIMITED)  # type: ignore[attr-defined]
        self._timeout = IOLoop.current().call_later(self.context.config.body_seconds, self._give_up)

    def data_received(self, chunk: bytes) -> None:
        """Keep it, or let it pass: a sender cut off in the middle sees a broken connection, not our answer."""
        limit = self.body_limit
        self._received += len(chunk)
        if self._received <= limit:
            if self._refusal is None:
                self._chunks.append(chunk)
            return
        self._chunks.clear()
        if self._received > limit * (1 if self._refusal else _DRAIN_FACTOR) and not self._finished:
            self._abort(self._too_large(), 413)

    def read_body(self) -> bytes:
        """All of it, once.

        Raises
        ------
        TooLarge
            When it was more than may be.
        """
        self._stop_clock()
        if self._received > self.body_limit:
            raise self._too_large()
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
            seconds = self.context.config.body_seconds
            text = f"The body took longer than {seconds:g} s to arrive."
            self._abort(InvalidInput(text, code="body_timeout"), 408)

    def _abort(self, error: FigServeError | None = None, status: int = 400) -> None:
        """End the connection, with an answer where none was given yet."""
        self._stop_clock()
        if self._refusal is not None or error is None:
            self.finish()
        else:
            self.set_header("Connection", "close")
            self.write_json({"error": error.message, "code": error.code}, status)
        if self.request.connection is not None:
            stream = self.request.connection.stream  # type: ignore[attr-defined]
            IOLoop.current().call_later(0.1, stream.close)

    def _too_large(self) -> TooLarge:
        limit, trait = self.body_limit, self.body_trait
        return TooLarge(f"The body has more than {limit:,} bytes, the most that is taken (FigServe.{trait}).")
