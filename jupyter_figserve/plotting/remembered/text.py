"""Text from remembered fonts, layouts and glyphs: the same image in less time. Kernel, sandbox.

matplotlib 3.11 looks up the font of each text about four times in a drawing, and lays out and rasterizes every text
anew, although most texts of a figure (tick labels, titles) are where they were in the last one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .bounded_memory import BoundedMemory
from .fonts import Font, FontFinder, find_line_height
from .glyphs import SUBPIXELS, GlyphKey, find_glyph, open_font

_KNOWN_VERSION = (3, 11)
"""The version of matplotlib whose renderers this is written for; others draw text as they come."""
_MAX_LENGTH = 200
"""Characters of a text up to which it is remembered."""
_FAR = 1 << 14
"""Pixels from the origin up to which a glyph is looked up."""

_Extent = tuple[float, float, float]
"""Width, height and descent of a text."""
_Layout = tuple[tuple[int, float, float], ...]
"""Number and position of each glyph."""

_extents: BoundedMemory[tuple[Any, ...], _Extent] = BoundedMemory(2_048)
_layouts: BoundedMemory[tuple[Any, ...], _Layout] = BoundedMemory(2_048)


@contextmanager
def remembered_drawing(figure: Any) -> Iterator[None]:
    """Let whatever renderer draws the figure within the block measure its text from memory."""
    draw: Callable[[Any], None] = figure.draw

    def draw_from_memory(renderer: Any) -> None:
        with remembered_text(renderer, figure):
            draw(renderer)

    with _own_attributes(figure, {"draw": draw_from_memory}):
        yield


@contextmanager
def remembered_text(renderer: Any, figure: Any) -> Iterator[None]:
    """Let a renderer measure the text of a figure from memory within the block, and draw it, if it is Agg."""
    import matplotlib
    from matplotlib.backends.backend_agg import RendererAgg

    if matplotlib.__version_info__[:2] != _KNOWN_VERSION:
        yield
        return
    text = _AggText(renderer, figure) if isinstance(renderer, RendererAgg) else _TextMeasures(renderer, figure)
    with _own_attributes(renderer, text.methods):
        yield


@contextmanager
def _own_attributes(target: Any, attributes: Mapping[str, Any]) -> Iterator[None]:
    """Set attributes of an object itself, which keeps any that it has already: a drawing may contain another."""
    own = vars(target)
    if own.keys() & attributes.keys():
        yield
        return
    own.update(attributes)
    try:
        yield
    finally:
        for name in attributes:
            own.pop(name, None)


class _TextMeasures:
    """Methods of a renderer during one drawing, with matplotlib's arguments."""

    def __init__(self, renderer: Any, figure: Any) -> None:
        from matplotlib.backends.backend_agg import get_hinting_flag

        self._renderer, self._figure = renderer, figure
        self._hinting: Callable[[], Any] = get_hinting_flag
        self._find_font = FontFinder().find

    @property
    def methods(self) -> dict[str, Callable[..., Any]]:
        """The methods by the names that the renderer has them under."""
        return {
            "get_text_width_height_descent": self.get_text_width_height_descent,
            "_get_font_height_metrics": self.get_font_height_metrics,
        }

    def get_font_height_metrics(self, prop: Any) -> tuple[float | None, ...]:
        """Return ascent, descent and line gap in pixels, or None for each if the font file has none."""
        own = self._own_metrics(prop)
        if own[0] is not None:
            return own
        line = find_line_height(self._find_font(prop))
        if line is None:
            return own
        # In the order of matplotlib, so that the result is rounded in the same way.
        scale = 1 / line.units_per_em * prop.get_size_in_points() * self._figure.dpi / 72
        return line.ascent * scale, -line.descent * scale, line.line_gap * scale

    def get_text_width_height_descent(self, s: str, prop: Any, ismath: Any) -> _Extent:
        """Return width, height and descent in pixels."""
        current = self._current
        measure: Callable[..., _Extent] = type(current).get_text_width_height_descent
        if ismath or self._own_metrics(prop)[0] is not None:
            return measure(current, s, prop, ismath)
        font, size = self._find_font(prop), prop.get_size_in_points()
        key = (type(current), getattr(current, "dpi", None), font, s, size, self._hinting())
        found = _extents.get(key)
        if found is None:
            found = measure(current, s, prop, ismath)
            if _is_plain(font.open(size, 72), s):
                _extents.remember(key, found)
        return found

    @property
    def _current(self) -> Any:
        """The renderer itself, or that of vectors or pixels that it uses at the moment."""
        from matplotlib.backends.backend_mixed import MixedModeRenderer

        return self._renderer._renderer if isinstance(self._renderer, MixedModeRenderer) else self._renderer

    def _own_metrics(self, prop: Any) -> tuple[float | None, ...]:
        """Return what a renderer itself says of fonts that are no files of ours (AFM), else None for each."""
        current = self._current
        find: Callable[..., tuple[float | None, ...]] | None = getattr(type(current), "_get_font_height_metrics", None)
        return (None, None, None) if find is None else find(current, prop)


class _AggText(_TextMeasures):
    """Methods of ``RendererAgg``."""

    def __init__(self, renderer: Any, figure: Any) -> None:
        super().__init__(renderer, figure)
        self._draw_text: Callable[..., None] = renderer.draw_text
        self._draw_glyphs_and_boxes: Callable[..., None] = renderer._draw_text_glyphs_and_boxes

    @property
    def methods(self) -> dict[str, Callable[..., Any]]:
        drawing: dict[str, Callable[..., Any]] = {
            "draw_text": self.draw_text,
            "_draw_text_glyphs_and_boxes": self.draw_glyphs_and_boxes,
        }
        return super().methods | drawing

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
            opened = [(open_font(font, size, renderer.dpi), size, *rest) for font, size, *rest in glyphs]
            self._draw_glyphs_and_boxes(gc, x, y, angle, opened, boxes)
            return
        cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        hinting, height = self._hinting(), renderer.height
        for font, size, index, slant, extend, dx, dy in glyphs:
            left, left_part = divmod(round(SUBPIXELS * (x + dx * cos - dy * sin)), SUBPIXELS)
            base, base_part = divmod(round(SUBPIXELS * (height - y + dx * sin + dy * cos)), SUBPIXELS)
            file = font.file if isinstance(font, Font) else (font.fname, font.face_index)
            shape = (cos, sin, slant, extend)
            glyph = find_glyph(font, GlyphKey(file, size, renderer.dpi, index, hinting, shape, left_part, base_part))
            bottom = int(height) - base - glyph.top + glyph.image.shape[0]
            renderer._renderer.draw_text_image(glyph.image, left + glyph.left, bottom, 0, gc)
        if boxes := list(boxes):
            self._draw_glyphs_and_boxes(gc, x, y, angle, (), boxes)

    def _lay_out(self, s: str, prop: Any, mtext: Any) -> _Layout | None:
        """Return number and position of each glyph, or None if the text is not a plain one."""
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
            found = _layouts.remember(key, tuple((item.glyph_index, item.x, item.y) for item in items))
        return found


def _is_plain(opened: Any, s: str) -> bool:
    """Whether a text is short, and its font has each character, so that no fallback is used and nothing reported."""
    return len(s) <= _MAX_LENGTH and all(opened.get_char_index(ord(character)) for character in s)
