"""The pixels of glyphs, which most drawings share with the last one. Kernel, sandbox.

Written for matplotlib 3.11.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from .bounded_memory import BoundedMemory
from .fonts import Font

SUBPIXELS = 64
"""Units of FreeType's positions in a pixel."""
_MAX_SIZE = 48
"""Pixels of a font up to which its glyphs are remembered; the fullest memory takes about 4 MB."""


class GlyphKey(NamedTuple):
    """What the pixels of a glyph depend on.

    Attributes
    ----------
    size
        Points.
    shape
        Cosine and sine of the rotation, slant and extension.
    left, base
        Where it begins, in subpixels to the right of a whole pixel, and above one.
    """

    file: tuple[Any, int]
    size: float
    dpi: float
    number: int
    hinting: Any
    shape: tuple[float, float, float, float]
    left: int
    base: int


@dataclass(frozen=True)
class Glyph:
    """Coverage of the pixels of a glyph, and their left and top from the whole pixel that it is drawn at."""

    image: Any
    left: int
    top: int


_glyphs: BoundedMemory[GlyphKey, Glyph] = BoundedMemory(2_048)


def find_glyph(font: Any, key: GlyphKey) -> Glyph:
    """Return a glyph of a font, which is open already if it is one of mathematics."""
    found = _glyphs.get(key)
    if found is None:
        found = _rasterize(open_font(font, key.size, key.dpi), key)
        if key.size * key.dpi / 72 <= _MAX_SIZE:
            _glyphs.remember(key, found)
    return found


def open_font(font: Any, size: float, dpi: float) -> Any:
    return font.open(size, dpi) if isinstance(font, Font) else font


def _rasterize(opened: Any, key: GlyphKey) -> Glyph:
    from matplotlib.ft2font import RenderMode

    opened.set_size(key.size, key.dpi)
    opened._set_transform(_matrix(key.shape), [key.left, key.base])
    bitmap = opened._render_glyph(key.number, key.hinting, RenderMode.NORMAL)
    return Glyph(bitmap.buffer.copy(), bitmap.left, bitmap.top)


@lru_cache
def _matrix(shape: tuple[float, float, float, float]) -> Any:
    """Return FreeType's matrix in its fixed-point numbers."""
    import numpy as np

    cos, sin, slant, extend = shape
    matrix = np.array([[cos, -sin], [sin, cos]]) @ [[extend, extend * slant], [0, 1]]
    return (0x10000 * matrix).round().astype(int)
