"""A plotting object → bytes, thumbnail and words; the only caller of ``savefig``. Kernel and sandbox.

Nothing of the caller's changes: neither rcParams, nor the figure's dpi, colours and canvas, nor pyplot's figures.
"""

from __future__ import annotations

import io
import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..errors import FigServeError, InvalidInput, OutputInvalid, UnsupportedType
from ..model.figures import ALT_LENGTH, TITLE_LENGTH, EncodedImage
from ..model.formats import CSS_DPI, FORMATS, Format, find_format_of_bytes, get_format, get_format_of_mimetype
from .describe import describe, describe_figure, one_line
from .images import (
    PNG,
    check_pixels,
    image_payload,
    image_thumbnail,
    is_raster,
    open_image,
    payload_of,
    svgz_payload,
    thumbnail_payload,
)
from .mimebundles import bytes_payloads, find_payloads
from .png import THUMBNAIL_WIDTH, encode_png
from .resolve import ResolvedFigure, find_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .png import Pixels

_ACCEPTED = (
    "a matplotlib figure, Axes or artist, a seaborn, plotnine or pandas plot, a Pillow image, image bytes,"
    " or an object with an image or HTML representation (Plotly, Altair, Bokeh)"
)
# Any fixed text makes the ids in an SVG the same in every run.
_HASH_SALT = "jupyter_figserve"
_EPS_DATE = re.compile(rb"^%%CreationDate:.*\n", re.MULTILINE)
_UNDATED: Mapping[str, dict[str, Any]] = {
    "svg": {"metadata": {"Date": None}},
    "pdf": {"metadata": {"CreationDate": None}},
}


@dataclass(frozen=True)
class EncodedFigure:
    """What a plotting object became.

    Parameters
    ----------
    payloads
        In the order of the formats asked for; where only the default was asked of an object that has no PNG,
        what it has instead (interactive plots: HTML first).
    thumbnail
        A PNG at most 320 pixels wide, None where no pixels are at hand.
    title
        The object's own title in one line, ``""`` when it has none.
    alt
        A sentence derived from what is drawn, ``""`` when nothing is known.
    figure
        The matplotlib figure that a source can be pickled from, else None.
    """

    payloads: tuple[EncodedImage, ...]
    thumbnail: EncodedImage | None
    title: str
    alt: str
    figure: Any | None


def encode(
    obj: object,
    formats: Sequence[str] = ("png",),
    *,
    dpi: float | None = None,
    tight: bool = False,
    transparent: bool = False,
    with_thumbnail: bool = True,
) -> EncodedFigure:
    """Draw ``obj`` once for each format, with the pixels that its own library would save.

    Parameters
    ----------
    obj
        A plotting object, or what ``find_figure`` made of one; None is the current pyplot figure.
    formats
        Names of the format table.
    dpi
        Dots per inch of raster formats; by default as ``savefig`` decides.
    tight
        Cut or extend the picture to what is drawn, like ``bbox_inches="tight"``.
    transparent
        Without the background, for matplotlib's figures.

    Raises
    ------
    OutputInvalid
        When the object is nothing that can be drawn, or drawing it raised.
    UnsupportedType
        For a format that is not in the table, or that the object cannot have.
    """
    rows = _checked_rows(formats, dpi)
    try:
        found = obj if isinstance(obj, ResolvedFigure) else find_figure(obj)
        if found is None:
            return _encode_other(obj, rows, dpi)
        options = _savefig_options(dpi, tight or found.tight, transparent)
        return _encode_figure(found, rows, options, with_thumbnail)
    except FigServeError:
        raise
    except Exception as error:
        reason = one_line(f"{type(error).__name__}: {error}", 500)
        raise OutputInvalid(f"The figure could not be drawn: {reason}") from error


