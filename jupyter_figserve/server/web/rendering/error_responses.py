"""Errors of posted code as responses: in JSON, or as an image of the message. Server process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ....errors import CodeFailed, DeadlineExceeded, FigServeError, RetryLater
from ....model.figures import EncodedImage
from ....model.formats import FORMATS, get_format_of_mimetype
from ...services.rendering.error_card import RENDERED_FORMATS, make_card_job, svg_card, svgz_card
from ..http import security_headers
from ..http.handler import FigServeHandler


class CodeErrorMixin(FigServeHandler):
    """Adds the errors of posted code to a handler."""

    error_format: str | None = None
    """Format of the error image that the client requests; None for errors in JSON."""
    shows_traceback = False
    """Whether the client is the author of the code."""
    _card: EncodedImage | None = None

    @asynccontextmanager
    async def error_images(self) -> AsyncIterator[None]:
        """Render the image of an error raised in the block, as ``write_error`` cannot wait for it."""
        try:
            yield
        except FigServeError as error:
            format = self.error_format
            if format is not None and format in RENDERED_FORMATS and _can_render(error):
                self._card = await self.run_until_disconnect(self._render_card(error, format))
            raise

    def error_details(self, error: object) -> dict[str, Any]:
        if not isinstance(error, CodeFailed):
            return {}
        details = {"type": error.kind, "message": error.message, "line": error.line}
        private = {"traceback": error.traceback, "output": error.output} if self.shows_traceback else {}
        return details | private

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None))[1]
        if self.error_format is not None and isinstance(error, FigServeError):
            self.set_status(error.status)
            self.set_error_headers(error.status, error)
            self._send_card(error)
        else:
            super().write_error(status_code, **kwargs)

    def _send_card(self, error: FigServeError) -> None:
        """Finish with the rendered image, else with an SVG: where the sandbox cannot render, and for text formats."""
        is_svgz = self.error_format == "svgz"
        card = self._card or EncodedImage(FORMATS["svg"].mimetype, (svgz_card if is_svgz else svg_card)(error))
        row = get_format_of_mimetype(card.mimetype)
        if is_svgz:
            self.set_header("Content-Encoding", "gzip")
        self.replace_headers(security_headers.image_headers(row, public=not self.shows_traceback))
        self.set_header("Cache-Control", "private, no-store")
        self.set_header("Content-Type", row.content_type)
        self.set_header("X-FigServe-Error", error.code)
        self.finish(card.data)

    async def _render_card(self, error: FigServeError, format: str) -> EncodedImage | None:
        """Render the card, or take it from the cache; None when the sandbox is full or missing."""
        try:
            result, _ = await self.context.rendering.render_cached(make_card_job(error, format), self.caller)
        except FigServeError:
            return None
        return result.images[0]


def _can_render(error: FigServeError) -> bool:
    """Whether rendering is possible now: the queue has room, and there is a sandbox."""
    return isinstance(error, DeadlineExceeded) or not isinstance(error, RetryLater)
