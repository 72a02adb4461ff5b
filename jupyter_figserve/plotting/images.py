"""Pillow images and encoded images: their sizes and conversions. Kernel and jailed child."""

from __future__ import annotations

import gzip
import io
import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import OutputInvalid, UnsupportedType
from ..model.display_size import parse_display_size
from ..model.figures import EncodedImage
from ..model.formats import CSS_DPI, FORMATS, Format
from ..model.image_headers import read_header
from .png import encode_png, thumbnail
from .raster import EIGHT_BIT_MODES, RASTER_NAMES, prepare, rgba_of, save

if TYPE_CHECKING:
    from PIL.Image import Image

    from .png import Pixels

MAX_PIXELS = 100_000_000
"""Larger images are refused before they are drawn or decoded."""

PNG = FORMATS["png"]
_PIXELS_PER_UNIT = {
    "": 1.0,
    "px": 1.0,
    "pt": CSS_DPI / 72,
    "pc": 16.0,
    "in": 96.0,
    "cm": CSS_DPI / 2.54,
    "mm": CSS_DPI / 25.4,
}
_NUMBER = rb"(-?[0-9]{1,9}(?:\.[0-9]{0,20})?|-?\.[0-9]{1,20})"
_SVG_TAG = re.compile(rb"<(?:\w+:)?svg\b[^>]*>", re.IGNORECASE)
_SVG_SIDE = re.compile(rb"""\s(width|height)\s*=\s*["']\s*%b\s*([a-z]*)\s*["']""" % _NUMBER)
_SVG_VIEW_BOX = re.compile(rb"""\sviewBox\s*=\s*["']\s*""" + rb"[\s,]+".join([_NUMBER] * 4))
_BOXES = {
    "pdf": re.compile(rb"/MediaBox\s*\[\s*" + rb"\s+".join([_NUMBER] * 4)),
    "eps": re.compile(rb"%%(?:HiRes)?BoundingBox:\s*" + rb"\s+".join([_NUMBER] * 4)),
}


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


def is_raster(row: Format) -> bool:
    return row.name in RASTER_NAMES


def to_encoded_image(row: Format, data: bytes, *, dpi: float | None = None) -> EncodedImage:
    """Wrap encoded bytes, with the size that they state: pixels, or CSS pixels for vector formats.

    Raises
    ------
    OutputInvalid
        A raster image is damaged, or has more than ``MAX_PIXELS``.
    """
    if is_raster(row):
        image, header = open_image(data), read_header(row.name, data)
        if header is None:
            raise OutputInvalid(f"The {row.name} image is damaged: its header cannot be read.")
        check_pixels(header.largest, 1)
        frames = header.frames if header.is_animated else None
        size = (header.width, header.height, dpi or _dpi_of(image))
        return EncodedImage(row.mimetype, data, *size, frames, header.duration)
    width, height = _vector_size(row, data) or (None, None)
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
    """
    if not is_raster(row):
        raise UnsupportedType(f"A raster image is not available as {row.name}; use {', '.join(RASTER_NAMES)}.")
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
    data, width, height = thumbnail(rgba, profile=profile)
    return EncodedImage(PNG.mimetype, data, width, height)


def _dpi_of(image: Image) -> float | None:
    dpi = image.info.get("dpi")
    value = float(dpi[0]) if isinstance(dpi, tuple) and dpi else 0.0
    return round(value, 2) if value > 1 else None


def _vector_size(row: Format, data: bytes) -> tuple[int, int] | None:
    """Return the size in CSS pixels that the file states, None if it states none."""
    size = _svg_size(data) if row.name == "svg" else _box_size(row, data)
    if size is None:
        return None
    width, height = (round(side) for side in size)
    return (width, height) if width > 0 and height > 0 else None


def _box_size(row: Format, data: bytes) -> tuple[float, float] | None:
    pattern = _BOXES.get(row.name)
    matches = pattern.findall(data) if pattern else []
    if not matches:
        return None
    # A PDF has a box for each page, of which the first counts. An EPS may have a rounded box before the exact one.
    x0, y0, x1, y1 = map(float, matches[0] if row.name == "pdf" else matches[-1])
    return (x1 - x0) * _PIXELS_PER_UNIT["pt"], (y1 - y0) * _PIXELS_PER_UNIT["pt"]


def _svg_size(data: bytes) -> tuple[float, float] | None:
    tag = _SVG_TAG.search(data[:65_536])
    if tag is None:
        return None
    sides = {
        name: float(number) * _PIXELS_PER_UNIT[unit.decode()]
        for name, number, unit in _SVG_SIDE.findall(tag[0])
        if unit.decode() in _PIXELS_PER_UNIT
    }
    if len(sides) == 2:
        return sides[b"width"], sides[b"height"]
    view_box = _SVG_VIEW_BOX.search(tag[0])
    return (float(view_box[3]), float(view_box[4])) if view_box else None