def _checked_rows(formats: Sequence[str], dpi: float | None) -> tuple[Format, ...]:
    rows = tuple(get_format(name) for name in formats)
    if not rows:
        raise InvalidInput(f"Name at least one format of {', '.join(FORMATS)}.")
    if dpi is not None and not (math.isfinite(dpi) and dpi > 0):
        raise InvalidInput(f"{dpi} is not a resolution; give dots per inch above 0.")
    return rows


def _savefig_options(dpi: float | None, tight: bool, transparent: bool) -> dict[str, Any]:
    """Only what was asked for: all else is as ``savefig`` and rcParams decide."""
    given: dict[str, tuple[bool, Any]] = {
        "bbox_inches": (tight, "tight"),
        "dpi": (dpi is not None, dpi),
        "transparent": (transparent, True),
    }
    return {name: value for name, (is_given, value) in given.items() if is_given}


@dataclass(frozen=True)
class _Raster:
    """What Agg drew, before any encoding."""

    pixels: Pixels
    dpi: float


def _encode_figure(
    found: ResolvedFigure, rows: tuple[Format, ...], options: Mapping[str, Any], with_thumbnail: bool
) -> EncodedFigure:
    figure = found.figure
    small = None
    drawn: dict[Format, EncodedImage] = {}
    with _rc(found.rc):
        if PNG in rows:
            # Encoded at once: the pixels lie in a renderer that the next drawing may use again.
            picture = _draw(figure, options)
            drawn[PNG] = _png_payload(picture)
            small = thumbnail_payload(picture.pixels) if with_thumbnail else None
        payloads = tuple(drawn.get(row) or _saved_payload(figure, row, options) for row in rows)
        if with_thumbnail and small is None:
            small = thumbnail_payload(_draw_small(figure, options).pixels)
    title, alt = describe_figure(figure, found.title)
    return EncodedFigure(payloads, small, title, alt, figure)


def _png_payload(picture: _Raster) -> EncodedImage:
    import matplotlib

    height, width, _ = picture.pixels.shape
    software = f"Matplotlib version{matplotlib.__version__}, https://matplotlib.org/"
    data = encode_png(picture.pixels, dpi=picture.dpi, metadata={"Software": software})
    return EncodedImage(PNG.mimetype, data, width, height, picture.dpi)


def _saved_payload(figure: Figure, row: Format, options: Mapping[str, Any]) -> EncodedImage:
    import matplotlib

    if row.name == "html":
        raise UnsupportedType("A matplotlib figure has no html form; ask for png, svg, pdf, jpg, webp, eps or svgz.")
    if row.name == "svgz":
        return svgz_payload(_saved_payload(figure, FORMATS["svg"], options))
    if row.is_vector:
        check_pixels(*(side * CSS_DPI for side in figure.get_size_inches()))
    buffer = io.BytesIO()
    with _own_canvas(figure) as canvas, _rc({"svg.hashsalt": matplotlib.rcParams["svg.hashsalt"] or _HASH_SALT}):
        figure.savefig(buffer, format=row.name, **options, **_UNDATED.get(row.name, {}))
        dpi = canvas.saved_dpi if is_raster(row) else None
    data = buffer.getvalue()
    return payload_of(row, _EPS_DATE.sub(b"", data, count=1) if row.name == "eps" else data, dpi=dpi)


def _draw(figure: Figure, options: Mapping[str, Any]) -> _Raster:
    """The pixels of ``savefig(format="png")``: matplotlib does all but the encoding."""
    with _own_canvas(figure) as canvas:
        figure.savefig(io.BytesIO(), format="png", **options)
        picture: _Raster = canvas.picture
        return picture


def _draw_small(figure: Figure, options: Mapping[str, Any]) -> _Raster:
    """The figure for its thumbnail alone, in the layout that the drawing before has found.

    Twice as fine as the thumbnail, so that thin lines are averaged instead of dropped.
    """
    dpi = min(figure.dpi, 2 * THUMBNAIL_WIDTH / figure.get_figwidth())
    engine = figure.get_layout_engine()
    if engine is None:
        return _draw(figure, {**options, "dpi": dpi})
    figure.set_layout_engine("none")
    try:
        return _draw(figure, {**options, "dpi": dpi})
    finally:
        figure.set_layout_engine(engine)


