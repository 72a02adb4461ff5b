"""A representation as an HTTP response: its headers and its body. Server process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ....model.formats import Format
from ...services.figures.stored_blob import StoredBlob
from . import security_headers
from .content_disposition import content_disposition


@dataclass(frozen=True)
class RepresentationResponse:
    """A response with an image or a document.

    Parameters
    ----------
    digest
        Digest of the body; the ETag.
    filename
        Name of the file when it is saved.
    body
        The bytes, or the blob named ``digest``, whose file a web server may send; a 304 reads neither.
    """

    row: Format
    digest: str
    filename: str
    cache_control: str
    body: bytes | StoredBlob
    is_public: bool

    @property
    def etag(self) -> str:
        return f'"{self.digest}"'

    @property
    def is_stored(self) -> bool:
        return isinstance(self.body, StoredBlob)

    @property
    def size(self) -> int:
        return len(self.body) if isinstance(self.body, bytes) else self.body.size

    async def check_readable(self) -> None:
        """Raise ``Unavailable`` where the body cannot be read at the moment."""
        if isinstance(self.body, StoredBlob):
            await self.body.check_readable()

    @cached_property
    def headers(self) -> dict[str, str]:
        row = self.row
        values = security_headers.image_headers(row, public=self.is_public) | {
            "ETag": self.etag,
            "Cache-Control": self.cache_control,
            "Accept-Ranges": "bytes",
            "Content-Disposition": content_disposition(self.filename),
            "Content-Type": "image/svg+xml" if row.name == "svgz" else row.content_type,
        }
        if row.name == "svgz":
            values["Content-Encoding"] = "gzip"
        return values | ({"Access-Control-Allow-Origin": "*"} if self.is_public else {})
