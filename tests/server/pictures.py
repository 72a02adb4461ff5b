"""Small pictures of every format, made here so that no test depends on a plotting library."""

from __future__ import annotations

import gzip
import struct
import zlib

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="4" height="3"><path d="M0 0h4"/></svg>'
HTML = b"<!doctype html><title>plot</title><script>document.title = 'drawn'</script>"
PDF = b"%PDF-1.7\n%%EOF\n"
JPG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\xff\xd9"
WEBP = b"RIFF\x0c\x00\x00\x00WEBPVP8 "
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%EOF\n"
SVGZ = gzip.compress(SVG, mtime=0)


def png(width: int = 4, height: int = 3, grey: int = 0) -> bytes:
    """A whole PNG of one grey, eight bits a pixel."""
    rows = (b"\x00" + bytes([grey]) * width) * height
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
            _chunk(b"IDAT", zlib.compress(rows)),
            _chunk(b"IEND", b""),
        )
    )


def png_header(width: int, height: int) -> bytes:
    """What claims to be a PNG of any size, without the pixels."""
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PICTURES = {
    "png": ("image/png", png()),
    "svg": ("image/svg+xml", SVG),
    "pdf": ("application/pdf", PDF),
    "jpg": ("image/jpeg", JPG),
    "webp": ("image/webp", WEBP),
    "eps": ("application/postscript", EPS),
    "svgz": ("image/svg+xml-compressed", SVGZ),
    "html": ("text/html", HTML),
}
"""Content type and bytes by format."""
