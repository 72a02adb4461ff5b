"""Pillow images in every raster format: orientation, colour profile, depth of the samples. Kernel and jailed child."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING, Any

from ..errors import OutputInvalid, UnsupportedType
from .png import insert_animation_control

if TYPE_CHECKING:
    from PIL.Image import Image

    from .png import Pixels

_log = logging.getLogger(__name__)
RASTER_NAMES = {
    "png": "PNG",
    "jpg": "JPEG",
    "webp": "WEBP",
    "avif": "AVIF",
    "gif": "GIF",
    "apng": "PNG",
    "tiff": "TIFF",
}
"""Pillow's names of the raster formats."""
_MAX_SIDES = {"jpg": 65_500, "webp": 16_383, "avif": 65_536, "gif": 65_535}
"""Pixels on one side, for the formats or their libraries that allow fewer than we do."""
_OPTIONAL = ("avif", "webp")
"""Formats that Pillow may have been built without."""
EIGHT_BIT_MODES = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"})
"""Modes whose values fit into 8-bit RGBA pixels."""
_DEEP_MODES = frozenset({"I;16", "I;16B", "I;16L", "I;16N", "I"})
# Formats that hold 16-bit samples as Pillow writes them.
_DEEP_FORMATS = frozenset({"png", "tiff"})
_MAX_16_BIT = 65_535


def prepare(image: Image) -> tuple[Image, bytes | None]:
    """Return the image as displayed, and the ICC profile of its RGB colours, None without one.

    It is rotated by its EXIF orientation. Colours whose profile is not one of RGB, such as CMYK for print, are
    converted to sRGB, because the formats of the web are RGB.
    """
    from PIL import ImageOps

    profile = image.info.get("icc_profile")
    image = ImageOps.exif_transpose(image)
    if not isinstance(profile, bytes) or len(profile) < 128:
        return image, None
    if profile[16:20] == b"RGB ":
        return image, profile
    return _to_srgb(image, profile), None


def rgba_of(image: Image) -> Pixels:
    """Return 8-bit pixels with alpha; deeper samples keep their most significant bits."""
    import numpy as np

    return np.asarray(_eight_bit(image).convert("RGBA"))


def save(image: Image, name: str, *, dpi: float | None = None, profile: bytes | None = None) -> bytes:
    """Encode a prepared image.

    Raises
    ------
    UnsupportedType
        This Pillow cannot write the format.
    OutputInvalid
        A side is longer than the format allows.
    """
    require_support(name)
    check_sides(name, image.width, image.height)
    buffer = io.BytesIO()
    options: dict[str, Any] = {} if dpi is None else {"dpi": (dpi, dpi)}
    if profile is not None and name == "gif":
        image = _to_srgb(image, profile)  # GIF has no profile
    elif profile is not None:
        options["icc_profile"] = profile
    image = _converted(image, name)
    if name == "avif":
        options["max_threads"] = 1  # the sandbox starts no threads
    image.info = {key: value for key, value in image.info.items() if key in ("transparency",)}
    image.save(buffer, format=RASTER_NAMES[name], **options)
    return insert_animation_control(buffer.getvalue()) if name == "apng" else buffer.getvalue()


def check_sides(name: str, width: float, height: float) -> None:
    """Raise ``OutputInvalid`` for an image with a side that is longer than its format allows."""
    limit = _MAX_SIDES.get(name)
    if limit is not None and max(width, height) > limit:
        raise OutputInvalid(
            f"The image is {width:,.0f} by {height:,.0f} pixels, and {name.upper()} allows {limit:,} on a side. Use a"
            " smaller size, or another format such as png."
        )


def require_support(name: str) -> None:
    """Check that Pillow writes the format.

    Raises
    ------
    UnsupportedType
        It does not.
    """
    from PIL import __version__, features

    if name in _OPTIONAL and not features.check(name):
        raise UnsupportedType(
            f"This Python's Pillow {__version__} cannot write {name.upper()}. Use another format, or upgrade it:"
            " pip install --upgrade 'pillow>=11.3'",
            code="format_unavailable",
        )


def unsupported_formats() -> list[str]:
    """Return the names of the formats that this Python's Pillow cannot write."""
    from PIL import features

    return [name for name in _OPTIONAL if not features.check(name)]


def _converted(image: Image, name: str) -> Image:
    """Convert to a mode that the format has."""
    if image.mode in _DEEP_MODES and name in _DEEP_FORMATS:
        return image.copy() if image.mode != "I" else _sixteen_bit(image)
    image = _eight_bit(image)
    if name == "jpg":
        return _on_white(image)
    if name in ("webp", "avif") and image.mode not in ("RGB", "RGBA"):
        return image.convert("RGBA")
    if name in ("png", "apng", "gif", "tiff") and image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
        return image.convert("RGBA")
    return image.copy()


def _sixteen_bit(image: Image) -> Image:
    import numpy as np
    from PIL import Image as pillow

    return pillow.fromarray(np.clip(np.asarray(image), 0, _MAX_16_BIT).astype(np.uint16))


def _eight_bit(image: Image) -> Image:
    """Convert samples of 16 or 32 bits, and floating-point ones, to 8 bits."""
    if image.mode == "La":
        # Grey with premultiplied alpha, which Pillow converts to nothing else.
        return image.convert("LA")
    if image.mode in EIGHT_BIT_MODES:
        return image
    if image.mode in _DEEP_MODES:
        import numpy as np
        from PIL import Image as pillow

        values = np.asarray(image).astype(np.int64)
        scale = 256 if image.mode != "I" or values.max(initial=0) > 255 else 1
        return pillow.fromarray((np.clip(values, 0, _MAX_16_BIT) // scale).astype(np.uint8))
    if image.mode == "F":
        return _unit_scaled(image).convert("L")
    try:
        return image.convert("RGB")
    except ValueError as error:
        raise OutputInvalid(
            f"A Pillow image of mode {image.mode} cannot be encoded. Convert it first: image.convert('RGB')."
        ) from error


def _unit_scaled(image: Image) -> Image:
    """Scale floating-point samples from 0 to 1, as of arrays, to those from 0 to 255, which Pillow expects."""
    import numpy as np
    from PIL import Image as pillow

    values = np.asarray(image)
    has_unit_range = values.size > 0 and values.min() >= 0 and 0 < values.max() <= 1
    return pillow.fromarray(np.rint(values * np.float32(255))) if has_unit_range else image


def _on_white(image: Image) -> Image:
    """Blend an image with white, as ``savefig`` does, because JPEG has no transparency."""
    from PIL import Image

    rgba = image.convert("RGBA")
    paper = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(paper, rgba).convert("RGB")


def _to_srgb(image: Image, profile: bytes) -> Image:
    """Convert colours by their profile; without colour management, or with a damaged profile, by Pillow's rules."""
    try:
        from PIL import ImageCms

        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except Exception as error:
        _log.debug("An image keeps its colours without its profile: %s: %s", type(error).__name__, error)
        return image
    if converted is None:
        return image
    if "A" in image.getbands():
        converted.putalpha(image.getchannel("A"))
    return converted
