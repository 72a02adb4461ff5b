"""One representation's bytes as an HTTP answer: ETag and 304, HEAD, Range. Server process.

Source: RFC 9110, sections 8.8 (validators), 13 (conditional requests) and 14 (ranges).
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from ..errors import RangeNotSatisfiable, Unavailable
from ..formats import Format
from ..store.blobs import Blobs
from . import headers

if TYPE_CHECKING:
    from .base import Handler

_OF_CONTENT = ("Content-Type", "Content-Disposition", "Accept-Ranges", "Content-Encoding")
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


@dataclass(frozen=True)
class Delivery:
    """What to send.

    Parameters
    ----------
    digest
        Of the bytes; the ETag.
    filename
        For saving, percent-encoded where it is not made of an id.
    is_download
        Whether a browser is to save it rather than show it.
    """

    row: Format
    digest: str
    filename: str
    cache_control: str
    is_public: bool
    is_download: bool = False

    @property
    def etag(self) -> str:
        return f'"{self.digest}"'

    @cached_property
    def headers(self) -> dict[str, str]:
        row = self.row
        shown = "attachment" if self.is_download else "inline"
        values = headers.of_bytes(row, public=self.is_public) | {
            "ETag": self.etag,
            "Cache-Control": self.cache_control,
            "Accept-Ranges": "bytes",
            "Content-Disposition": f"{shown}; filename*=UTF-8''{self.filename}",
            "Content-Type": "image/svg+xml" if row.name == "svgz" else row.content_type,
        }
        if row.name == "svgz":
            values["Content-Encoding"] = "gzip"
        return values | ({"Access-Control-Allow-Origin": "*"} if self.is_public else {})


class Bytes(Protocol):
    """Where the bytes of a digest are had from."""

    def get(self, digest: str) -> bytes: ...


class InHand:
    """Bytes that were read already."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def get(self, digest: str) -> bytes:
        return self._data


class BlobCache:
    """The newest read blobs in memory; they never change, so nothing can be stale.

    Parameters
    ----------
    limit
        Bytes in all; a blob of more than an eighth of it is not kept.
    """

    def __init__(self, blobs: Blobs, limit: int) -> None:
        self._blobs = blobs
        self._limit = limit
        self._size = 0
        self._held: OrderedDict[str, bytes] = OrderedDict()

    def get(self, digest: str) -> bytes:
        """The bytes.

        Raises
        ------
        Unavailable
            When the catalog names a blob that is not there (another process is just deleting it, or it was lost).
        """
        held = self._held.get(digest)
        if held is not None:
            self._held.move_to_end(digest)
            return held
        data = self._blobs.find(digest)
        if data is None:
            raise Unavailable("The figure's bytes are missing from the store; publish it again.", code="blob_missing")
        if len(data) <= self._limit // 8:
            self._held[digest] = data
            self._size += len(data)
            while self._size > self._limit:
                self._size -= len(self._held.popitem(last=False)[1])
        return data


def is_fresh(handler: Handler, etag: str) -> bool:
    """Whether the client has these bytes already (``If-None-Match``, compared weakly)."""
    known = handler.request.headers.get("If-None-Match")
    if known is None:
        return False
    if known == etag or known.strip() == "*":
        return True
    return etag in (tag.strip().removeprefix("W/") for tag in known.split(","))


def deliver(handler: Handler, delivery: Delivery, cache: Bytes) -> None:
    """Finish the request with the bytes, a part of them, or the news that the client has them."""
    handler.replace_headers(delivery.headers)
    if is_fresh(handler, delivery.etag):
        handler.set_status(304)
        for name in _OF_CONTENT:
            handler.clear_header(name)
        handler.finish()
        return
    data = cache.get(delivery.digest)
    part = find_range(handler, delivery.etag, len(data))
    if part is not None:
        handler.set_status(206)
        handler.set_header("Content-Range", f"bytes {part[0]}-{part[1]}/{len(data)}")
        data = data[part[0] : part[1] + 1]
    handler.finish(data)


def sends_all(handler: Handler, delivery: Delivery, cache: Bytes) -> bool:
    """Whether ``deliver`` is about to send all of the bytes, rather than a part, or the news that the client has them.

    What asks for a range in a way that nobody understands is sent all.
    """
    if is_fresh(handler, delivery.etag):
        return False
    try:
        return find_range(handler, delivery.etag, len(cache.get(delivery.digest))) is None
    except RangeNotSatisfiable:
        return False


def find_range(handler: Handler, etag: str, size: int) -> tuple[int, int] | None:
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
