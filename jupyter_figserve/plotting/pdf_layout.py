"""Lays out pages of images and text, and writes them as a PDF. Kernel.

matplotlib cannot embed vector graphics of another document, so images are embedded as pixels, each at its own
resolution.
"""

from __future__ import annotations

import io
import warnings
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from ..errors import FigServeError
from .images import open_image
from .raster import rgba_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 11.69, 8.27
"""Inches of A4 in landscape orientation."""
_MARGIN, _GAP = 0.55, 0.3
_POINTS = 72
_LEADING = 1.35
_SIZES = {"title": 17.0, "heading": 13.0, "text": 10.0, "item": 10.0, "code": 9.0, "caption": 9.0, "quiet": 8.0}
_MIN_SCALE = 0.5
"""Scale to which a long text shrinks before its end is cut off."""
_INK, _QUIET = "#1d1f23", "#5c6370"
_MAX_CHARACTERS = 8_000
"""Maximum length of a paragraph; more than fits on a page."""
_FIRST_FONT = "DejaVu Sans"
_FONT_FILES = (".ttf", ".otf", ".ttc")


@dataclass(frozen=True)
class TextBlock:
    """A paragraph; ``kind`` is a key of the table of font sizes."""

    kind: str
    text: str


@dataclass(frozen=True)
class PageCell:
    """A cell of a page.

    Parameters
    ----------
    share
        Width relative to the other cells of the page.
    image
        Bytes of an image; None for text only.
    blocks
        Text below the image, or alone.
    """

    share: float
    image: bytes | None = None
    blocks: tuple[TextBlock, ...] = ()


@dataclass(frozen=True)
class Page:
    """A page: a title, and cells side by side."""

    title: str
    cells: tuple[PageCell, ...] = field(default_factory=tuple)
    footer: str = ""


def write_pdf(pages: Sequence[Page], title: str) -> bytes:
    """Write pages as a PDF; equal pages give equal bytes."""
    import matplotlib
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    rc: Any = {"pdf.fonttype": 42, "font.family": _font_families(_characters(pages)), "text.usetex": False}
    # The user's rcParams must not change the layout.
    defaults: Any = {
        name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith("backend")
    }
    with matplotlib.rc_context({**defaults, **rc}), warnings.catch_warnings():
        # A character that no installed font has becomes a box, without a warning.
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        with PdfPages(buffer, metadata={"Title": title, "CreationDate": None}) as pdf:
            for page in pages:
                figure = Figure(figsize=(WIDTH, HEIGHT))
                _draw_page(figure, page)
                pdf.savefig(figure)
    return buffer.getvalue()


def _draw_page(figure: Figure, page: Page) -> None:
    top = HEIGHT - _MARGIN
    top -= _write(figure, [TextBlock("title", page.title)], _MARGIN, top, WIDTH - 2 * _MARGIN, HEIGHT / 4) + _GAP / 2
    bottom = _MARGIN + 0.2
    if page.footer:
        _write(figure, [TextBlock("quiet", page.footer)], _MARGIN, _MARGIN, WIDTH - 2 * _MARGIN, 0.3)
    width = WIDTH - 2 * _MARGIN - _GAP * (len(page.cells) - 1)
    left, total = _MARGIN, sum(cell.share for cell in page.cells)
    for cell in page.cells:
        cell_width = width * cell.share / total
        _draw_cell(figure, cell, left, top, cell_width, top - bottom)
        left += cell_width + _GAP


def _draw_cell(figure: Figure, cell: PageCell, left: float, top: float, width: float, height: float) -> None:
    if cell.image is not None:
        try:
            pixels = rgba_of(open_image(cell.image))
        except FigServeError as error:
            cell = PageCell(cell.share, None, (TextBlock("text", error.message), *cell.blocks))
        else:
            below = min(sum(_height(figure, block, width, 1) for block in cell.blocks) + 0.1, height / 2)
            scale = min(width / pixels.shape[1], (height - below) / pixels.shape[0])
            across, down = pixels.shape[1] * scale, pixels.shape[0] * scale
            axes = figure.add_axes((left / WIDTH, (top - down) / HEIGHT, across / WIDTH, down / HEIGHT))
            axes.set_axis_off()
            axes.imshow(pixels, interpolation="none", aspect="auto")
            top, height = top - down - 0.1, height - down - 0.1
    _write(figure, cell.blocks, left, top, width, height)