@contextmanager
def _own_canvas(figure: Figure) -> Iterator[Any]:
    """Have ``savefig`` print on our canvas; the figure's own, perhaps a window's, does not notice."""
    before = figure.canvas
    canvas = _canvas_class()(figure)
    _lend_renderer(before, canvas)
    try:
        yield canvas
    finally:
        figure.canvas = before
    _lend_renderer(canvas, before)


def _lend_renderer(lender: Any, borrower: Any) -> None:
    """Let a plain Agg canvas and ours share a renderer, as two calls of ``savefig`` would: it caches text metrics.

    A window's canvas keeps its own, with what it shows.
    """
    names = {"FigureCanvasAgg", "Canvas"}
    if {type(lender).__name__, type(borrower).__name__} == names and hasattr(lender, "renderer"):
        borrower.renderer, borrower._lastKey = lender.renderer, lender._lastKey


@lru_cache(maxsize=1)
def _canvas_class() -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    agg: Any = FigureCanvasAgg  # its methods have no annotations

    class Canvas(FigureCanvasAgg):
        """Agg, with a bound on the size, and a ``print_png`` that keeps the pixels instead of encoding them."""

        picture: _Raster | None = None
        saved_dpi: float | None = None

        def get_renderer(self) -> Any:
            width, height = self.get_width_height(physical=True)
            check_pixels(width, height)
            if min(width, height) < 1:
                raise OutputInvalid("The figure would be less than a pixel; give it a greater size or dpi.")
            self.saved_dpi = float(self.figure.dpi)
            return agg.get_renderer(self)

        def print_png(self, *_args: Any, **_kwargs: Any) -> None:
            import numpy as np

            agg.draw(self)
            self.picture = _Raster(np.asarray(agg.buffer_rgba(self)), float(self.figure.dpi))

    return Canvas


@contextmanager
def _rc(changes: Mapping[str, Any]) -> Iterator[None]:
    """Hold these rcParams alone: ``rc_context`` would also undo what another thread sets meanwhile."""
    import matplotlib

    params: Any = matplotlib.rcParams
    before = {name: params[name] for name in changes if name in params}
    try:
        params.update({name: changes[name] for name in before})
        yield
    finally:
        params.update(before)


def _encode_other(obj: object, rows: tuple[Format, ...], dpi: float | None) -> EncodedFigure:
    payloads = _other_payloads(obj, rows, dpi)
    if payloads is None:
        raise OutputInvalid(f"{type(obj).__name__!r:.100} is nothing to publish; give {_ACCEPTED}.")
    raster = next((payload for payload in payloads if is_raster(get_format_of_mimetype(payload.mimetype))), None)
    thumbnail = image_thumbnail(open_image(raster.data)) if raster else None
    title, alt = describe(obj)
    return EncodedFigure(payloads, thumbnail, one_line(title, TITLE_LENGTH), one_line(alt, ALT_LENGTH), None)


def _other_payloads(obj: object, rows: tuple[Format, ...], dpi: float | None) -> tuple[EncodedImage, ...] | None:
    if isinstance(obj, (bytes, bytearray, memoryview)):
        data = bytes(obj)
        row = find_format_of_bytes(data)
        if row is None:
            raise OutputInvalid(
                f"These {len(data):,} bytes are no image that is known; they can be {', '.join(FORMATS)}."
            )
        return bytes_payloads(data, row, rows)
    pillow = sys.modules.get("PIL.Image")
    if pillow is not None and isinstance(obj, pillow.Image):
        return tuple(image_payload(obj, row, dpi=dpi) for row in rows)
    return find_payloads(obj, rows, dpi)
