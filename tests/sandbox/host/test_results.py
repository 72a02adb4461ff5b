"""Validation of a child's result: any bytes, possibly written by hostile code, become a result or one of our errors.

In ``test_hostile_code`` and ``test_informed_attacks`` a real child of each tier runs one attack of each kind.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_figserve.errors import CodeFailed, FigServeError, InvalidInput, NoFigure, OutputInvalid, TooLarge
from jupyter_figserve.model.rendering import ALL, DrawOptions, RenderJob, RenderResult
from jupyter_figserve.model.texts import MAX_TITLE_LENGTH
from jupyter_figserve.sandbox import wire
from jupyter_figserve.sandbox.fake import draw
from jupyter_figserve.sandbox.host.job_frames import ChildAnswer
from jupyter_figserve.sandbox.host.job_limits import JobLimits
from jupyter_figserve.sandbox.host.results import parse_result

from ...mutations import mutated_frame

LIMITS = JobLimits(pixels=1_000_000, source_bytes=100, timeout=10.0)
JOB = RenderJob("code", b"")
PNG = draw(JOB).images[0].data
HTML = b"<!doctype html><script>alert(1)</script>"
CONTROLS = set(map(chr, (*range(9), *range(11, 32), *range(127, 160)))) | {"\ud800"}


def job(name: str = "png", **fields: Any) -> RenderJob:
    options = {key: fields.pop(key) for key in ("width", "height", "tight") if key in fields}
    return RenderJob("code", b"", DrawOptions(format=name, **options), **fields)


def frame(header: bytes | dict[str, Any], *parts: bytes) -> bytes:
    """A frame as a child could send it; the sizes are those of the parts unless the header sets its own."""
    if isinstance(header, dict):
        header = json.dumps({"sizes": [len(part) for part in parts], **header}).encode()
    return struct.pack(">IQ", len(header), sum(map(len, parts))) + header + b"".join(parts)


def parse(data: bytes | None, of: RenderJob = JOB, status: int | None = None) -> RenderResult:
    return parse_result(of, ChildAnswer(data, "printed", status), LIMITS)


def parsed(*parts: bytes, of: RenderJob = JOB, **header: Any) -> RenderResult:
    fields = {"status": "rendered", "images": [{}] * (len(parts) - ("thumbnail" in header)), **header}
    return parse(frame(fields, *parts), of)


def test_a_frame_of_the_child_is_accepted():
    """Images with their metadata, thumbnail, texts and versions are parsed."""
    small = draw(job(with_thumbnail=True)).thumbnail
    result = parsed(
        PNG,
        small.data,
        images=[{"dpi": 100}],
        thumbnail={},
        title=" A\ntitle ",
        alt="Alt",
        libraries={"numpy": "2"},
        device_pixel_ratio=1,
    )
    assert (result.images[0].data, result.images[0].width, result.images[0].dpi) == (PNG, 640, 100.0)
    assert (result.thumbnail.width, result.title, result.alt, result.output) == (32, "A title", "Alt", "printed")
    assert result.libraries == {"numpy": "2"}


@pytest.mark.parametrize("status", [0, 1, None])
def test_an_exit_without_a_result(status: int | None):
    """A process that exits without a frame has made no figure."""
    with pytest.raises(NoFigure, match=r"os\._exit"):
        parse(None, status=status)


@pytest.mark.parametrize(("status", "name"), [(-11, "SIGSEGV"), (-6, "SIGABRT"), (-31, "SIGSYS"), (-99, "signal 99")])
def test_a_crash_names_its_signal(status: int, name: str):
    """A negative status is a signal: the code has crashed."""
    with pytest.raises(OutputInvalid, match=name) as caught:
        parse(None, status=status)
    assert caught.value.code == "crashed"


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 200_000,
        b"null",
        b"5",
        b'{"status": "rendered"}',
        b'{"status": "rendered", "images": ' + b"[" * 100_000,
        b'{"sizes": [' + b"9" * 100_000 + b"]}",
        b'{"sizes": [-1, 1]}',
        b'{"sizes": [-1, 2]}',
        b'{"sizes": [1e0]}',
        b'{"sizes": [true]}',
        b'{"sizes": {"0": 1}}',
        b'{"status": "rendered", "images": {}, "sizes": [1]}',
        b'{"status": "rendered", "images": [], "sizes": [1]}',
        b'{"status": "rendered", "images": [null, 1], "sizes": [1]}',
        b'{"status": "rendered", "images": [1], "sizes": []}',
        b'{"status": ["rendered"], "sizes": [1]}',
        b'{"status": "rendered", "images": [{}], "thumbnail": {}, "sizes": [1]}',
        b"\xff\xfe",
        b"",
    ],
)
def test_a_malformed_header(header: bytes):
    """A header that is not valid JSON, or does not fit its parts, is refused."""
    with pytest.raises(OutputInvalid) as caught:
        parse(frame(header, b"x"))
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "header",
    [
        {"status": "failed", "kind": {}, "message": [], "line": float("nan"), "traceback": 5},
        {"status": "failed", "kind": 5, "line": 1e999, "message": "\ud800\0", "traceback": []},
        {"status": "failed", "message": "\ud800\0\x1b[31m"},
        {"status": "failed", "kind": "a\r\nSet-Cookie: b", "message": "x" * 300_000},
        {"status": "output", "code": "../../etc", "message": None},
        {"status": "output", "code": "x\r\nSet-Cookie: a", "message": 7},
        {"status": "input", "message": "x" * 200_000},
        {"status": "no figure", "message": "\x9b31m"},
        {"status": None},
        {},
    ],
)
def test_a_forged_error_stays_inside_its_fields(header: dict[str, Any]):
    """Its texts are short and have no control characters; its code is a single word."""
    with pytest.raises(FigServeError) as caught:
        parse(frame(header))
    error = caught.value
    assert len(str(error)) < 5_000
    assert not CONTROLS & set(f"{error.code}{error}")
    assert "\n" not in error.code
    if isinstance(error, CodeFailed):
        assert error.line is None
        assert "\n" not in error.kind
        assert not CONTROLS & set(error.traceback)


@pytest.mark.parametrize(
    ("header", "kind", "code"),
    [
        ({"status": "failed", "kind": "KeyError", "message": "'a'", "line": 3}, CodeFailed, "code_failed"),
        ({"status": "no figure", "message": "None."}, NoFigure, "no_figure"),
        ({"status": "input", "message": "No style."}, InvalidInput, "invalid_input"),
        ({"status": "output", "code": "too_many_pixels", "message": "Big."}, TooLarge, "too_many_pixels"),
        ({"status": "output", "code": "missing_library", "message": "No."}, OutputInvalid, "missing_library"),
    ],
)
def test_errors_of_the_child(header: dict[str, Any], kind: type[FigServeError], code: str):
    """Each status becomes an exception of its class; exceptions of the code include its output."""
    with pytest.raises(kind) as caught:
        parse(frame(header))
    assert (type(caught.value), caught.value.code) == (kind, code)
    if isinstance(caught.value, CodeFailed):
        assert (caught.value.kind, caught.value.line, caught.value.output) == ("KeyError", 3, "printed")
        assert str(caught.value) == "KeyError: 'a'"


@pytest.mark.parametrize("data", [HTML, b"\x89PNG\r\n\x1a\n", b"GIF89a", b"", b"\x89PNG\r\n\x1a\n" + b"<" * 99])
def test_other_bytes_instead_of_a_png(data: bytes):
    """The first bytes decide, regardless of the header."""
    with pytest.raises(OutputInvalid):
        parsed(data, images=[{"width": 1, "height": 1}])


@pytest.mark.parametrize("name", ["svg", "pdf", "eps", "svgz", "jpg", "webp"])
def test_R17_html_in_another_format(name: str):
    """HTML does not match any other format."""
    with pytest.raises(OutputInvalid, match="wrote something else"):
        parsed(HTML, of=job(name))


def test_html_as_a_thumbnail():
    """A thumbnail is checked like an image."""
    with pytest.raises(OutputInvalid):
        parsed(PNG, HTML, thumbnail={})


def test_R19_a_forged_header_with_too_many_pixels():
    """The size comes from the file's own header, not from the metadata."""
    forged = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 12_000, 12_000) + bytes(9)
    with pytest.raises(TooLarge) as caught:
        parsed(forged, images=[{"width": 1, "height": 1}])
    assert caught.value.code == "too_many_pixels"