def _write(figure: Figure, blocks: Sequence[TextBlock], left: float, top: float, width: float, height: float) -> float:
    """Draw the blocks below each other, smaller if they do not fit; return their height in inches."""
    scale = 1.0
    while scale > _MIN_SCALE and sum(_height(figure, block, width, scale) for block in blocks) > height:
        scale *= 0.85
    at = 0.0
    for block in blocks:
        size = _SIZES[block.kind] * scale
        for line in _lines(figure, block, width, size):
            if at + size * _LEADING / _POINTS > height + 1e-6:
                return at
            place = (left / WIDTH, (top - at) / HEIGHT)
            figure.text(*place, line, va="top", parse_math=False, **_text_style(block, size))
            at += size * _LEADING / _POINTS
        at += size * 0.4 / _POINTS
    return at


def _height(figure: Figure, block: TextBlock, width: float, scale: float) -> float:
    size = _SIZES[block.kind] * scale
    return (len(_lines(figure, block, width, size)) * _LEADING + 0.4) * size / _POINTS


def _text_style(block: TextBlock, size: float) -> dict[str, Any]:
    is_strong = block.kind in ("title", "heading")
    style: dict[str, Any] = {"size": size, "color": _QUIET if block.kind in ("caption", "quiet") else _INK}
    return style | {"weight": "bold"} if is_strong else style


def _lines(figure: Figure, block: TextBlock, width: float, size: float) -> list[str]:
    """Wrap the text to the width, at spaces if possible."""
    measure = _measure(figure, block, size)
    lines = []
    for given in block.text[:_MAX_CHARACTERS].split("\n"):
        line = ""
        for word in _pieces(given.split(" "), width, measure):
            longer = f"{line} {word}" if line else word
            if line and measure(longer) > width:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return lines


def _pieces(words: Sequence[str], width: float, measure: Any) -> Iterator[str]:
    """Yield the words, splitting those that are wider than a line."""
    for word in words:
        while len(word) > 1 and measure(word) > width:
            count = max(1, bisect_right(range(1, len(word)), width, key=lambda n: measure(word[:n])))
            yield word[:count]
            word = word[count:]
        yield word


def _measure(figure: Figure, block: TextBlock, size: float) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.font_manager import FontProperties

    agg: Any = FigureCanvasAgg
    renderer = agg(figure).get_renderer()
    weight = "bold" if block.kind in ("title", "heading") else "normal"
    font = FontProperties(size=size, weight=weight)

    @cache
    def measure(text: str) -> float:
        width: float = renderer.get_text_width_height_descent(text, font, ismath=False)[0]
        return width / figure.dpi

    return measure


def _characters(pages: Sequence[Page]) -> set[str]:
    texts = [text for page in pages for text in (page.title, page.footer)]
    texts += [block.text for page in pages for cell in page.cells for block in cell.blocks]
    return {character for text in texts for character in text if character.isprintable() and character != " "}


def _font_families(characters: set[str]) -> list[str]:
    """Return matplotlib's default font, followed by installed fonts with the characters that it lacks."""
    from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

    found = [_FIRST_FONT]
    known: Any = get_font(findfont(FontProperties(family=_FIRST_FONT)))
    missing = {ord(character) for character in characters} - set(known.get_charmap())
    for entry in sorted(fontManager.ttflist, key=lambda one: (one.weight != 400, one.name, one.fname)):
        if not missing:
            break
        if entry.name in found or entry.name.startswith("Last Resort") or not entry.fname.lower().endswith(_FONT_FILES):
            continue
        try:
            has: Any = get_font(entry.fname)
            covered = missing & set(has.get_charmap())
        except (OSError, RuntimeError):
            continue
        if covered:
            found.append(entry.name)
            missing -= covered
    return found
