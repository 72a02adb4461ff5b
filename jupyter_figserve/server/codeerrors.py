"""Errors of posted code as answers: with its own words, or as a picture of them. Server process."""

from __future__ import annotations

from typing import Any

from ..errors import CodeFailed, FigServeError, OutputInvalid
from ..formats import FORMATS
from . import headers
from .base import Handler, status_of
from .cards import svg_card

_NO_STORE = {"Cache-Control": "private, no-store", "Content-Type": FORMATS["svg"].content_type}


class CodeErrors(Handler):
    """Adds to a handler what posted code did wrong."""

    has_card = False
    """Whether the client wants a picture of an error."""
    shows_traceback = False
    """Whether whoever asks is whose code it is."""

    def error_details(self, error: object) -> dict[str, Any]:
        if not isinstance(error, CodeFailed):
            return {}
        told = {"type": error.kind, "message": error.message, "line": error.line}
        owns = {"traceback": error.traceback, "output": error.output} if self.shows_traceback else {}
        return told | owns

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None))[1]
        if self.has_card and isinstance(error, FigServeError):
            status = status_of(error)
            self.set_status(status)
            self._set_error_headers(status, error)
            self.send_card(error)
        else:
            super().write_error(status_code, **kwargs)

    def send_card(self, error: FigServeError) -> None:
        self.replace_headers(headers.of_bytes(FORMATS["svg"], public=not self.shows_traceback) | _NO_STORE)
        self.set_header("X-FigServe-Error", error.code)
        self.finish(svg_card(error))


def is_of_code(error: FigServeError) -> bool:
    """Whether an error says what the code did, rather than what the server could not."""
    return isinstance(error, OutputInvalid)
