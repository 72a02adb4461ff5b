"""Uploads: forms are parsed and bytes are checked against their types, without decoding or unbounded unpacking."""

from __future__ import annotations

import contextlib
import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders

from jupyter_figserve.errors import FigServeError, InvalidInput, TooLarge, UnsupportedType
from jupyter_figserve.server.services.figures import upload
from jupyter_figserve.server.services.figures.upload import PublishRequest, read_upload

from ...sample_images import HTML, PDF, SAMPLES, SVG, apng, multipart, png, png_header

PIXELS = 1_000_000


def read(body: bytes, content_type: str, pixels: int = PIXELS, **query: str) -> PublishRequest:
    return read_upload(body, HTTPHeaders({"Content-Type": content_type}), {"name": "sales", **query}, pixels)


def read_form(
    figure: object, *parts: tuple[str, bytes], thumbnail: bytes | None = None, **query: str
) -> PublishRequest:
    body, headers = multipart(figure, *parts, thumbnail=thumbnail)
    return read_upload(body, HTTPHeaders(headers), query, PIXELS)


@pytest.mark.parametrize("type", SAMPLES)
def test_every_format_is_known(type):
    """By its content type, in any case and with any parameters."""
    mimetype, data = SAMPLES[type]
    for written in (mimetype, mimetype.upper(), f"{mimetype}; charset=utf-8"):
        (image,) = read(data, written).images
        assert (image.mimetype, image.data) == (mimetype, data)


@pytest.mark.parametrize(
    ("type", "data"),
    [
        ("image/png", HTML),
        ("image/png", SVG),
        ("image/png", png()[:-1]),
        ("image/png", png() + b"<script>"),
        ("image/jpeg", png()),
        ("image/apng", png()),
        ("image/jpeg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\xff\xd9"),
        ("image/webp", b"RIFF\0\0\0\0WAVEfmt "),
        ("image/svg+xml", HTML),
        ("image/svg+xml", b"<html><svg></svg></html>"),
        ("image/svg+xml", b"no markup"),
        ("application/pdf", b" " + PDF),
        ("text/html", SVG),
        ("text/html", b"\x00<html>"),
        ("image/svg+xml-compressed", SVG),
        ("image/svg+xml-compressed", gzip.compress(HTML, mtime=0)),
        ("image/svg+xml-compressed", b"\x1f\x8bnothing"),
    ],
)
def test_bytes_that_are_something_else_are_rejected(type, data):
    """Including a PNG with trailing bytes, and the content of an svgz."""
    with pytest.raises(UnsupportedType) as caught:
        read(data, type)
    assert caught.value.code == "type_mismatch"


@pytest.mark.parametrize("type", ["", "image/bmp", "application/octet-stream", "text/plain", "application/json"])
def test_other_types_are_rejected(type):
    """Types outside the format table are refused."""
    with pytest.raises(UnsupportedType):
        read(png(), type)


def test_empty_image_is_rejected():
    """An empty body is refused."""
    with pytest.raises(InvalidInput, match="empty"):
        read(b"", "image/png")


def test_size_of_a_png_is_its_headers():
    """The header's size takes precedence over the size in the request."""
    upload = read_form({"name": "a", "sizes": [{"width": 999, "height": 999, "dpi": 144}]}, ("image/png", png(40, 30)))
    (image,) = upload.images
    assert (image.width, image.height, image.dpi) == (40, 30, 144.0)


