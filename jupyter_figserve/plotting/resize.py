"""The size of a figure that is drawn again. Kernel and jailed child."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..model.formats import get_format
from ..model.images.vector_sizes import CSS_DPI
from .canvas import fit_tight, tight_box
from .resolve import ResolvedFigure

_COLOURS = ("facecolor", "edgecolor", "transparent")
"""Options of ``savefig`` that do not change the size."""


def resize(found: ResolvedFigure, options: Mapping[str, Any]) -> ResolvedFigure:
    """Give a figure the requested size, exact to the pixel; with one side given, the aspect ratio is kept.

    A tight image has the requested size with all its content.
    """
    import matplotlib

    width, height, dpi = options["width"], options["height"], options["dpi"]
    if width is None and height is None:
        return replace(found, tight=found.tight or options["tight"])
    # The request's size replaces that of the code's savefig.
    kept = {name: v for name, v in found.save_options.items() if name in _COLOURS}
    found = replace(found, save_options=kept)
    figure = found.figure
    is_tight = (
        options["tight"]
        or found.tight
        or "tight" in (matplotlib.rcParams["savefig.bbox"], found.rc.get("savefig.bbox"))
    )
    is_vector = get_format(options["format"]).is_vector
    scale = float(CSS_DPI) if is_vector else float(dpi or found.dpi)
    own_size = tight_box(figure, None if is_vector else scale).size if is_tight else figure.get_size_inches()
    width, height = (max(1, round(side)) for side in complete_size(own_size, width, height))
    inches = _inches(width, scale), _inches(height, scale)
    if is_tight and _has_size(own_size * scale, (width, height), is_vector):
        return replace(found, tight=True)
    if is_tight:
        return replace(found, tight=False, save_options=kept | {"bbox_inches": fit_tight(figure, inches)})
    figure.set_size_inches(inches, forward=False)
    matplotlib.rcParams["savefig.bbox"] = None
    return replace(found, rc={name: v for name, v in found.rc.items() if name != "savefig.bbox"})


def complete_size(own: Iterable[float], width: int | None, height: int | None) -> tuple[float, float]:
    """Return the requested size; with one side given, in the aspect ratio of the own size; with none, the own size."""
    own_width, own_height = own
    if width is None and height is None:
        return own_width, own_height
    if width is None:
        assert height is not None
        return height * own_width / own_height, height
    return width, width * own_height / own_width if height is None else height


def _has_size(own: Any, requested: tuple[float, float], is_vector: bool) -> bool:
    """Whether a tight image has the requested pixels anyway; matplotlib drops the fraction of a raster's sides."""
    pairs = list(zip(own, requested, strict=True))
    return all(abs(side - wanted) < 1 if is_vector else int(side) == wanted for side, wanted in pairs)


def _inches(pixels: int, dpi: float) -> float:
    """Return a length whose number of pixels is exact, although the canvas rounds down."""
    inches = pixels / dpi
    while int(inches * dpi) < pixels:
        inches = math.nextafter(inches, math.inf)
    return inches
