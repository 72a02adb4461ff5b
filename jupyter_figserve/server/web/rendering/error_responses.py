"""Errors of posted code as answers: with its own words, or as a picture of them. Server process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ....errors import CodeFailed, DeadlineExceeded, FigServeError, OutputInvalid, RetryLater
from ....model.figures import EncodedImage
from ....model.formats import FORMATS, get_format_of_mimetype
from ...services.rendering.error_card import RASTER, card_job, svg_card
from ..http import security_headers
from ..http.handler import FigServeHandler


class CodeErrorMixin(FigServeHandler):
    """Adds to a handler what posted code did wrong."""

    card_format: str | None = None
    """The format of the picture that the client wants of an error; None where it is to be told in JSON."""
    shows_traceback = False
    """Whether whoever asks is whose code it is."""
    _card: EncodedImage | None = None

    @asynccontextmanager
    async def drawing_cards(self) -> AsyncIterator[None]:
        """Around what may fail: a card in pixels is drawn while there is still time to wait for it."""
        try:
            yield
        except FigServeError as error:
            if self.card_format in RASTER and _can_wait(error):
                self._card = await self.run_until_disconnect(self._draw_card(error, self.card_format))
            raise

    def error_details(self, error: object) -> dict[str, Any]:
        if not isinstance(error, CodeFailed):
            return {}
        told = {"type": error.kind, "message": error.message, "line": error.line}
        owns = {"traceback": error.traceback, "output": error.output} if self.shows_traceback else {}
        return told | owns

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None))[1]
        if self.card_format is not None and isinstance(error, FigServeError):
            status = error.status
            self.set_status(status)
            self._set_error_headers(status, error)
            self.send_card(error)
        else:
            super().write_error(status_code, **kwargs)

    def send_card(self, error: FigServeError) -> None:
        """In pixels if that was asked for and could be drawn, else as SVG."""
        card = self._card or EncodedImage(FORMATS["svg"].mimetype, svg_card(error))
        row = get_format_of_mimetype(card.mimetype)
        self.replace_headers(security_headers.image_headers(row, public=not self.shows_traceback))
        self.set_header("Cache-Control", "private, no-store")
        self.set_header("Content-Type", row.content_type)
        self.set_header("X-FigServe-Error", error.code)
        self.finish(card.data)

    async def _draw_card(self, error: FigServeError, format: str) -> EncodedImage | None:
        """Kept like any picture that is the same each time; None where the sandbox has no place, or is not there."""
        try:
            rendered, _ = await self.context.rendering.render_cached(card_job(error, format))
        except FigServeError:
            return None
        return rendered.images[0]


def _can_wait(error: FigServeError) -> bool:
    """Not when there is too much to do already, or nothing that draws."""
    return isinstance(error, DeadlineExceeded) or not isinstance(error, RetryLater)


def is_of_code(error: FigServeError) -> bool:
    """Whether an error says what the code did, rather than what the server could not."""
    return isinstance(error, OutputInvalid)
