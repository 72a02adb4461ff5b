"""Small images of every format, made without a plotting library."""

from __future__ import annotations

import base64
import gzip
import json
import struct
import zlib
from collections.abc import Mapping

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="4" height="3"><path d="M0 0h4"/></svg>'
HTML = b"<!doctype html><title>plot</title><script>document.title = 'drawn'</script>"
PDF = b"%PDF-1.7\n%%EOF\n"
JPG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP//////////////////////////////////////////////////////////////////"
    "////////////////////wAALCAADAAQBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAA//EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAI"
    "AQEAAD8AN//Z"
)
WEBP = base64.b64decode("UklGRhoAAABXRUJQVlA4TA4AAAAvA4AAAAcQEf0PRET/Aw==")
AVIF = base64.b64decode(
    "AAAAHGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZgAAAOltZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA"
    "AA5waXRtAAAAAAABAAAAHmlsb2MAAAAARAAAAQABAAAAAQAAAQ0AAAAbAAAAKGlpbmYAAAAAAAEAAAAaaW5mZQIAAAAAAQAAYXYw"
    "MUNvbG9yAAAAAGhpcHJwAAAASWlwY28AAAAUaXNwZQAAAAAAAAAEAAAAAwAAAA5waXhpAAAAAAEIAAAADGF2MUOBABwAAAAAE2Nv"
    "bHJuY2x4AAEADQAGgAAAABdpcG1hAAAAAAAAAAEAAQQBAoMEAAAAI21kYXQSAAoIGAR5pgIaDUAyDR/1Fd/+LACQNZFuXHA="
)
TIFF = base64.b64decode(
    "SUkqAAgAAAAJAAABBAABAAAABAAAAAEBBAABAAAAAwAAAAIBAwABAAAACAAAAAMBAwABAAAAAQAAAAYBAwABAAAAAQAAABEBBAAB"
    "AAAAegAAABYBBAABAAAAAwAAABcBBAABAAAADAAAABwBAwABAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAA="
)
GIF = base64.b64decode("R0lGODdhBAADAIEAAAAAAAAAAAAAAAAAACwAAAAABAADAAAICAABCBxIUGBAADs=")
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%EOF\n"
SVGZ = gzip.compress(SVG, mtime=0)


def png(width: int = 4, height: int = 3, grey: int = 0) -> bytes:
    """Return a valid PNG of one grey, with eight bits per pixel."""
    rows = (b"\x00" + bytes([grey]) * width) * height
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
            _chunk(b"IDAT", zlib.compress(rows)),
            _chunk(b"IEND", b""),
        )
    )


def apng(width: int = 4, height: int = 3, frames: int = 2) -> bytes:
    """Return an animated PNG whose frames last a tenth of a second."""
    control = struct.pack(">IIIIHHBB", width, height, 0, 0, 1, 10, 0, 0)
    later = b"".join(
        _chunk(b"fcTL", struct.pack(">I", 2 * index - 1) + control)
        + _chunk(b"fdAT", struct.pack(">I", 2 * index) + zlib.compress((b"\x00" + bytes([index]) * width) * height))
        for index in range(1, frames)
    )
    still = png(width, height)
    header, body = still[:33], still[33:-12]
    first = _chunk(b"acTL", struct.pack(">II", frames, 0)) + _chunk(b"fcTL", bytes(4) + control)
    return header + first + body + later + _chunk(b"IEND", b"")


def png_header(width: int, height: int) -> bytes:
    """Return the header of a PNG of any size, without the pixels."""
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + _chunk(b"IEND", b"")
    )


def multipart(
    figure: Mapping[str, object] | None, *parts: tuple[str, bytes], thumbnail: bytes | None = None
) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of an upload by form; ``parts`` are content types with bytes."""
    fields = [] if figure is None else [(b'name="figure"', "application/json", json.dumps(figure).encode())]
    fields += [
        (f'name="representation"; filename="{number}"'.encode(), type, data)
        for number, (type, data) in enumerate(parts)
    ]
    fields += [] if thumbnail is None else [(b'name="thumbnail"; filename="t.png"', "image/png", thumbnail)]
    body = b"".join(
        b"--b\r\nContent-Disposition: form-data; %b\r\nContent-Type: %b\r\n\r\n%b\r\n" % (name, type.encode(), data)
        for name, type, data in fields
    )
    return body + b"--b--\r\n", {"Content-Type": "multipart/form-data; boundary=b"}


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


SAMPLES = {
    "png": ("image/png", png()),
    "svg": ("image/svg+xml", SVG),
    "pdf": ("application/pdf", PDF),
    "jpg": ("image/jpeg", JPG),
    "webp": ("image/webp", WEBP),
    "avif": ("image/avif", AVIF),
    "gif": ("image/gif", GIF),
    "apng": ("image/apng", apng()),
    "tiff": ("image/tiff", TIFF),
    "eps": ("application/postscript", EPS),
    "svgz": ("image/svg+xml-compressed", SVGZ),
    "html": ("text/html", HTML),
}
"""Content type and bytes by format."""