def test_R19_a_later_page_with_too_many_pixels():
    """What a decoder would allocate counts, not the first page alone."""
    pages = [
        struct.pack("<HHHIHxxHHIHxxI", 2, 256, 3, 1, n, 257, 3, 1, n, after) for n, after in ((2, 38), (60_000, 0))
    ]
    forged = b"II*\0" + struct.pack("<I", 8) + b"".join(pages)
    with pytest.raises(TooLarge) as caught:
        parsed(forged, of=job("tiff"))
    assert caught.value.code == "too_many_pixels"


@pytest.mark.parametrize(("fields", "is_refused"), [({"width": 641}, True), ({"height": 480}, False)])
def test_an_image_has_the_requested_size(fields: dict[str, int], is_refused: bool):
    """A size other than the requested one is refused, unless the image is cropped to its content."""
    assert parsed(PNG, of=job(tight=True, **fields)).images
    if is_refused:
        with pytest.raises(OutputInvalid, match="not the requested size"):
            parsed(PNG, of=job(**fields))
    else:
        assert parsed(PNG, of=job(**fields)).images


def test_several_images_only_if_requested():
    """A second image is refused unless the job requests all figures, and even then there are limits."""
    assert len(parsed(PNG, PNG, of=job(figure=ALL)).images) == 2
    with pytest.raises(OutputInvalid):
        parsed(PNG, PNG)
    with pytest.raises(OutputInvalid, match="more than 100"):
        parsed(*[PNG] * 101, of=job(figure=ALL))


