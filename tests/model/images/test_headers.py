"""Headers of raster images: sizes, frames and durations, and no other exception on any bytes."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from jupyter_figserve.model.images.headers import ImageHeader, is_apng, read_header

PILLOW = {
    "png": "PNG",
    "apng": "PNG",
    "jpg": "JPEG",
    "webp": "WEBP",
    "gif": "GIF",
    "tiff": "TIFF",
    "avif": "AVIF",
}
ANIMATED = ("apng", "gif", "webp", "avif")


def encode(name: str, frames: int = 1, size: tuple[int, int] = (23, 17), **options: object) -> bytes:
    images = [Image.new("RGB", size, (40 * index, 255 - 40 * index, 9)) for index in range(frames)]
    buffer = io.BytesIO()
    if frames > 1:
        options |= {"save_all": True, "append_images": images[1:], "duration": 150}
    images[0].save(buffer, PILLOW[name], **options)
    return buffer.getvalue()


SAMPLES = {name: encode(name) for name in PILLOW} | {f"{name}2": encode(name, frames=3) for name in ANIMATED}


@pytest.mark.parametrize("name", PILLOW)
def test_size_is_that_of_the_header(name: str):
    """Without decoding; a still has one frame and no duration."""
    assert read_header(name, SAMPLES[name]) == ImageHeader(23, 17, 23 * 17)


@pytest.mark.parametrize("name", ANIMATED)
def test_frames_and_duration_of_an_animation(name: str):
    """Three frames of 150 ms each."""
    header = read_header(name, SAMPLES[f"{name}2"])
    assert header == ImageHeader(23, 17, 23 * 17, 3, 0.45)
    assert is_apng(SAMPLES[f"{name}2"]) == (name == "apng")


@pytest.mark.parametrize("name", ["jpg", "avif"])
def test_size_is_as_displayed(name: str):
    """Browsers rotate an image by its orientation, so its sides are exchanged."""
    exif = Image.Exif()
    exif[0x0112] = 6
    header = read_header(name, encode(name, exif=exif))
    assert header is not None
    assert (header.width, header.height) == (17, 23)


def test_largest_frame_counts():
    """A frame larger than the canvas, or a later page, determines what a decoder would allocate."""
    gif = bytearray(SAMPLES["gif2"])
    at = gif.rindex(b",\0\0\0\0\x17\0\x11\0")
    gif[at + 5 : at + 9] = struct.pack("<HH", 65_535, 65_535)
    assert read_header("gif", bytes(gif)).largest == 65_535**2
    pages = io.BytesIO()
    Image.new("L", (2, 2)).save(pages, "TIFF", save_all=True, append_images=[Image.new("L", (90, 80))])
    assert read_header("tiff", pages.getvalue()) == ImageHeader(2, 2, 7_200)


def test_last_page_of_a_tiff_counts_without_its_end():
    """Decoders read it, so what it declares is checked."""
    page = struct.pack("<H", 2) + struct.pack("<HHIHxx", 256, 3, 1, 60_000) + struct.pack("<HHIHxx", 257, 3, 1, 50_000)
    first = struct.pack("<H", 2) + struct.pack("<HHIHxx", 256, 3, 1, 2) + struct.pack("<HHIHxx", 257, 3, 1, 2)
    head = b"II*\0" + struct.pack("<I", 8)
    whole = head + first + struct.pack("<I", 8 + len(first) + 4) + page
    header = read_header("tiff", whole)
    assert header is not None
    assert header.largest == 60_000 * 50_000


def test_the_largest_frame_of_a_jpeg_counts():
    """A second frame header is no valid JPEG, and some programs take its size."""

    def frame(width: int, height: int) -> bytes:
        return struct.pack(">2sHBHHB9s", b"\xff\xc0", 17, 8, height, width, 3, b"\x01\x22\x00\x02\x11\x01\x03\x11\x01")

    header = read_header("jpg", b"\xff\xd8" + frame(10, 20) + frame(65_500, 65_500) + b"\xff\xda")
    assert header is not None
    assert (header.width, header.height, header.largest) == (10, 20, 65_500**2)
    after_pixels = read_header("jpg", b"\xff\xd8" + frame(10, 20) + b"\xff\xda\x00\x02" + frame(65_500, 65_500))
    assert after_pixels is not None
    assert after_pixels.largest == 200


def test_a_jpeg_header_of_any_size_is_read():
    """Fill bytes and segments before the frame header are skipped; its thumbnail is not taken for it."""
    frame = b"\xff\xff\xc2\x00\x11\x08" + struct.pack(">HH", 65_500, 65_500)
    data = b"\xff\xd8\xff\xe1\x00\x0c" + b"\xff\xc0\x00\x11\x08\x00\x01\x00\x01\x03" + frame + bytes(20)
    assert read_header("jpg", data).largest == 65_500**2


@pytest.mark.parametrize("name", ["svg", "pdf", "html"])
def test_other_formats_have_no_such_header(name: str):
    """Vector formats and HTML answer None."""
    assert read_header(name, b"<svg/>") is None


@given(
    st.sampled_from(sorted(SAMPLES)),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=12),
    st.floats(0, 1),
)
@example("gif2", [], 0.5)
def test_any_damage_is_no_header(sample: str, changes: list[tuple[float, int]], length: float):
    """Changed bytes and cut ends give another header or None, and never an exception."""
    data = bytearray(SAMPLES[sample])
    for where, value in changes:
        data[int(where * len(data))] = value
    header = read_header(sample.rstrip("2"), bytes(data[: int(length * len(data))]))
    assert header is None or header.largest >= header.width * header.height > 0


@given(st.sampled_from(sorted(PILLOW)), st.binary(max_size=400), st.booleans())
def test_any_bytes_are_read_or_rejected(name: str, noise: bytes, has_start: bool):
    """Noise, also after the first bytes of a format, gives None or a header, and never an exception."""
    data = (SAMPLES[name][:40] if has_start else b"") + noise
    header = read_header(name, data)
    assert header is None or header.width > 0


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("gif", SAMPLES["gif"][:-2] + b"\x01\x00" * 2_000_000),
        ("png", SAMPLES["png"][:33] + b"\0\0\0\0acTL\0\0\0\0" * 1_000_000),
        ("jpg", b"\xff\xd8" + b"\xff" * 3_000_000),
        ("webp", b"RIFF\0\0\0\0WEBP" + b"XXXX\0\0\0\0" * 1_000_000),
        ("avif", SAMPLES["avif"][:32] + b"\0\0\0\x08free" * 1_000_000),
    ],
)
def test_endless_blocks_are_not_followed(name: str, data: bytes):
    """A file of millions of tiny blocks has no header."""
    assert read_header(name, data) is None
