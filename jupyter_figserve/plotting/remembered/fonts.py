"""Fonts by their files: found once in a drawing, and opened only where memory does not suffice. Kernel, sandbox.

What is remembered refers to no open file, so that a forked process can use it. Written for matplotlib 3.11.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .bounded_memory import BoundedMemory

_PARAMS = (
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


class Font(NamedTuple):
    """The files of a font, with those of its fallbacks, and its kerning."""

    files: tuple[Any, ...]
    kerning: Any

    @property
    def file(self) -> tuple[Any, int]:
        """The file of the font itself, and its number in it."""
        first = self.files[0]
        return getattr(first, "path", first), getattr(first, "face_index", 0)

    def open(self, size: float, dpi: float) -> Any:
        """Return this thread's ``FT2Font`` in a size in points."""
        from matplotlib.font_manager import get_font

        font = get_font(self.files)
        font.clear()
        font.set_size(size, dpi)
        return font


class LineHeight(NamedTuple):
    """Metrics of a font, in its own units."""

    units_per_em: int
    ascent: int
    descent: int
    line_gap: int


_line_heights: BoundedMemory[Font, LineHeight | None] = BoundedMemory(256)


class FontFinder:
    """Finds the fonts of a drawing; each once, unless rcParams change meanwhile."""

    def __init__(self) -> None:
        import matplotlib

        self._rcparams: Any = matplotlib.rcParams
        self._params: list[Any] = []
        self._fonts: dict[int, Font] = {}

    def find(self, prop: Any) -> Font:
        from matplotlib.font_manager import fontManager

        params = [self._rcparams._get(name) for name in _PARAMS]
        if params != self._params:
            self._params = [list(value) if isinstance(value, list) else value for value in params]
            self._fonts.clear()
        key = hash(prop)
        if key not in self._fonts:
            self._fonts[key] = Font(tuple(fontManager._find_fonts_by_props(prop)), self._params[-1])
        return self._fonts[key]


def find_line_height(font: Font) -> LineHeight | None:
    """Return the line height of a font, or None if its file has none."""
    if font in _line_heights:
        return _line_heights[font]
    return _line_heights.remember(font, _read_line_height(font.open(10, 72)))


def _read_line_height(opened: Any) -> LineHeight | None:
    for table_name, *names in _LINE_METRICS:
        table = opened.get_sfnt_table(table_name)
        if table is not None:
            return LineHeight(opened.get_sfnt_table("head")["unitsPerEm"], *(table[name] for name in names))
    return None
