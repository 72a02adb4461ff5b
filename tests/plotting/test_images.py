from __future__ import annotations

import gzip
import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from jupyter_figserve.errors import OutputInvalid, UnsupportedType
from jupyter_figserve.model.formats import FORMATS
from jupyter_figserve.plotting import images
from jupyter_figserve.plotting.encode import encode
from jupyter_figserve.plotting.images import to_encoded_image

from .test_encode import pixels

SVG = b'<?xml version="1.0"?><!-- c --><svg xmlns="http://www.w3.org/2000/svg" %s><path/></svg>'


def image(mode="RGB", size=(400, 300)):
    rgb = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    return Image.fromarray(rgb).convert(mode)


def raw(format, **options):
    buffer = io.BytesIO()
    image().save(buffer, format=format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_pillow_images_become_png(mode):
    """An image of every 8-bit mode becomes a PNG of its pixels, with a thumbnail."""
    given = image(mode)
    encoded = encode(given)
    assert np.array_equal(pixels(encoded.images[0].data), np.asarray(given.convert("RGBA")))
    assert (encoded.images[0].width, encoded.images[0].height) == (400, 300)
    assert (encoded.thumbnail.width, encoded.thumbnail.height) == (320, 240)
    assert encoded.figure is None


def test_premultiplied_grey():
    """Pillow converts this mode to one other only."""
    given = image("LA").convert("La")
    assert np.array_equal(pixels(encode(given).images[0].data), np.asarray(given.convert("LA").convert("RGBA")))


def test_sixteen_bits_are_kept():
    """A 16-bit grey image keeps its depth in the PNG, and its thumbnail keeps its contrast."""
    deep = Image.fromarray((np.arange(400 * 300, dtype=np.uint32) % 65_536).astype(np.uint16).reshape(300, 400))
    encoded = encode(deep)
    with Image.open(io.BytesIO(encoded.images[0].data)) as back:
        assert np.array_equal(np.asarray(back), np.asarray(deep))
    assert 100 < pixels(encoded.thumbnail.data)[..., 0].mean() < 155


@pytest.mark.parametrize("scale", [1, 255])
def test_floating_point_samples(scale):
    """From 0 to 1, as of arrays, or from 0 to 255, as Pillow converts them."""
    image = Image.fromarray(np.array([[0, 0.4, 1]], np.float32) * scale)
    decoded = Image.open(io.BytesIO(encode(image).images[0].data))
    assert list(np.asarray(decoded.convert("L"))[0]) == [0, 102, 255]


def test_exif_orientation_is_applied():
    """A photo with an orientation tag is rotated upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = Image.open(io.BytesIO(raw("jpeg", exif=exif)))
    assert (encode(turned).images[0].width, encode(turned).images[0].height) == (300, 400)


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "CMYK"])
def test_pillow_images_become_jpg_and_webp(mode):
    """Modes that a format lacks are converted; transparent pixels become white in a JPEG."""
    jpg, webp = encode(image(mode), ("jpg", "webp")).images
    assert (jpg.mimetype, webp.mimetype) == ("image/jpeg", "image/webp")
    clear = encode(Image.new("RGBA", (10, 10), (0, 0, 0, 0)), ("jpg",)).images[0]
    assert pixels(clear.data).min() == 255


@pytest.mark.parametrize("name", ["svg", "pdf", "eps", "svgz", "html"])
def test_pixels_have_no_vector_form(name):
    """Raster images are not wrapped in vector formats."""
    with pytest.raises(UnsupportedType, match="A raster image is not available as"):
        encode(image(), (name,))


@pytest.mark.parametrize("format", ["png", "jpg", "webp", "gif"])
@pytest.mark.parametrize("size", [(0, 5), (5, 0), (0, 0)])
def test_images_without_pixels_are_refused(format, size):
    """In every format, with their size."""
    with pytest.raises(OutputInvalid, match=f"no pixels: it is {size[0]} by {size[1]}"):
        encode(Image.new("RGB", size), (format,))


@pytest.mark.parametrize(("format", "side"), [("jpg", 65_501), ("webp", 16_384), ("avif", 65_537), ("gif", 65_536)])
def test_sides_that_a_format_does_not_have(format, side):
    """The format and its limit are named, for an image and for a figure."""
    match = rf"{format.upper()} allows {side - 1:,} on a side"
    with pytest.raises(OutputInvalid, match=match):
        encode(Image.new("L", (side, 1)), (format,))
    with pytest.raises(OutputInvalid, match=match):
        encode(Figure(figsize=(side / 100 + 0.001, 0.02), dpi=100), (format,))


def test_too_many_pixels_are_rejected_undecoded(monkeypatch):
    """Images and image bytes over the limit are refused by their header."""
    large = (Image.new("RGB", (400, 300)), raw("jpeg"))
    monkeypatch.setattr(images, "MAX_PIXELS", 400 * 300 - 1)
    monkeypatch.setattr(Image.Image, "convert", lambda *_: pytest.fail("was decoded"))
    for given in large:
        with pytest.raises(OutputInvalid, match="400 by 300 pixels") as caught:
            encode(given)
        assert caught.value.code == "too_many_pixels"


@pytest.mark.parametrize(("name", "dpi"), [("png", 150), ("jpeg", 72), ("webp", None)])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_image_bytes_are_kept_as_they_are(name, dpi, kind):
    """Encoded bytes are not encoded again unless another format is requested."""
    data = raw(name, **({"dpi": (dpi, dpi)} if dpi else {}))
    encoded = encode(kind(data))
    (content,) = encoded.images
    assert content.data == data
    assert content.mimetype == f"image/{name}"
    assert (content.width, content.height) == (400, 300)
    assert content.dpi == (pytest.approx(dpi, abs=0.1) if dpi else None)
    assert encoded.thumbnail.width == 320


def test_image_bytes_are_converted_on_request():
    """Every raster format can be converted to every other."""
    webp, png = encode(raw("jpeg"), ("webp", "png")).images
    assert (webp.mimetype, png.mimetype) == ("image/webp", "image/png")
    assert np.array_equal(pixels(png.data), pixels(raw("jpeg")))
    with pytest.raises(UnsupportedType, match="This jpg image is not available as svg, only as jpg"):
        encode(raw("jpeg"), ("svg",))


def test_an_implausible_dpi_is_dropped():
    """An image that states one dot per inch has no known resolution."""
    assert encode(raw("png", dpi=(1, 1))).images[0].dpi is None


@pytest.mark.parametrize("data", [b"", b"BM....", b"plain words", b"\x00" * 50])
def test_unknown_bytes_are_rejected(data):
    """The message lists the accepted formats."""
    with pytest.raises(
        OutputInvalid, match=f"The {len(data)} bytes are not an image in a known format. Use one of png"
    ):
        encode(data)


@pytest.mark.parametrize("data", [FORMATS["png"].magic[0] + b"nothing", FORMATS["jpg"].magic[0], raw("png")[:3000]])
def test_broken_bytes_are_rejected(data):
    """A valid header with a broken body is refused."""
    with pytest.raises(OutputInvalid):
        encode(data)


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        (b'width="100" height="50"', (100, 50)),
        (b'width="72pt" height="36pt"', (96, 48)),
        (b"width='2in' height='2.54cm'", (192, 96)),
        (b'viewBox="0 0 30 40"', (30, 40)),
        (b'width="100%" height="100%" viewBox="-1,-1,30.4 40"', (30, 40)),
        (b'stroke-width="9" height="5"', (None, None)),
        (b'width="0" height="9"', (None, None)),
        (b'width="%s" height="9"' % (b"9" * 400), (None, None)),
        (b'width="4e" height="1.2.3"', (None, None)),
        (b"", (None, None)),
    ],
)
def test_svg_sizes_are_read(attributes, size):
    """The size comes from the root element, in pixels; an unreadable size is unknown, never an error."""
    content = to_encoded_image(FORMATS["svg"], SVG % attributes)
    assert (content.width, content.height) == size


@pytest.mark.parametrize(
    ("name", "data", "size"),
    [
        ("pdf", b"%PDF-1.4\n1 0 obj << /MediaBox [ 0 0 144 72.0 ] >>", (192, 96)),
        ("pdf", b"%PDF-1.7 compressed", (None, None)),
        ("eps", b"%!PS\n%%BoundingBox: 10 10 82 46\n", (96, 48)),
        ("html", b"<p>words</p>", (None, None)),
    ],
)
def test_vector_sizes_are_read(name, data, size):
    """Boxes in points are converted to pixels at 96 per inch."""
    content = encode(data).images[0]
    assert (content.mimetype, content.width, content.height) == (FORMATS[name].mimetype, *size)


def test_svg_bytes_can_be_compressed():
    """svgz is the SVG compressed by gzip without a timestamp."""
    svg, svgz = encode(SVG % b'width="9" height="9"', ("svg", "svgz")).images
    assert gzip.decompress(svgz.data) == svg.data
    assert svgz.data[4:8] == bytes(4)
    assert (svgz.width, svgz.height) == (9, 9)
