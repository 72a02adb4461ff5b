"""The table of formats: the one place that knows a format's mimetype, suffix and first bytes. Any process."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from ..errors import UnsupportedType

CSS_DPI = 96
"""CSS pixels to the inch: the unit of a vector image's size. Source: CSS Values and Units, section 6.2."""


@dataclass(frozen=True)
class Format:
    """One row of the table.

    Parameters
    ----------
    name
        The suffix in URLs and the ``format=`` of the Python interface.
    mimetype
        Without parameters.
    is_text
        Served with ``charset=utf-8``.
    is_vector
        Sizes are CSS pixels (``CSS_DPI`` to the inch) instead of pixels at a dpi.
    is_inline
        Browsers show it in an ``<img>``.
    magic
        Byte strings of which one stands at the start; empty when ``looks_like`` decides by the text.
    """

    name: str
    mimetype: str
    is_text: bool = False
    is_vector: bool = False
    is_inline: bool = False
    magic: tuple[bytes, ...] = ()

    @property
    def content_type(self) -> str:
        return f"{self.mimetype}; charset=utf-8" if self.is_text else self.mimetype

    @property
    def is_raster(self) -> bool:
        return not (self.is_vector or self.is_text)


FORMATS: dict[str, Format] = {
    row.name: row
    for row in (
        Format("png", "image/png", is_inline=True, magic=(b"\x89PNG\r\n\x1a\n",)),
        Format("svg", "image/svg+xml", is_text=True, is_vector=True, is_inline=True),
        Format("pdf", "application/pdf", is_vector=True, magic=(b"%PDF-",)),
        Format("jpg", "image/jpeg", is_inline=True, magic=(b"\xff\xd8\xff",)),
        Format("webp", "image/webp", is_inline=True, magic=(b"RIFF",)),
        Format("eps", "application/postscript", is_vector=True, magic=(b"%!PS",)),
        Format("svgz", "image/svg+xml-compressed", is_vector=True, magic=(b"\x1f\x8b",)),
        Format("html", "text/html", is_text=True),
    )
}
INLINE_FORMATS = tuple(row for row in FORMATS.values() if row.is_inline)
_ALIASES = {"jpeg": "jpg", "htm": "html"}
_BY_MIMETYPE = {row.mimetype: row for row in FORMATS.values()} | {
    "image/jpg": FORMATS["jpg"],
    "image/x-eps": FORMATS["eps"],
    "application/eps": FORMATS["eps"],
}
_XML_PREAMBLE_LIMIT = 4096


def get_format(name: str) -> Format:
    """The row called ``name`` (``jpeg`` is an alias of ``jpg``).

    Raises
    ------
    UnsupportedType
        When the table has no such row.
    """
    row = FORMATS.get(_ALIASES.get(name, name))
    if row is None:
        raise UnsupportedType(f"There is no format {name!r:.40}; use one of {', '.join(FORMATS)}.")
    return row


def get_format_of_mimetype(content_type: str) -> Format:
    """The row of a ``Content-Type`` header, whose parameters are ignored.

    Raises
    ------
    UnsupportedType
        When the table has no such row.
    """
    mimetype = content_type.partition(";")[0].strip().lower()
    row = _BY_MIMETYPE.get(mimetype)
    if row is None:
        known = ", ".join(row.mimetype for row in FORMATS.values())
        raise UnsupportedType(f"Figures of type {mimetype!r:.80} are not served; send one of {known}.")
    return row


def find_format_of_bytes(data: bytes) -> Format | None:
    """The row whose first bytes ``data`` has, or None; text formats are told by their root element."""
    for row in FORMATS.values():
        if looks_like(row, data):
            return row
    return None


def looks_like(row: Format, data: bytes) -> bool:
    """Whether ``data`` starts as a file of this format must; nothing is decoded or decompressed."""
    if row.name == "svg":
        return _root_element(data) == b"svg"
    if row.name == "html":
        return _is_html(data)
    if row.name == "webp":
        return data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    return data.startswith(row.magic)


def png_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels from a PNG's first 24 bytes, None when they are not a PNG's.

    Source: Portable Network Graphics, section 11.2.1 (IHDR comes first).
    """
    if len(data) < 24 or not data.startswith(FORMATS["png"].magic) or data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", data[16:24])
    return (width, height) if width and height else None


def _root_element(data: bytes) -> bytes:
    """The local name of the first element, in lower case, after declaration, comments and doctype."""
    rest = data[:_XML_PREAMBLE_LIMIT].removeprefix(b"\xef\xbb\xbf").lstrip()
    while rest[:2] in (b"<?", b"<!"):
        end = b"-->" if rest.startswith(b"<!--") else b">"
        _, found, rest = rest.partition(end)
        if not found:
            return b""
        rest = rest.lstrip()
    if not rest.startswith(b"<"):
        return b""
    name = re.split(rb"[\s>/]", rest[1:80], maxsplit=1)[0]
    return name.rpartition(b":")[2].lower()


def _is_html(data: bytes) -> bool:
    """HTML is text that begins with markup other than SVG's; fragments count, as libraries emit them."""
    return b"\x00" not in data[:_XML_PREAMBLE_LIMIT] and _root_element(data) not in (b"", b"svg")
