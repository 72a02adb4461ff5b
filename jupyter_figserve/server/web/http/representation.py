"""A representation as an HTTP response: its headers and where its bytes come from. Server process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from ....model.formats import Format
from . import security_headers as headers

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class RepresentationResponse:
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
        values = headers.image_headers(row, public=self.is_public) | {
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
