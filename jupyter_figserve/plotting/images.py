"""Pillow images and encoded images: their sizes and conversions. Kernel and jailed child."""

from __future__ import annotations

import gzip
import io
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import OutputInvalid, UnsupportedType
from ..model.display_size import parse_display_size
from ..model.figures import EncodedImage
from ..model.formats import FORMATS, Format
from ..model.images.headers import read_header
from ..model.images.vector_sizes import vector_size
from .png import encode_png, thumbnail
from .raster import EIGHT_BIT_MODES, RASTER_NAMES, prepare, rgba_of, save

if TYPE_CHECKING:
    from PIL.Image import Image

    from .png import Pixels

MAX_PIXELS = 100_000_000
"""Larger images are refused before they are drawn or decoded."""

PNG = FORMATS["png"]


def check_pixels(width: float, height: float, limit: int | None = None) -> None:
    """Refuse an image of more pixels than ``limit``, None for ``MAX_PIXELS``.

    Raises
    ------
    OutputInvalid
        With the code ``too_many_pixels``.
    """
    limit = MAX_PIXELS if limit is None else limit
    # A NaN is too large as well.
    if not width * height <= limit:
        raise OutputInvalid(
            f"The figure would have {width:,.0f} by {height:,.0f} pixels; the limit is {limit:,} in total."
            " Choose a smaller size or dpi.",
            code="too_many_pixels",
        )


def to_encoded_image(row: Format, data: bytes, *, dpi: float | None = None) -> EncodedImage:
    """Wrap encoded bytes, with the size that they state: pixels, or CSS pixels for vector formats.

    Raises
    ------
    OutputInvalid
        A raster image is damaged, or has more than ``MAX_PIXELS``.
    """
    if row.is_raster:
        image, header = open_image(data), read_header(row.name, data)
        if header is None:
            raise OutputInvalid(f"The {row.name} image is damaged: its header cannot be read.")
        check_pixels(header.largest, 1)
        frames = header.frames if header.is_animated else None
        size = (header.width, header.height, dpi or _dpi_of(image))
        return EncodedImage(row.mimetype, data, *size, frames, header.duration)
    width, height = vector_size(row.name, data) or (None, None)
    return EncodedImage(row.mimetype, data, width, height)


def with_display_size(image: EncodedImage, obj: object) -> EncodedImage:
    """Return an image with the size that ``IPython.display.Image`` displays it with, such as ``retina=True``."""
    display = sys.modules.get("IPython.core.display")
    if display is None or not isinstance(obj, display.Image):
        return image
    width, height = parse_display_size(obj.width, obj.height, (image.width, image.height))
    return replace(image, display_width=width, display_height=height)


def to_svgz(svg: EncodedImage) -> EncodedImage:
    """Compress an SVG, without the timestamp that gzip files contain."""
    row = FORMATS["svgz"]
    return EncodedImage(row.mimetype, gzip.compress(svg.data, mtime=0), svg.width, svg.height)


def open_image(data: bytes) -> Image:
    """Open encoded bytes as a Pillow image, which is decoded when its pixels are read.

    Raises
    ------
    OutputInvalid
        They are not an image that Pillow reads, are damaged, or have more than ``MAX_PIXELS``.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(data), formats=tuple(set(RASTER_NAMES.values())))
    except UnidentifiedImageError as error:
        raise OutputInvalid(
            f"The {len(data):,} bytes begin like an image but cannot be read. The file may be damaged or cut off."
        ) from error
    except (OSError, Image.DecompressionBombError) as error:
        raise OutputInvalid(f"The image bytes cannot be read: {error}.") from error
    check_pixels(image.width, image.height)
    return image


def encode_image(image: Image, row: Format, *, dpi: float | None = None) -> EncodedImage:
    """Encode a Pillow image in a raster format, rotated by its EXIF orientation, with its ICC profile.

    Raises
    ------
    UnsupportedType
        The format is a vector format or HTML, or Pillow cannot write it.
    OutputInvalid
        The image has no pixels, or too many.
    """
    if not row.is_raster:
        raise UnsupportedType(f"A raster image is not available as {row.name}; use {', '.join(RASTER_NAMES)}.")
    if not (image.width and image.height):
        raise OutputInvalid(f"The image has no pixels: it is {image.width} by {image.height}.")
    check_pixels(image.width, image.height)
    dpi = dpi or _dpi_of(image)
    image, profile = prepare(image)
    if row is PNG and image.mode in EIGHT_BIT_MODES:
        data = encode_png(rgba_of(image), dpi=dpi, profile=profile)
    else:
        data = save(image, row.name, dpi=dpi, profile=profile)
    return EncodedImage(row.mimetype, data, image.width, image.height, dpi)


def image_of(rgba: Pixels) -> Image:
    """Return pixels as a Pillow image, without alpha if it is opaque."""
    from PIL import Image

    image = Image.fromarray(rgba)
    return image.convert("RGB") if image.getchannel("A").getextrema() == (255, 255) else image


def image_thumbnail(image: Image) -> EncodedImage:
    image, profile = prepare(image)
    return encode_thumbnail(rgba_of(image), profile)


def encode_thumbnail(rgba: Pixels, profile: bytes | None = None) -> EncodedImage:
    data, width, height = thumbnail(rgba, profile)
    return EncodedImage(PNG.mimetype, data, width, height)


def _dpi_of(image: Image) -> float | None:
    dpi = image.info.get("dpi")
    value = float(dpi[0]) if isinstance(dpi, tuple) and dpi else 0.0
    return round(value, 2) if value > 1 else None
