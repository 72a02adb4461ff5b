"""The format table: names, mimetypes, and detection from the first bytes."""

from __future__ import annotations

import gzip
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_figserve.errors import UnsupportedType
from jupyter_figserve.model.formats import (
    FORMATS,
    INLINE_FORMATS,
    begin_html,
    find_format_of_bytes,
    get_format,
    get_format_of_mimetype,
    looks_like,
)

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 640, 480)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
SAMPLES = {
    "png": PNG,
    "svg": SVG,
    "pdf": b"%PDF-1.4\n",
    "jpg": b"\xff\xd8\xff\xe0",
    "webp": b"RIFF\x10\x00\x00\x00WEBPVP8 ",
    "avif": b"\x00\x00\x00\x14ftypavif\x00\x00\x00\x00avif",
    "gif": b"GIF89a",
    "apng": PNG + b"\x08\x06\x00\x00\x00CRC!" + b"\x00\x00\x00\x08acTL" + bytes(12),
    "tiff": b"II*\x00\x08\x00\x00\x00",
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "svgz": gzip.compress(SVG),
    "html": b"<!DOCTYPE html><html></html>",
}


def test_every_row_has_a_sample():
    """Every format in the table has a sample here."""
    assert SAMPLES.keys() == FORMATS.keys()


@pytest.mark.parametrize("name", SAMPLES)
def test_bytes_look_like_their_own_format_and_no_other(name: str):
    """The first bytes decide, so a file matches one format only; an animated PNG is a PNG too."""
    matching = [row.name for row in FORMATS.values() if looks_like(row, SAMPLES[name])]
    assert matching == (["png", "apng"] if name == "apng" else [name])
    assert find_format_of_bytes(SAMPLES[name]) is FORMATS[name]


def test_formats_for_img_elements():
    """The formats that every browser shows in an ``<img>``, the preferred one first."""
    assert [row.name for row in INLINE_FORMATS] == ["png", "svg", "jpg", "webp", "avif", "gif", "apng"]


@pytest.mark.parametrize("alias", [("jpeg", "jpg"), ("htm", "html"), ("tif", "tiff"), ("png", "png")])
def test_names_and_aliases(alias: tuple[str, str]):
    """``jpeg``, ``tif`` and ``htm`` are aliases."""
    assert get_format(alias[0]).name == alias[1]


@pytest.mark.parametrize("name", ["", "PNG", "bmp", "../png", "png\n", "svg\r\nX: y", "exe", "json"])
def test_other_names_are_rejected(name: str):
    """Names are case-sensitive; JSON is not an image format."""
    with pytest.raises(UnsupportedType):
        get_format(name)


@pytest.mark.parametrize("row", FORMATS.values(), ids=FORMATS)
def test_content_type_is_read_back(row):
    """A Content-Type that we send is parsed back, in any case and with parameters."""
    assert get_format_of_mimetype(row.content_type) is row
    assert get_format_of_mimetype(f" {row.mimetype.upper()} ; q=1") is row


@pytest.mark.parametrize("content_type", ["", "image", "image/bmp", "text/plain", "application/json", "image/png2"])
def test_other_content_types_are_rejected(content_type: str):
    """The message lists the accepted types."""
    with pytest.raises(UnsupportedType, match="image/png"):
        get_format_of_mimetype(content_type)


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + SVG,
        b'\n\t<?xml version="1.0" encoding="utf-8"?>\n' + SVG,
        b"<!-- a > b --><!-- second -->" + SVG,
        b'<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/svg11.dtd">' + SVG,
        b'<svg:svg xmlns:svg="http://www.w3.org/2000/svg"></svg:svg>',
        b"<svg>",
        b"<svg\n width='1'>",
        b"<svg/>",
    ],
    ids=["BOM", "declaration", "comments", "doctype", "namespace prefix", "bare", "newline", "empty"],
)
def test_svg_is_detected_by_its_root_element(data: bytes):
    """Declarations, comments and white space before the root element are skipped."""
    assert find_format_of_bytes(data) is FORMATS["svg"]


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE svg [<!ENTITY a "b">' + SVG,
        b"<!-- never closed " + SVG,
        b"<?xml never closed",
        b" " * 70_000 + SVG,
    ],
    ids=["open internal subset", "open comment", "open declaration", "beyond the limit"],
)
def test_svg_without_an_obvious_root_is_rejected(data: bytes):
    """Text that ends within its declarations, or without an obvious root element, match no format."""
    assert find_format_of_bytes(data) is None


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"<script>alert(1)</script>" + PNG, None),
        (b"<html><!--" + SVG, "html"),
        (PNG + b"<script>alert(1)</script>", "png"),
        (b"%PDF-1.4 <svg>", "pdf"),
        (b"<svg><html>", "svg"),
        (b"<div>fragment</div>", "html"),
        (b"GIF89a/*<svg>", "gif"),
        (b"<div>\x00</div>", None),
        (b"RIFF\x10\x00\x00\x00WAVE", None),
        (b"PK\x03\x04", None),
        (b"plain words", None),
    ],
)
def test_polyglots_count_as_their_first_format(data: bytes, name: str | None):
    """A file that is valid in two formats counts as the one that a browser would detect, or as none."""
    assert find_format_of_bytes(data) is (FORMATS[name] if name else None)


@pytest.mark.parametrize("data", [b"", b"<", b"< ", b"<>", b"</", b"<!", b"<?", b"\xef\xbb\xbf", b"<!-->", b"<\n"])
def test_incomplete_markup_matches_no_format(data: bytes):
    """The start of a tag without its end matches no format, without an error."""
    assert find_format_of_bytes(data) in (None, FORMATS["html"])
    assert not looks_like(FORMATS["svg"], data)


@given(st.binary(max_size=200) | st.builds(b"<".__add__, st.binary(max_size=60)))
def test_detection_never_raises(data: bytes):
    """Detection agrees with ``looks_like`` for any bytes."""
    found = find_format_of_bytes(data)
    assert found is None or looks_like(found, data)


@pytest.mark.parametrize("html", [b"words <b>and</b>", b"<svg></svg>", b"<?xml version='1.0'?><svg/>", b"&lt;"])
def test_fragments_of_html_get_a_beginning(html):
    """Those that begin with text or an SVG; others are left alone."""
    assert looks_like(FORMATS["html"], begin_html(html))
    assert begin_html(html).endswith(html)
    assert begin_html(b"<p>" + html) == b"<p>" + html
