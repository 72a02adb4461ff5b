"""Text on an Agg renderer from remembered fonts, layouts and glyphs: the same pixels in less time. Kernel, sandbox.

matplotlib 3.11 looks up the font of each text about four times in a drawing, and lays out and rasterizes every text
anew, although most texts of a figure (tick labels, titles) are where they were in the last one. What is remembered
refers to no open font file, so that a forked process can use it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

_KNOWN_VERSION = (3, 11)
"""The version of matplotlib whose renderer this is written for; others draw text as they come."""
_FONT_PARAMS = (
    *("font.family", "font.style", "font.variant", "font.weight", "font.stretch", "font.size"),
    *("font.serif", "font.sans-serif", "font.cursive", "font.fantasy", "font.monospace"),
    "text.kerning_factor",
)
"""rcParams that a font depends on. Source: ``findfont`` and ``get_font`` of ``matplotlib.font_manager``."""
_LINE_METRICS = (
    ("OS/2", "sTypoAscender", "sTypoDescender", "sTypoLineGap"),
    ("hhea", "ascent", "descent", "lineGap"),
)
"""Tables of a font file with its line height. Source: ``matplotlib.text.Text._get_layout``."""
_MAX_ENTRIES = 2_048
_MAX_SIZE = 48
"""Pixels of a font up to which its glyphs are remembered; the fullest memory takes about 4 MB."""
_MAX_LENGTH = 200
"""Characters of a text up to which it is remembered."""
_SUBPIXELS = 64
"""Units of FreeType's positions in a pixel."""
_FAR = 1 << 14
"""Pixels from the origin up to which a glyph is looked up."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class _Font(NamedTuple):
    """The files of a font, with those of its fallbacks, and its kerning; it is opened where memory does not suffice."""

    files: tuple[Any, ...]
    kerning: Any

    @property
    def file(self) -> tuple[Any, int]:
        first = self.files[0]
        return getattr(first, "path", first), getattr(first, "face_index", 0)

    def open(self, size: float, dpi: float) -> Any:
        from matplotlib.font_manager import get_font

        font = get_font(self.files)
        font.clear()
        font.set_size(size, dpi)
        return font


class _GlyphKey(NamedTuple):
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
class _Glyph:
    """Coverage of the pixels of a glyph, and their left and top from the whole pixel that it is drawn at."""

    image: Any
    left: int
    top: int


_line_heights: dict[_Font, tuple[int, int, int, int] | None] = {}
_extents: dict[tuple[Any, ...], tuple[float, ...]] = {}
_layouts: dict[tuple[Any, ...], tuple[tuple[int, float, float], ...]] = {}
_glyphs: dict[_GlyphKey, _Glyph] = {}


@contextmanager
def remembered_text(renderer: Any, figure: Any) -> Iterator[None]:
    """Let a ``RendererAgg`` measure and draw the text of a figure from memory within the block."""
    import matplotlib
    from matplotlib import cbook

    if matplotlib.__version_info__[:2] != _KNOWN_VERSION:
        yield
        return
    text = _TextMethods(renderer, figure)
    with cbook._setattr_cm(
        renderer,
        draw_text=text.draw_text,
        get_text_width_height_descent=text.get_text_width_height_descent,
        _draw_text_glyphs_and_boxes=text.draw_glyphs_and_boxes,
        _get_font_height_metrics=text.get_font_height_metrics,
    ):
        yield


class _TextMethods:
    """Methods of a renderer during one drawing, with matplotlib's arguments."""

    def __init__(self, renderer: Any, figure: Any) -> None:
        import matplotlib
        from matplotlib.backends.backend_agg import get_hinting_flag

        self._renderer, self._figure = renderer, figure
        self._draw_text: Callable[..., None] = renderer.draw_text
        self._measure: Callable[..., tuple[float, ...]] = renderer.get_text_width_height_descent
        self._draw_glyphs_and_boxes: Callable[..., None] = renderer._draw_text_glyphs_and_boxes
        self._hinting: Callable[[], Any] = get_hinting_flag
        self._rcparams: Any = matplotlib.rcParams
        self._params: list[Any] = []
        self._fonts: dict[int, _Font] = {}

    def get_font_height_metrics(self, prop: Any) -> tuple[float | None, float | None, float | None]:
        """Return ascent, descent and line gap in pixels, or None for each if the font file has none."""
        font = self._find_font(prop)
        found = _line_heights.get(font, ())
        if found == ():
            found = _remember(_line_heights, font, _read_line_height(font.open(prop.get_size_in_points(), 72)))
        if not found:
            return None, None, None
        units_per_em, ascent, descent, line_gap = found
        # In the order of matplotlib, so that the result is rounded in the same way.
        scale = 1 / units_per_em * prop.get_size_in_points() * self._figure.dpi / 72
        return ascent * scale, -descent * scale, line_gap * scale

    def get_text_width_height_descent(self, s: str, prop: Any, ismath: Any) -> tuple[float, ...]:
        """Return width, height and descent in pixels."""
        if ismath:
            return self._measure(s, prop, ismath)
        font, size = self._find_font(prop), prop.get_size_in_points()
        key = (font, s, size, self._renderer.dpi, self._hinting())
        found = _extents.get(key)
        if found is None:
            opened = font.open(size, self._renderer.dpi)
            if not _is_plain(opened, s):
                return self._measure(s, prop, ismath)
            opened.set_text(s, 0.0, flags=self._hinting())
            sides = (*opened.get_width_height(), opened.get_descent())
            found = _remember(_extents, key, tuple(side / _SUBPIXELS for side in sides))
        return found

    def draw_text(
        self, gc: Any, x: float, y: float, s: str, prop: Any, angle: float, ismath: Any = False, mtext: Any = None
    ) -> None:
        layout = None if ismath else self._lay_out(s, prop, mtext)
        if layout is None:
            self._draw_text(gc, x, y, s, prop, angle, ismath, mtext)
            return
        font, size = self._find_font(prop), prop.get_size_in_points()
        self.draw_glyphs_and_boxes(gc, x, y, angle, [(font, size, index, 0, 1, *at) for index, *at in layout], ())

    def draw_glyphs_and_boxes(
        self, gc: Any, x: float, y: float, angle: float, glyphs: Iterable[Any], boxes: Iterable[Any]
    ) -> None:
        """Draw glyphs and boxes that were laid out; ``y`` is downwards, and the y of each glyph and box upwards."""
        renderer = self._renderer
        if not gc.get_antialiased() or max(abs(x), abs(y)) > _FAR:
            opened = [(_opened(font, size, renderer.dpi), size, *rest) for font, size, *rest in glyphs]
            self._draw_glyphs_and_boxes(gc, x, y, angle, opened, boxes)
            return
        cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        hinting, height = self._hinting(), renderer.height
        for font, size, index, slant, extend, dx, dy in glyphs:
            left, left_part = divmod(round(_SUBPIXELS * (x + dx * cos - dy * sin)), _SUBPIXELS)
            base, base_part = divmod(round(_SUBPIXELS * (height - y + dx * sin + dy * cos)), _SUBPIXELS)
            file = font.file if isinstance(font, _Font) else (font.fname, font.face_index)
            shape = (cos, sin, slant, extend)
            glyph = _find_glyph(font, _GlyphKey(file, size, renderer.dpi, index, hinting, shape, left_part, base_part))
            bottom = int(height) - base - glyph.top + glyph.image.shape[0]
            renderer._renderer.draw_text_image(glyph.image, left + glyph.left, bottom, 0, gc)
        if boxes := list(boxes):
            self._draw_glyphs_and_boxes(gc, x, y, angle, (), boxes)

    def _lay_out(self, s: str, prop: Any, mtext: Any) -> tuple[tuple[int, float, float], ...] | None:
        """Return index and position of each glyph, or None if the text is not a plain one."""
        font, size, hinting = self._find_font(prop), prop.get_size_in_points(), self._hinting()
        features, language = (mtext.get_fontfeatures(), mtext.get_language()) if mtext is not None else (None, None)
        features = None if features is None else tuple(features)
        key = (font, s, size, self._renderer.dpi, hinting, features, language)
        found = _layouts.get(key)
        if found is None:
            opened = font.open(size, self._renderer.dpi)
            if not _is_plain(opened, s):
                return None
            items = opened._layout(s, flags=hinting, features=features, language=language)
            found = _remember(_layouts, key, tuple((item.glyph_index, item.x, item.y) for item in items))
        return found

    def _find_font(self, prop: Any) -> _Font:
        """Return the font of the properties, which are looked up once in a drawing unless rcParams change meanwhile."""
        from matplotlib.font_manager import fontManager

        params = [self._rcparams._get(name) for name in _FONT_PARAMS]
        if params != self._params:
            self._params = [list(value) if isinstance(value, list) else value for value in params]
            self._fonts.clear()
        key = hash(prop)
        if key not in self._fonts:
            files = tuple(fontManager._find_fonts_by_props(prop))
            self._fonts[key] = _Font(files, self._params[-1])
        return self._fonts[key]