@pytest.mark.parametrize(
    ("type", "data", "size"),
    [
        ("image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg" width="504pt" height="360pt"/>', (672, 480)),
        ("image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 30 20"/>', (30, 20)),
        ("image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg"/>', (None, None)),
        ("image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg" width="99999999px" height="9px"/>', (None, None)),
        (
            "image/svg+xml-compressed",
            gzip.compress(b'<svg width="30" height="20">' + b" " * 200_000 + b"</svg>"),
            (30, 20),
        ),
        ("application/pdf", b"%PDF-1.4\n" + b"%" * 300_000 + b"<< /MediaBox [0 0 504 360] >>", (672, 480)),
        ("application/postscript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 504 360\n", (672, 480)),
    ],
)
def test_size_of_a_vector_image_is_what_it_states(type, data, size):
    """As programs of other languages send it, which name no size; the request's size is that of a kernel."""
    (image,) = read(data, type).images
    assert (image.width, image.height) == size
    (image,) = read_form({"name": "a", "sizes": [{"width": 64, "height": 48}]}, (type, data)).images
    assert (image.width, image.height) == (64, 48)


def test_too_many_pixels_are_rejected_by_the_header():
    """Without decoding; the limit itself is allowed."""
    assert read(png_header(1000, 1000), "image/png").images[0].width == 1000
    for size in ((1001, 1000), (2**31 - 1, 2**31 - 1)):
        with pytest.raises(TooLarge):
            read(png_header(*size), "image/png")


@pytest.mark.parametrize(
    "svg",
    [
        b'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg>&a;</svg>',
        b'<?xml version="1.0"?><!doctype svg [ <!entity % x SYSTEM "http://evil/x.dtd"> %x; ]><svg/>',
        b'<!DOCTYPE svg [<!ENTITY a "&b;"><!ENTITY b "&a;">]><svg>&a;</svg>',
        b'<svg><!-- --><!ENTITY a "b"></svg>',
    ],
)
def test_svg_that_declares_too_much_is_rejected(svg):
    """External, parameter and endless entities are refused, compressed or not."""
    for type, data in (("image/svg+xml", svg), ("image/svg+xml-compressed", gzip.compress(svg))):
        with pytest.raises(InvalidInput) as caught:
            read(data, type)
        assert caught.value.code == "svg_entities"


def test_svg_with_small_entities_is_stored_unchanged():
    """Illustrator declares its namespaces so; browsers expand them."""
    doctype = b'<!DOCTYPE svg PUBLIC "x" "y" [<!ENTITY ns "http://www.w3.org/2000/svg">]>'
    svg = doctype + SVG.replace(b"http://www.w3.org/2000/svg", b"&ns;")
    assert read(svg, "image/svg+xml").images[0].data == svg


def test_svg_that_hides_text_is_rejected():
    """NUL bytes, an unknown encoding and bytes of another encoding are refused."""
    for svg in (
        SVG.replace(b"<path", b"<path>\x00"),
        b'<?xml version="1.0" encoding="utf-7"?>' + SVG,
        SVG.replace(b"<path", b"<path>\xff"),
    ):
        with pytest.raises(InvalidInput) as caught:
            read(svg, "image/svg+xml")
        assert caught.value.code == "svg_encoding"


def test_svg_is_stored_as_utf8():
    """It is served as UTF-8, regardless of its encoding."""
    (image,) = read(SVG.decode().encode("utf-16"), "image/svg+xml").images
    assert image.data.endswith(SVG)


def test_svg_with_a_plain_doctype_is_taken():
    """A doctype as matplotlib writes it is accepted."""
    doctype = b'<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/svg11.dtd">'
    assert read(doctype + SVG, "image/svg+xml").images


def test_svgz_is_not_expanded_beyond_the_limit(monkeypatch):
    """A compression bomb is not unpacked beyond the limit."""
    monkeypatch.setattr(upload, "_MAX_UNPACKED_BYTES", 10_000)
    with pytest.raises(TooLarge):
        read(gzip.compress(b"<svg>" + b" " * 10_000_000 + b"</svg>"), "image/svg+xml-compressed")


def test_kind_C12_every_gzip_member_of_an_svgz_is_checked():
    """Browsers join the members, so that a later one can hide entities."""
    hidden = b'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + SVG
    for data, reason in (
        (gzip.compress(b"<!-- -->") + gzip.compress(hidden), "Remove the declarations"),
        (gzip.compress(SVG) + b"trailing", "not gzip"),
        (gzip.compress(SVG)[:-9], "ends early"),
        (gzip.compress(b"") * 200, "members"),
    ):
        with pytest.raises((InvalidInput, UnsupportedType), match=reason):
            read(data, "image/svg+xml-compressed")
    two = gzip.compress(SVG[:30]) + gzip.compress(SVG[30:])
    assert read(two, "image/svg+xml-compressed").images[0].data == two


def test_kind_C12_pixels_of_every_raster_format_are_bounded():
    """By the size in the header, of the largest frame too."""
    for name in ("jpg", "webp", "avif", "gif", "apng", "tiff", "png"):
        mimetype, data = SAMPLES[name]
        assert (read(data, mimetype, pixels=12).images[0].width, name) == (4, name)
        with pytest.raises(TooLarge, match="figure_pixels"):
            read(data, mimetype, pixels=11)


def test_larger_frame_is_named():
    """The size of the canvas alone would not say what is too large."""
    gif = bytearray(SAMPLES["gif"][1])
    start = gif.index(b",", 13)
    gif[start + 5 : start + 9] = b"\xff" * 4
    with pytest.raises(
        TooLarge, match=r"has 4 × 3 pixels, with 4,294,836,225 in one frame or page; the maximum is 12 "
    ):
        read(bytes(gif), "image/gif", pixels=12)


def test_frames_of_an_animation_are_told_and_bounded():
    """An animated PNG is stored as such under either type."""
    data = apng(frames=3)
    for type in ("image/png", "image/apng"):
        (image,) = read(data, type).images
        assert (image.mimetype, image.frames, image.duration) == ("image/apng", 3, 0.3)
    with pytest.raises(TooLarge, match=r"3 frames.*animation_frames"):
        read_upload(data, HTTPHeaders({"Content-Type": "image/apng"}), {"name": "a"}, PIXELS, 2)


def test_form_is_read():
    """The query's fields take precedence over those in the figure part."""
    got = read_form(
        {"name": "a", "title": "One", "alt": None}, ("image/png", png()), ("image/svg+xml", SVG), title="Two"
    )
    assert (got.name, got.title, got.alt) == ("a", "Two", "")
    assert [image.mimetype for image in got.images] == ["image/png", "image/svg+xml"]


def test_thumbnail_is_a_png():
    """A thumbnail of another type is refused."""
    assert read_form({"name": "a"}, ("image/svg+xml", SVG), thumbnail=png()).thumbnail.width == 4
    body, headers = multipart({"name": "a"}, ("image/svg+xml", SVG), thumbnail=SVG)
    body = body.replace(b"Content-Type: image/png", b"Content-Type: image/svg+xml")
    with pytest.raises(UnsupportedType, match="thumbnail"):
        read_upload(body, HTTPHeaders(headers), {}, PIXELS)


def test_kind_C12_thumbnail_has_a_limited_size():
    """In pixels, as other images: pages show many of them."""
    with pytest.raises(TooLarge, match="figure_pixels"):
        read_form({"name": "a"}, ("image/svg+xml", SVG), thumbnail=png_header(60_000, 60_000))


@pytest.mark.parametrize(
    ("figure", "parts"),
    [
        (None, [("image/png", png())]),
        ({"name": "a"}, []),
        ({"name": "a"}, [("image/png", png()), ("image/png", png(grey=1))]),
        ({"name": "a", "colour": 1}, [("image/png", png())]),
        ({"name": 7}, [("image/png", png())]),
        ({"name": "a", "title": ["x"]}, [("image/png", png())]),
        ({"name": "a", "cell": "x"}, [("image/png", png())]),
        ({"name": "a", "provenance": [1]}, [("image/png", png())]),
        (["name"], [("image/png", png())]),
        ("name", [("image/png", png())]),
    ],
)
def test_malformed_form_is_rejected(figure, parts):
    """No name, no image, two of one type, unknown or ill-typed fields, or JSON that is not an object."""
    with pytest.raises(InvalidInput):
        read_form(figure, *parts)


@pytest.mark.parametrize(
    "sizes",
    [{}, [], "x", [None], [{"width": "9"}], [{"width": -1}], [{"width": 10**9}], [{"width": True}], [{"dpi": "x"}]],
)
def test_malformed_size_is_unknown(sizes):
    """An impossible size is ignored; the size is that of the SVG."""
    (image,) = read_form({"name": "a", "sizes": sizes}, ("image/svg+xml", SVG)).images
    assert (image.width, image.height, image.dpi) == (4, 3, None)


@pytest.mark.parametrize("dpi", [-5, 0, True, 10**9, "100"])
def test_impossible_dpi_is_unknown(dpi):
    """An impossible resolution is ignored."""
    assert read_form({"name": "a", "sizes": [{"dpi": dpi}]}, ("image/png", png())).images[0].dpi is None


def test_too_many_parts_are_rejected():
    """Before any part is parsed."""
    with pytest.raises(InvalidInput) as caught:
        read_form({"name": "a"}, *[("image/png", png())] * 50)
    assert caught.value.code == "too_many_parts"


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=other"])
def test_form_without_its_boundary_is_rejected(content_type):
    """With 400."""
    body, _ = multipart({"name": "a"}, ("image/png", png()))
    with pytest.raises(InvalidInput):
        read_upload(body, HTTPHeaders({"Content-Type": content_type}), {}, PIXELS)


@pytest.mark.parametrize("text", [b"{", b"[" * 60_000, b"\xff", b'{"dpi": NaN}', b'{"dpi": 1e999}'])
def test_figure_part_that_is_not_json_is_rejected(text):
    """Including endless nesting, and numbers that Python parses but JSON does not have."""
    body, headers = multipart({"x": 1}, ("image/png", png()))
    body = body.replace(json.dumps({"x": 1}).encode(), text)
    with pytest.raises((InvalidInput, TooLarge)):
        read_upload(body, HTTPHeaders(headers), {}, PIXELS)


TYPES = st.sampled_from([mimetype for mimetype, _ in SAMPLES.values()]) | st.text(
    st.characters(codec="ascii"), max_size=20
)
BODIES = st.sampled_from([data for _, data in SAMPLES.values()])
DAMAGED = st.builds(
    lambda data, at, new: data[:at] + new + data[at + len(new) :], BODIES, st.integers(0, 99), st.binary()
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just("\ud800"),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=9), values, max_size=3),
    max_leaves=5,
)
FIGURES = st.fixed_dictionaries({}, optional=dict.fromkeys(upload.FIELDS, VALUES))


def assert_well_formed(found: PublishRequest) -> None:
    json.dumps([found.title, found.alt, found.caption, found.provenance], ensure_ascii=False).encode()
    assert found.name.isprintable()
    assert all((image.width or 1) > 0 and (image.height or 1) > 0 for image in found.images)


@given(st.binary(max_size=60) | BODIES | DAMAGED, TYPES)
def test_any_body_is_a_figure_or_an_error_of_ours(body, content_type):
    """Of any type; a figure has plausible sizes."""
    with contextlib.suppress(FigServeError):
        assert_well_formed(read(body, content_type))


@given(FIGURES | VALUES, st.lists(st.tuples(TYPES, BODIES | DAMAGED), max_size=2), st.binary(max_size=30))
def test_any_form_is_a_figure_or_an_error_of_ours(figure, parts, added):
    """With any fields, any parts, and bytes that break it."""
    body, headers = multipart(figure, *((kind.replace("\r", "").replace("\n", ""), data) for kind, data in parts))
    for sent in (body, body[: len(body) // 2] + added + body[len(body) // 2 :]):
        with contextlib.suppress(FigServeError):
            assert_well_formed(read_upload(sent, HTTPHeaders(headers), {}, PIXELS))
