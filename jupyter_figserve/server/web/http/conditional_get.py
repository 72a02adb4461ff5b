"""One representation's bytes as an HTTP answer: ETag and 304, HEAD, Range. Server process.

Source: RFC 9110, sections 8.8 (validators), 13 (conditional requests) and 14 (ranges).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ....errors import RangeNotSatisfiable
from .representation import Bytes, RepresentationResponse

if TYPE_CHECKING:
    from .handler import FigServeHandler

_OF_CONTENT = ("Content-Type", "Content-Disposition", "Accept-Ranges", "Content-Encoding")
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def is_not_modified(handler: FigServeHandler, etag: str) -> bool:
    """Whether the client has these bytes already (``If-None-Match``, compared weakly)."""
    known = handler.request.headers.get("If-None-Match")
    if known is None:
        return False
    if known == etag or known.strip() == "*":
        return True
    return etag in (tag.strip().removeprefix("W/") for tag in known.split(","))


def send_representation(handler: FigServeHandler, delivery: RepresentationResponse, cache: Bytes) -> None:
    """Finish the request with the bytes, a part of them, or the news that the client has them."""
    handler.replace_headers(delivery.headers)
    if is_not_modified(handler, delivery.etag):
        handler.set_status(304)
        for name in _OF_CONTENT:
            handler.clear_header(name)
        handler.finish()
        return
    data = cache.get(delivery.digest)
    part = parse_range(handler, delivery.etag, len(data))
    if part is not None:
        handler.set_status(206)
        handler.set_header("Content-Range", f"bytes {part[0]}-{part[1]}/{len(data)}")
        data = data[part[0] : part[1] + 1]
    handler.finish(data)


def sends_full_body(handler: FigServeHandler, delivery: RepresentationResponse, cache: Bytes) -> bool:
    """Whether ``send_representation`` will send the full body, rather than a 304 or a range.

    What asks for a range in a way that nobody understands is sent all.
    """
    if is_not_modified(handler, delivery.etag):
        return False
    try:
        return parse_range(handler, delivery.etag, len(cache.get(delivery.digest))) is None
    except RangeNotSatisfiable:
        return False


def parse_range(handler: FigServeHandler, etag: str, size: int) -> tuple[int, int] | None:
    """First and last byte of the one range that is asked for; None sends all (RFC 9110 allows it for any request).

    Raises
    ------
    RangeNotSatisfiable
        When the range is well-formed and beyond the end.
    """
    text = handler.request.headers.get("Range")
    condition = handler.request.headers.get("If-Range")
    if text is None or handler.request.method == "HEAD" or (condition is not None and condition != etag):
        return None
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
