"""Archive images of a published figure: an SVG, or a PNG for HiDPI screens, drawn from its source. Kernel.

They show what the author saw: the same process draws them, in the state that the figure was published in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..model.figures import HIDPI_RATIO, MAX_VECTOR_BYTES, EncodedImage
from ..model.formats import FORMATS, get_format_of_mimetype
from .bounded_buffer import BoundedBuffer, LimitExceeded
from .canvas import own_canvas, rc
from .charts.artists import has_marker
from .clip_ids import with_reproducible_ids
from .encode import EncodedFigure, encode
from .figure_images import hash_salt
from .images import to_encoded_image
from .resolve import ResolvedFigure, find_figure

_MARK_BYTES = 60
"""Bytes that a marker takes in an SVG, at least."""
# Glyphs as outlines, and images inside the file: it looks the same without the author's fonts and files.
_SELF_CONTAINED: Mapping[str, Any] = {
    "svg.fonttype": "path",
    "svg.image_inline": True,
}


def draw_if_unchanged(encoded: EncodedFigure, max_bytes: int) -> list[EncodedImage]:
    """Draw the archive images of a figure that could not be pickled; none if it no longer gives the encoded image."""
    state = encoded.state
    found = find_figure(encoded.figure)
    assert found is not None
    assert state is not None
    found = replace(found, tight=state.tight)
    with state.applied():
        return draw_archive(found, state.dpi, max_bytes, encoded.images[0])


def draw_archive(
    found: ResolvedFigure, dpi: float | None, max_bytes: int, published: EncodedImage | None = None
) -> list[EncodedImage]:
    """Draw the SVG, and where it is too large for a page, a PNG of twice the resolution.

    Parameters
    ----------
    dpi
        Dots per inch of the published image; None for those of ``savefig``.
    published
        The published image, if it is not certain that the figure still gives it; if it does not, nothing is drawn.
    """
    if published is not None:
        name = get_format_of_mimetype(published.mimetype).name
        if encode(found, (name,), dpi=dpi, with_thumbnail=False).images[0].data != published.data:
            return []
    svg = _draw_svg(found, dpi, max_bytes)
    images = [] if svg is None else [svg]
    if svg is None or len(svg.data) > MAX_VECTOR_BYTES:
        with rc(found.rc):
            sharp = HIDPI_RATIO * (found.dpi if dpi is None else dpi)
        images += encode(found, ("png",), dpi=sharp, tight=found.tight, with_thumbnail=False).images
    return images


def _draw_svg(found: ResolvedFigure, dpi: float | None, max_bytes: int) -> EncodedImage | None:
    """Draw the SVG; None if it has more bytes, and then drawing stops early."""
    if _count_marks(found.figure) * _MARK_BYTES > max_bytes:
        return None
    buffer = BoundedBuffer(max_bytes)
    # The resolution is that of the raster images in it.
    options: dict[str, Any] = {"bbox_inches": "tight"} if found.tight else {}
    options |= {} if dpi is None else {"dpi": dpi}
    try:
        with rc({**found.rc, **_SELF_CONTAINED, **hash_salt()}), own_canvas(found.figure):
            found.figure.savefig(buffer, format="svg", metadata={"Date": None}, **options)
    except LimitExceeded:
        return None
    return to_encoded_image(FORMATS["svg"], with_reproducible_ids(buffer.getvalue()))


def _count_marks(figure: Any) -> int:
    """Count the markers of scatter plots and lines, of which an SVG has an element each."""
    from matplotlib.collections import PathCollection
    from matplotlib.lines import Line2D

    lines = [line for line in figure.findobj(Line2D) if has_marker(line)]
    return sum(len(one.get_offsets()) for one in figure.findobj(PathCollection)) + sum(
        len(line.get_xdata(orig=False)) for line in lines if line.axes is not None and line.get_markevery() is None
    )