@pytest.mark.parametrize("metadata", [None, 5, [], {"dpi": "x", "width": True}, {"dpi": float("inf")}, {"dpi": -1}])
def test_implausible_metadata_is_dropped(metadata: Any):
    """The child's own metadata is used only where a lie is harmless, and only if it is plausible."""
    image = parsed(PNG, images=[metadata]).images[0]
    assert (image.width, image.height, image.dpi) == (640, 480, None)
    svg = parsed(b"<svg/>", of=job("svg"), images=[metadata]).images[0]
    assert (svg.width, svg.height) == (None, None)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"title": 5, "alt": ["x"]}, ("", "", {})),
        ({"title": "a\0b\x1b[31mc\nd"}, ("a b [31mc d", "", {})),
        ({"title": "x" * 9_999}, ("x" * MAX_TITLE_LENGTH, "", {})),
        ({"libraries": ["numpy"]}, ("", "", {})),
        ({"libraries": {"n\0": 5, "m": "1\x1b"}}, ("", "", {"n ": "", "m": "1 "})),
    ],
)
def test_texts_are_cleaned(fields: dict[str, Any], expected: tuple[str, str, dict[str, str]]):
    """Wrong types are dropped; texts lose control characters and are truncated."""
    result = parsed(PNG, **fields)
    assert (result.title, result.alt, result.libraries) == expected


def test_the_list_of_libraries_is_limited():
    """A child cannot fill the server's memory with library names."""
    assert len(parsed(PNG, libraries={f"library {n}": "1" for n in range(1_000)}).libraries) == 40


@pytest.mark.parametrize(("stated", "ratio"), [(2, 2), (1, 1), (3, 1), ("2", 1), (None, 1)])
def test_the_device_pixel_ratio_is_the_requested_one_or_one(stated: Any, ratio: int):
    """A child cannot state a ratio that the job did not request."""
    assert parsed(PNG, of=job(device_pixel_ratio=2), device_pixel_ratio=stated).device_pixel_ratio == ratio


WEBP = b"RIFF\x20\x00\x00\x00WEBP"


