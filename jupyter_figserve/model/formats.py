"""The table of formats: mimetypes, suffixes and first bytes. Any process."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UnsupportedType
from .images.containers import is_avif, is_tiff
from .images.headers import is_apng
from .images.svg import root_element


@dataclass(frozen=True)
class Format:
    """A row of the table.

    Parameters
    ----------
    name
        The suffix in URLs, and the value of ``format=`` in Python.
    mimetype
        Without parameters.
    is_text
        Whether it is served with ``charset=utf-8``.
    is_vector
        Sizes are CSS pixels, 96 to the inch, instead of pixels at a dpi.
    is_inline
        Browsers show it in an ``<img>``.
    is_animated
        It is meant for animations, and offered for them only.
    magic
        Alternative byte strings at the start; empty if ``looks_like`` examines the text.
    """

    name: str
    mimetype: str
    is_text: bool = False
    is_vector: bool = False
    is_inline: bool = False
    is_animated: bool = False
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
        Format("avif", "image/avif", is_inline=True),
        Format("gif", "image/gif", is_inline=True, is_animated=True, magic=(b"GIF87a", b"GIF89a")),
        Format("apng", "image/apng", is_inline=True, is_animated=True, magic=(b"\x89PNG\r\n\x1a\n",)),
        Format("tiff", "image/tiff"),
        Format("eps", "application/postscript", is_vector=True, magic=(b"%!PS",)),
        Format("svgz", "image/svg+xml-compressed", is_vector=True, magic=(b"\x1f\x8b",)),
        Format("html", "text/html", is_text=True),
    )
}
DATA_FORMATS: dict[str, Format] = {
    "json": Format("json", "application/json", is_text=True),
    "csv": Format("csv", "text/csv", is_text=True),
}
"""Formats of live figures that return data instead of a figure; nothing else is available in them."""
TABLES = Format("tables", "application/x-ndjson", is_text=True)
"""What a sandbox answers when it is asked for the data of a figure; see ``data_tables``."""
INLINE_FORMATS = tuple(row for row in FORMATS.values() if row.is_inline)
ANIMATION_FORMATS = ("gif", "apng", "webp")
"""Names of the formats that an animation can be published in, the default first."""
_ALIASES = {"jpeg": "jpg", "htm": "html", "tif": "tiff"}
_BY_MIMETYPE = {row.mimetype: row for row in FORMATS.values()} | {
    "image/jpg": FORMATS["jpg"],
    "image/vnd.mozilla.apng": FORMATS["apng"],
    "image/x-eps": FORMATS["eps"],
    "application/eps": FORMATS["eps"],
}
_TEXT_HEAD_BYTES = 4096
_BEGINNING = b"<!doctype html><html><body>"


def get_format(name: str) -> Format:
    """Return the format called ``name`` or an alias of it, such as ``jpeg``.

    Raises
    ------
    UnsupportedType
        The format is unknown.
    """
    row = FORMATS.get(_ALIASES.get(name, name)) if isinstance(name, str) else None
    if row is None:
        raise UnsupportedType(f"Unknown format {name!r:.40}; use one of {', '.join(FORMATS)}.")
    return row


def get_live_format(name: str) -> Format:
    """Return the format of a live figure's output, which may be data too.

    Raises
    ------
    UnsupportedType
        The format is unknown.
    """
    return (DATA_FORMATS.get(name) if isinstance(name, str) else None) or get_format(name)


def get_job_format(name: str) -> Format:
    """Return the format of the result of a job in the sandbox.

    Raises
    ------
    UnsupportedType
        The format is unknown.
    """
    return TABLES if name == TABLES.name else get_live_format(name)


def get_format_of_mimetype(content_type: str) -> Format:
    """Return the format of a ``Content-Type`` header, whose parameters are ignored.

    Raises
    ------
    UnsupportedType
        The mimetype is unknown.
    """
    mimetype = content_type.partition(";")[0].strip().lower()
    row = _BY_MIMETYPE.get(mimetype)
    if row is None:
        known = ", ".join(row.mimetype for row in FORMATS.values())
        raise UnsupportedType(f"The type {mimetype!r:.80} is not supported; send one of {known}.")
    return row


def get_live_format_of_mimetype(mimetype: str) -> Format:
    """Return the format of a live figure's output.

    Raises
    ------
    UnsupportedType
        The mimetype is unknown.
    """
    own = next((row for row in DATA_FORMATS.values() if row.mimetype == mimetype), None)
    return own or get_format_of_mimetype(mimetype)


def find_format_of_bytes(data: bytes) -> Format | None:
    """Return the format of encoded bytes by their start, None if unknown; the root element decides for text."""
    if is_apng(data):  # an animated PNG looks like a PNG too
        return FORMATS["apng"]
    return next((row for row in FORMATS.values() if looks_like(row, data)), None)


def looks_like(row: Format, data: bytes) -> bool:
    """Whether ``data`` starts like a file of this format; nothing is decoded or decompressed."""
    if row.name in DATA_FORMATS or row is TABLES:
        return _is_utf8(data)
    if row.name == "svg":
        return root_element(data) == "svg"
    if row.name == "html":
        return _is_html(data)
    if row.name == "webp":
        return data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    if row.name == "apng":
        return is_apng(data)
    if row.name == "avif":
        return is_avif(data)
    return is_tiff(data) if row.name == "tiff" else data.startswith(row.magic)


def begin_html(data: bytes) -> bytes:
    """Return HTML that begins like HTML: a fragment that begins with text or an SVG is put after a beginning."""
    return data if looks_like(FORMATS["html"], data) else _BEGINNING + data


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_html(data: bytes) -> bool:
    """Whether the text begins with markup other than SVG; fragments, which libraries emit, count as HTML."""
    return b"\x00" not in data[:_TEXT_HEAD_BYTES] and root_element(data) not in ("", "svg")
