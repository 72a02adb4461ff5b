"""Encoding: from a plotting object to image bytes, thumbnail, title and alternative text. Kernel and jailed child.

The caller's state is not changed: not rcParams, not the figure's dpi, colours and canvas, not pyplot's state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..errors import FigServeError, OutputInvalid
from ..model.figures import EncodedImage
from ..model.formats import FORMATS, Format, find_format_of_bytes, get_format_of_mimetype
from ..model.texts import MAX_ALT_LENGTH, MAX_TITLE_LENGTH
from .animations import (
    AnimationLimits,
    Frames,
    encode_frames,
    frames_of_animation,
    frames_of_image,
    has_animated_format,
    is_animated_image,
    is_animation,
)
from .canvas import drawn, rc, small_options
from .describe import describe
from .describe_figure import describe_figure
from .drawing_state import DrawingState
from .encode_options import check_figure_size, parse_formats, savefig_options
from .figure_images import save_as, to_png
from .images import (
    PNG,
    encode_image,
    encode_thumbnail,
    image_of,
    image_thumbnail,
    open_image,
    with_display_size,
)
from .libraries import PILLOW, is_instance
from .mimebundles import find_images, images_of_bytes, is_of_library, offers_image
from .readable_text import error_line, one_line
from .resolve import ResolvedFigure, find_figure
from .sketches.sketch import find_sketch

if TYPE_CHECKING:
    pass


_ACCEPTED = (
    "a matplotlib figure, Axes, artist or animation, a seaborn, plotnine or pandas plot, a Pillow image, an array, the"
    " bytes of an image, or an object with an image or HTML representation (Plotly, Altair, Bokeh)"
)


@dataclass(frozen=True)
class EncodedFigure:
    """An encoded plotting object.

    Parameters
    ----------
    images
        In the order of the requested formats. If the default format was requested of an object that has no PNG, its
        own formats (HTML first for interactive plots).
    thumbnail
        A PNG at most 320 pixels wide; None for figures without a raster image.
    title
        The object's own title on one line, or ``""``.
    alt
        Alternative text derived from the content, or ``""``.
    figure
        The matplotlib figure to pickle a source from, else None.
    state
        The state that the figure was drawn in, if it was requested.
    is_animation
        Whether an image is an animation, which cannot be drawn again from the figure.
    """

    images: tuple[EncodedImage, ...]
    thumbnail: EncodedImage | None
    title: str
    alt: str
    figure: Any | None
    state: DrawingState | None = None
    is_animation: bool = False


def encode(
    obj: object,
    formats: Sequence[str] = ("png",),
    *,
    dpi: float | None = None,
    tight: bool = False,
    transparent: bool = False,
    with_thumbnail: bool = True,
    with_state: bool = False,
    animation: AnimationLimits | None = None,
) -> EncodedFigure:
    """Render ``obj`` once for each format, with the pixels that its own library would save.

    Parameters
    ----------
    obj
        A plotting object or a ``ResolvedFigure``; None means the current pyplot figure.
    formats
        Names in the format table.
    dpi, tight, transparent
        As for ``savefig``: dots per inch of raster formats, crop to the content, and omit the background.
    with_state, animation
        Also capture the drawing state of a figure; limits of an animation, which moves in GIF, APNG and WebP.

    Raises
    ------
    OutputInvalid, UnsupportedType
        It cannot be rendered, or not in a format.
    """
    rows = parse_formats(formats, dpi)
    with _drawing_errors():
        obj = _open_moving(obj, rows)
        moving = _find_frames(obj, rows, savefig_options(dpi, tight, transparent))
        if moving is not None:
            return _encode_animation(obj, moving, rows, dpi, animation or AnimationLimits())
        found = obj if isinstance(obj, ResolvedFigure) else find_figure(obj)
        if found is None:
            return _encode_other(obj, rows, dpi, with_thumbnail)
        found = replace(found, tight=tight or found.tight)
        encoded = _encode_figure(
            found, rows, {**found.save_options, **savefig_options(dpi, found.tight, transparent)}, with_thumbnail
        )
        return replace(encoded, state=_capture_state(found, dpi)) if with_state else encoded


def _capture_state(found: ResolvedFigure, dpi: float | None) -> DrawingState:
    with rc(found.rc):
        try:
            return DrawingState.capture(found.figure, tight=found.tight, dpi=dpi)
        except Exception as error:
            # The image is drawn; only its source is lost.
            return DrawingState(obstacle=error_line(error, 500))


def _open_moving(obj: object, rows: tuple[Format, ...]) -> object:
    """Open the bytes of an animation that is requested in another format of animations; return all else unchanged."""
    if not isinstance(obj, (bytes, bytearray, memoryview)) or not has_animated_format(rows):
        return obj
    data = bytes(obj)
    row = find_format_of_bytes(data)
    return obj if row is None or row in rows or not row.is_raster else open_image(data)


def _find_frames(obj: object, rows: tuple[Format, ...], options: Mapping[str, Any]) -> Frames | None:
    """Return the frames of an animation that is requested in a format of animations."""
    animation = obj.animation if isinstance(obj, ResolvedFigure) else obj
    if not has_animated_format(rows) or not is_animation(animation):
        return None
    return frames_of_image(animation) if is_animated_image(animation) else frames_of_animation(animation, options)


def _encode_animation(
    obj: Any, frames: Frames, rows: tuple[Format, ...], dpi: float | None, limits: AnimationLimits
) -> EncodedFigure:
    animation = obj.animation if isinstance(obj, ResolvedFigure) else obj
    figure = getattr(animation, "_fig", None)
    described: list[tuple[str, str]] = []

    def encode_still(row: Format, pixels: Any) -> EncodedImage:
        if figure is None or row is PNG:
            return encode_image(image_of(pixels), row, dpi=dpi or (figure.dpi if figure is not None else None))
        return save_as(figure, row, savefig_options(dpi, tight=False, transparent=False))

    def on_first_frame() -> None:
        described.append(describe(animation) if figure is None else describe_figure(figure, ""))

    images, first = encode_frames(frames, rows, limits, encode_still, on_first_frame)
    title, alt = described[0]
    alt = f"Animation. {alt}" if alt else "Animation"
    return EncodedFigure(
        images, encode_thumbnail(first), title, one_line(alt, MAX_ALT_LENGTH), figure, is_animation=True
    )


def is_encodable(obj: object) -> bool:
    """Whether ``obj`` is a plotting object or an image, even one that fails to render."""
    if is_of_library(obj):
        return True
    try:
        with _drawing_errors():
            return find_figure(obj) is not None or _other_images(obj, (PNG,), None) is not None
    except FigServeError:
        return True


def has_image(obj: object) -> bool:
    """Whether a plotting object has an image, and not only HTML; renders nothing of the known libraries."""
    if isinstance(obj, (bytes, bytearray, memoryview)):
        return True
    return is_instance(obj, *PILLOW) or offers_image(obj)


@contextmanager
def _drawing_errors() -> Iterator[None]:
    """Convert exceptions of plotting libraries to ``OutputInvalid``."""
    try:
        yield
    except FigServeError:
        raise
    except Exception as error:
        reason = error_line(error, 500)
        raise OutputInvalid(f"The figure could not be drawn: {reason}") from error


def _encode_figure(
    found: ResolvedFigure, rows: tuple[Format, ...], options: Mapping[str, Any], with_thumbnail: bool
) -> EncodedFigure:
    figure = found.figure
    check_figure_size(figure, options.get("dpi") or found.dpi, rows)
    thumbnail = None
    rendered: dict[Format, EncodedImage] = {}
    with rc(found.rc):
        if PNG in rows:
            with drawn(figure, options) as raster:
                rendered[PNG] = to_png(raster)
                thumbnail = encode_thumbnail(raster.pixels) if with_thumbnail else None
        images = tuple(rendered.get(row) or save_as(figure, row, options) for row in rows)
    if with_thumbnail and thumbnail is None:
        thumbnail = draw_thumbnail(found, options)
    title, alt = describe_figure(figure, found.title, found.labels)
    return EncodedFigure(images, thumbnail, title, alt, figure)


def draw_thumbnail(found: ResolvedFigure, options: Mapping[str, Any]) -> EncodedImage:
    """Draw the thumbnail of a figure that is not encoded as PNG; ``options`` are those of ``savefig``."""
    with rc(found.rc), drawn(found.figure, small_options(found.figure, options)) as raster:
        return encode_thumbnail(raster.pixels)


def _encode_other(obj: object, rows: tuple[Format, ...], dpi: float | None, with_thumbnail: bool) -> EncodedFigure:
    images = _other_images(obj, rows, dpi)
    if images is None:
        raise OutputInvalid(f"Cannot render an object of type {type(obj).__name__:.100}. Pass {_ACCEPTED}.")
    images = tuple(with_display_size(image, obj) for image in images)
    raster = next((image for image in images if get_format_of_mimetype(image.mimetype).is_raster), None)
    thumbnail = None
    if with_thumbnail:
        thumbnail = image_thumbnail(open_image(raster.data)) if raster else find_sketch(obj)
    title, alt = describe(obj)
    return EncodedFigure(images, thumbnail, one_line(title, MAX_TITLE_LENGTH), one_line(alt, MAX_ALT_LENGTH), None)


def _other_images(obj: object, rows: tuple[Format, ...], dpi: float | None) -> tuple[EncodedImage, ...] | None:
    if isinstance(obj, (bytes, bytearray, memoryview)):
        data = bytes(obj)
        row = find_format_of_bytes(data)
        if row is None:
            raise OutputInvalid(
                f"The {len(data):,} bytes are not an image in a known format. Use one of {', '.join(FORMATS)}."
            )
        return images_of_bytes(data, row, rows)
    if is_instance(obj, *PILLOW):
        pillow_image: Any = obj
        return tuple(encode_image(pillow_image, row, dpi=dpi) for row in rows)
    return find_images(obj, rows, dpi)