@pytest.mark.parametrize(
    ("name", "data", "size"),
    [
        ("jpg", b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08\x00\x02\x00\x03" + bytes(9), (3, 2)),
        ("webp", WEBP + b"VP8 " + bytes(10) + struct.pack("<HH", 3, 2), (3, 2)),
        ("webp", WEBP + b"VP8L" + bytes(5) + (2 | 1 << 14).to_bytes(4, "little") + bytes(5), (3, 2)),
        ("webp", WEBP + b"VP8X" + bytes(8) + b"\x02\x00\x00\x01\x00\x00", (3, 2)),
    ],
)
def test_sizes_of_jpeg_and_webp(name: str, data: bytes, size: tuple[int, int]):
    """Width and height are read from the first bytes, without decoding."""
    image = parsed(data, of=job(name)).images[0]
    assert (image.width, image.height) == size


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("jpg", b"\xff\xd8\xff" + bytes(99)),
        ("jpg", b"\xff\xd8" + b"\xff\xe0\x00\x00" * 99),
        ("jpg", b"\xff\xd8\xff\xc0\x00\x11\x08" + bytes(9)),
        ("webp", WEBP + b"VP8 "),
        ("webp", WEBP + b"ABCD" + bytes(40)),
        ("webp", WEBP + b"VP8 " + bytes(40)),
    ],
)
def test_images_without_a_size_are_rejected(name: str, data: bytes):
    """A raster image must state a size, because its pixels are limited."""
    with pytest.raises(OutputInvalid, match="cannot be read"):
        parsed(data, of=job(name))


@given(st.binary(max_size=200), st.binary(max_size=60))
def test_any_bytes_raise_our_own_errors(header: bytes, body: bytes):
    """For any bytes of a child, the parent raises only its own exceptions."""
    try:
        parse(frame(header, body))
    except FigServeError:
        return


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda one: st.lists(one), max_leaves=5))
def test_any_json_in_any_field_raises_our_own_errors(value: Any):
    """The same for headers with valid names and invalid values."""
    for status in ("rendered", "failed", "output", value):
        fields = dict.fromkeys(("images", "thumbnail", "title", "alt", "libraries", "message", "code", "line"), value)
        try:
            parse(frame({**fields, "status": status}, PNG))
        except FigServeError:
            continue


SMALL = draw(job(with_thumbnail=True)).thumbnail
RENDERED = {
    "status": "rendered",
    "images": [{"width": 640, "height": 480, "dpi": 100.0}],
    "thumbnail": {"width": 32, "height": 24, "dpi": None},
    "title": "Title",
    "alt": "Line plot.",
    "libraries": {"numpy": "2.4.6"},
    "warnings": ["A sentence."],
    "device_pixel_ratio": 1,
    "http_status": 200,
    "timing": {"draw": 0.1, "encode": 0.01},
}
FAILED = {"status": "failed", "kind": "KeyError", "message": "'a'", "line": 3, "traceback": "Traceback:\n  a\n"}


@given(mutated_frame(RENDERED, [PNG, SMALL.data]) | mutated_frame(FAILED, []) | mutated_frame({"status": "input"}, []))
def test_a_changed_frame_raises_our_own_errors(data: bytes):
    """Headers as a child sends them with values of other types and depths, twice the same field, parts too many."""
    result: RenderResult | FigServeError
    try:
        result = parse(data)
    except FigServeError as error:
        result = error
    if isinstance(result, FigServeError):
        assert len(str(result)) < 5_000
        assert not CONTROLS & set(f"{result.code}{result}")
        return
    assert result.images[0].data.startswith(b"\x89PNG")
    texts = (result.title, result.alt, *result.warnings, *result.libraries, *result.libraries.values())
    assert not CONTROLS & set("".join(texts))
    assert 200 <= result.status < 600
    assert all(0 <= seconds < 10**6 for seconds in result.timing.values())
    # What is kept is stored, and sent as JSON.
    json.dumps([texts, result.status, result.timing, result.images[0].dpi], allow_nan=False).encode()


def test_parser_reads_the_frames_of_a_child():
    """These tests build frames in the format of ``wire.pack_frame``."""
    packed = b"".join(wire.pack_frame({"status": "rendered", "images": [{}]}, [PNG]))
    assert parse(packed).images[0].data == PNG
