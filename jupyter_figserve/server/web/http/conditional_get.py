"""Conditional and range requests: ETag and 304, HEAD, Range and 206. Server process.

Source: RFC 9110, sections 8.8 (validators), 13 (conditional requests) and 14 (ranges).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ....errors import RangeNotSatisfiable
from ...services.figures.stored_blob import StoredBlob
from . import security_headers
from .content_disposition import content_disposition
from .paced_response import PIECE_BYTES, PacedResponseMixin
from .representation import RepresentationResponse

_CONTENT_HEADERS = ("Content-Type", "Content-Disposition", "Accept-Ranges", "Content-Encoding")
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


class ConditionalGetMixin(PacedResponseMixin):
    """Adds responses with an ETag to a handler."""

    def replace_headers(self, values: Mapping[str, str]) -> None:
        """Replace the default headers of JSON with another table of ``security_headers``.

        The values are constants and well-formed; skipping tornado's check of each makes every image faster.
        """
        for name in security_headers.JSON_HEADERS:
            if name not in values:
                self.clear_header(name)
        for name, value in values.items():
            self._headers[name] = value

    @property
    def wants_download(self) -> bool:
        """Whether the query has ``download``, which asks to save the response rather than to show it."""
        if "download" not in self.request.query_arguments:
            return False
        return self.request.query_arguments["download"][-1].lower() not in (b"0", b"false", b"no")

    def known_etags(self) -> list[str]:
        """Return the ETags in ``If-None-Match``, without the mark of weak ones."""
        sent = self.request.headers.get("If-None-Match", "")
        return [tag.strip().removeprefix("W/") for tag in sent.split(",") if tag.strip()]

    def is_not_modified(self, etag: str) -> bool:
        """Whether ``If-None-Match`` holds the ETag, compared weakly, or ``*``."""
        known = self.request.headers.get("If-None-Match")
        return known is not None and (known == etag or known.strip() == "*" or etag in self.known_etags())

    async def send_representation(self, response: RepresentationResponse) -> None:
        """Finish the request with the body, a range of it, or 304.

        Raises
        ------
        Unavailable
            When the body cannot be read; nothing has been sent.
        """
        self.replace_headers(response.headers)
        self.name_download(response.filename)
        if self.is_not_modified(response.etag):
            self.set_status(304)
            for name in _CONTENT_HEADERS:
                self.clear_header(name)
            self.finish()
            return
        handover = None if "Range" in self.request.headers else self.find_handover(response)
        if handover is not None:
            self.set_header(*handover)
            self.finish()
            return
        first, end = 0, response.size
        found = self._find_range(response.etag, response.size)
        if found is not None:
            first, end = found[0], found[1] + 1
            self.set_status(206)
            self.set_header("Content-Range", f"bytes {first}-{found[1]}/{response.size}")
        await self._send_body(response.body, first, end)

    async def _send_body(self, body: bytes | StoredBlob, first: int, end: int) -> None:
        """Finish the request with a range of the body; a large blob is not read as a whole."""
        if isinstance(body, StoredBlob):
            if self.request.method == "HEAD":
                self.set_header("Content-Length", str(end - first))
                self.finish()
                return
            if end - first > PIECE_BYTES and not body.is_cacheable:
                await self._send_blob(body, first, end)
                return
            body = await body.read()
        self.finish(body if (first, end) == (0, len(body)) else body[first:end])

    async def _send_blob(self, blob: StoredBlob, first: int, end: int) -> None:
        """Send a range of a blob piece by piece; the first one is read before anything is sent."""
        head = await blob.read_range(first, first + PIECE_BYTES)

        async def read(start: int, stop: int) -> bytes:
            return head if start == first else await blob.read_range(start, stop)

        self.send_in_pieces(first, end, read)

    def name_download(self, filename: str) -> None:
        """Have the browser save the response under this name, where the query asks for it."""
        if self.wants_download:
            self.set_header("Content-Disposition", content_disposition(filename, is_download=True))

    def find_handover(self, response: RepresentationResponse) -> tuple[str, str] | None:
        """Return the header by which the web server in front sends the body; None to send it from here."""
        return None

    def sends_full_body(self, response: RepresentationResponse) -> bool:
        """Whether ``send_representation`` will send the full body, rather than a 304, a range or a 416."""
        if self.is_not_modified(response.etag):
            return False
        if "Range" not in self.request.headers:
            return True
        try:
            return self._find_range(response.etag, response.size) is None
        except RangeNotSatisfiable:
            return False

    def _find_range(self, etag: str, size: int) -> tuple[int, int] | None:
        text = self.request.headers.get("Range")
        condition = self.request.headers.get("If-Range")
        if text is None or self.request.method == "HEAD" or condition not in (None, etag):
            return None
        return parse_range(text, size)


def parse_range(text: str, size: int) -> tuple[int, int] | None:
    """Return the first and the last byte of a ``Range`` header with one range; None sends all bytes.

    A malformed header and several ranges may be ignored (RFC 9110, section 14.2).

    Raises
    ------
    RangeNotSatisfiable
        When the range is well-formed and beyond the end.
    """
    match = _RANGE.fullmatch(text.strip())
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        first, last = max(0, size - int(match[2])), size - 1
    else:
        first, last = int(match[1]), min(int(match[2]) if match[2] else size - 1, size - 1)
        if match[2] and int(match[2]) < first:
            return None
    if first >= size or first > last:
        raise RangeNotSatisfiable(size)
    return first, last
