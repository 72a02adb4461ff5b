from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jupyter_figserve.plotting import png
from jupyter_figserve.plotting.png import encode_png, thumbnail

from ..png_header import png_size

GREY, RGB, RGBA = 0, 2, 6


def make_image(height, width, *, opaque=True, grey=False):
    rgba = np.random.default_rng(height * width).integers(0, 256, (height, width, 4), dtype=np.uint8)
    if grey:
        rgba[..., 1] = rgba[..., 2] = rgba[..., 0]
    if opaque:
        rgba[..., 3] = 255
    return rgba


def decoded(data):
    """Return the pixels as Pillow decodes them, with every checksum verified."""
    with Image.open(io.BytesIO(data)) as image:
        image.verify()
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


def chunks(data):
    found, at = [], 8
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert data[at + 8 + size : at + 12 + size] == struct.pack(">I", zlib.crc32(kind + body))
        found.append((kind, body))
        at += 12 + size
    return found


# Sizes around the edges of a strip: one row more and less, one pixel, one column, wider than a strip.
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (480, 640), (65, 1024), (64, 1024), (3, 70_000)])
@pytest.mark.parametrize("opaque", [True, False])
@pytest.mark.parametrize("grey", [True, False])
def test_pixels_survive(shape, opaque, grey):
    """Every pixel is decoded unchanged, for all sizes and channels."""
    rgba = make_image(*shape, opaque=opaque, grey=grey)
    assert np.array_equal(decoded(encode_png(rgba)), rgba)


@pytest.mark.parametrize(
    ("opaque", "grey", "colour_type"),
    [(True, True, GREY), (True, False, RGB), (False, True, RGBA), (False, False, RGBA)],
)
def test_redundant_channels_are_dropped(opaque, grey, colour_type):
    """Opaque images have no alpha channel, and grey ones a single channel."""
    assert encode_png(make_image(20, 30, opaque=opaque, grey=grey))[25] == colour_type


@pytest.mark.parametrize("channel", range(4))
def test_one_pixel_is_enough_to_need_a_channel(channel):
    """A single coloured or translucent pixel at the very end is kept."""
    rgba = np.full((300, 400, 4), 255, np.uint8)
    rgba[-1, -1, channel] = 254
    assert np.array_equal(decoded(encode_png(rgba)), rgba)


def test_views_are_encoded_like_copies():
    """Pixels that are not contiguous in memory (a slice, a flip) are encoded as they appear."""
    view = make_image(60, 80)[::-1, 10:50]
    assert np.array_equal(decoded(encode_png(view)), view)


def test_input_is_unchanged():
    """A read-only array, such as a renderer's buffer, can be encoded."""
    rgba = make_image(10, 10)
    rgba.setflags(write=False)
    assert encode_png(rgba) == encode_png(rgba)


@pytest.mark.parametrize("dpi", [72, 96, 100, 150.5, 300])
def test_dpi_is_what_pillow_writes(dpi):
    """pHYs holds whole dots per metre, rounded as in Pillow."""
    buffer = io.BytesIO()
    Image.fromarray(make_image(2, 2)).save(buffer, format="png", dpi=(dpi, dpi))
    assert dict(chunks(encode_png(make_image(2, 2), dpi=dpi)))[b"pHYs"] == dict(chunks(buffer.getvalue()))[b"pHYs"]


def test_no_dpi_writes_none():
    """Without a dpi the file has only header, pixels and end."""
    assert [kind for kind, _ in chunks(encode_png(make_image(2, 2)))] == [b"IHDR", b"IDAT", b"IEND"]


def test_metadata_round_trip():
    """Text is kept, also outside Latin-1."""
    texts = {"Title": "Ünïcode", "Author": "Łódź 図", "Empty": ""}
    with Image.open(io.BytesIO(encode_png(make_image(3, 3), metadata=texts))) as image:
        assert image.text == texts


def test_wrong_shapes_are_rejected():
    """Only rows of RGBA bytes are accepted."""
    for wrong in (np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2, 4)), np.zeros((0, 2, 4), np.uint8)):
        with pytest.raises(AssertionError):
            encode_png(wrong)


def test_memory_is_bounded_by_a_strip():
    """The filter works on strips: the largest allocation for a tall image is a strip."""
    sizes = [strip.size for strip in png._filtered_strips(make_image(2_000, 300), (0, 1, 2))]
    assert sum(sizes) == 2_000 * (300 * 3 + 1)
    assert max(sizes) <= png._STRIP_PIXELS * 3 + 300


@pytest.mark.parametrize(("shape", "size"), [((480, 640), (320, 240)), ((100, 3000), (320, 11)), ((1, 5000), (320, 1))])
def test_thumbnail_keeps_the_aspect_ratio(shape, size):
    """A wide image becomes 320 pixels wide, and at least one pixel high."""
    data, width, height = thumbnail(make_image(*shape))
    assert (width, height) == size == png_size(data)


@pytest.mark.parametrize("width", [1, 200, 320])
def test_thumbnail_never_enlarges(width):
    """A small image is its own thumbnail."""
    rgba = make_image(50, width)
    data, *size = thumbnail(rgba)
    assert size == [width, 50]
    assert np.array_equal(decoded(data), rgba)


def test_thumbnail_averages():
    """Each pixel is the mean of the pixels that it covers."""
    rgba = np.full((4, 640, 4), 255, np.uint8)
    rgba[:, ::2, :3] = 55
    assert np.abs(decoded(thumbnail(rgba)[0])[..., :3].astype(int) - 155).max() <= 1


def test_thumbnail_has_no_dark_fringe():
    """Colours of fully transparent pixels do not bleed into their neighbours."""
    rgba = np.zeros((2, 640, 4), np.uint8)
    rgba[:, ::2] = (200, 100, 50, 255)
    small = decoded(thumbnail(rgba)[0])
    assert np.abs(small[0, 0].astype(int) - (200, 100, 50, 128)).max() <= 2


@given(
    st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32 - 1), st.integers(1, 256), st.booleans(),
    st.booleans(), st.none() | st.floats(1, 10_000),
    st.dictionaries(st.sampled_from(("Title", "Software")), st.text(max_size=20)),
)  # fmt: skip
def test_any_image_survives(height, width, seed, colours, opaque, grey, dpi, metadata):
    """Of any size, with any number of colours, resolution and texts: each pixel, and every chunk is valid."""
    rgba = np.random.default_rng(seed).integers(0, colours, (height, width, 4), dtype=np.uint8)
    if opaque:
        rgba[..., 3] = 255
    if grey:
        rgba[..., 1] = rgba[..., 2] = rgba[..., 0]
    data = encode_png(rgba, dpi=dpi, metadata=metadata)
    assert np.array_equal(decoded(data), rgba)
    assert png_size(data) == (width, height)
    kinds = [kind for kind, _ in chunks(data)]
    assert (kinds[0], kinds[-1]) == (b"IHDR", b"IEND")