def _is_plain(opened: Any, s: str) -> bool:
    """Whether a text is short, and its font has each character, so that no fallback is used and nothing reported."""
    return len(s) <= _MAX_LENGTH and all(opened.get_char_index(ord(character)) for character in s)


def _read_line_height(opened: Any) -> tuple[int, int, int, int] | None:
    """Return units per em, ascent, descent and line gap of a font file, in its units."""
    for table_name, *names in _LINE_METRICS:
        table = opened.get_sfnt_table(table_name)
        if table is not None:
            ascent, descent, line_gap = (table[name] for name in names)
            return opened.get_sfnt_table("head")["unitsPerEm"], ascent, descent, line_gap
    return None


def _opened(font: Any, size: float, dpi: float) -> Any:
    return font.open(size, dpi) if isinstance(font, _Font) else font


def _find_glyph(font: Any, key: _GlyphKey) -> _Glyph:
    """Return a glyph; a font of mathematics is open already."""
    found = _glyphs.get(key)
    if found is None:
        found = _rasterize(_opened(font, key.size, key.dpi), key)
        if key.size * key.dpi / 72 <= _MAX_SIZE:
            _remember(_glyphs, key, found)
    return found


def _rasterize(opened: Any, key: _GlyphKey) -> _Glyph:
    from matplotlib.ft2font import RenderMode

    opened.set_size(key.size, key.dpi)
    opened._set_transform(_matrix(key.shape), [key.left, key.base])
    bitmap = opened._render_glyph(key.number, key.hinting, RenderMode.NORMAL)
    return _Glyph(bitmap.buffer.copy(), bitmap.left, bitmap.top)


@lru_cache
def _matrix(shape: tuple[float, float, float, float]) -> Any:
    """Return FreeType's matrix in its fixed-point numbers."""
    import numpy as np

    cos, sin, slant, extend = shape
    matrix = np.array([[cos, -sin], [sin, cos]]) @ [[extend, extend * slant], [0, 1]]
    return (0x10000 * matrix).round().astype(int)


def _remember(memory: dict[_Key, _Value], key: _Key, value: _Value) -> _Value:
    if len(memory) >= _MAX_ENTRIES:
        memory.clear()
    memory[key] = value
    return value
