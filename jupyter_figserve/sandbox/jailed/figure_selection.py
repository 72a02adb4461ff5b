"""Selection of the figure that a job means, and its size. Jailed child."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from ...errors import NoFigure, OutputInvalid
from ...model.formats import CSS_DPI, get_format
from ...plotting.resolve import ResolvedFigure, find_figure
from .pyplot_hooks import shown_figures

ALL = "all"


def select_figures(value: Any, names: dict[str, Any], figure: int | str | None) -> list[Any]:
    """Return the objects to encode: resolved figures, or the last value if it can render itself.

    Parameters
    ----------
    value
        Value of the last expression.
    names
        Global variables of the code.
    figure
        A pyplot figure number, ``"all"``, or None.

    Raises
    ------
    NoFigure
        The code made no figure, or not the requested one.
    """
    if figure is None:
        return [_choose_figure(value, names)]
    numbers = _open_numbers()
    if figure == ALL:
        found: list[Any] = [ResolvedFigure(_get_open(number)) for number in numbers] or [
            ResolvedFigure(f) for f in shown_figures.figures
        ]
        return found or [_choose_figure(value, names)]
    assert isinstance(figure, int)
    if figure in numbers:
        return [ResolvedFigure(_get_open(figure))]
    if not numbers and 1 <= figure <= len(shown_figures.figures):
        return [ResolvedFigure(shown_figures.figures[figure - 1])]
    made = ", ".join(map(str, numbers or range(1, len(shown_figures.figures) + 1)))
    raise NoFigure(f"The code made no figure {figure}" + (f"; it made {made}." if made else ", nor any other."))


def resize(found: ResolvedFigure, options: dict[str, Any]) -> ResolvedFigure:
    """Give a figure the requested size, exact to the pixel; with one side given, the aspect ratio is kept."""
    import matplotlib

    width, height, dpi = options["width"], options["height"], options["dpi"]
    if width is None and height is None:
        return found
    figure = found.figure
    scale = float(CSS_DPI) if get_format(options["format"]).is_vector else float(dpi or found.dpi)
    own_width, own_height = figure.get_size_inches()
    width = width or max(1, round(height * own_width / own_height))
    height = height or max(1, round(width * own_height / own_width))
    figure.set_size_inches(_inches(width, scale), _inches(height, scale), forward=False)
    if not options["tight"]:
        matplotlib.rcParams["savefig.bbox"] = None
        return replace(found, tight=False, rc={name: v for name, v in found.rc.items() if name != "savefig.bbox"})
    return found


def _inches(pixels: int, dpi: float) -> float:
    """Return a length whose number of pixels is exact, although the canvas rounds down."""
    inches = pixels / dpi
    while int(inches * dpi) < pixels:
        inches = math.nextafter(inches, math.inf)
    return inches


def _choose_figure(value: Any, names: dict[str, Any]) -> Any:
    """Return the figure of the last value, else the current, the last saved or closed, or the last variable's."""
    found = _try_resolve(value)
    if found is not None:
        return found
    numbers = _open_numbers()
    if numbers:
        return find_figure(None)
    if _can_render_itself(value):
        return value
    if shown_figures.figures:
        return ResolvedFigure(shown_figures.figures[-1])
    named = next((f for f in map(_try_resolve, reversed(_find_artists(names))) if f is not None), None)
    if named is None:
        raise NoFigure("The code made no figure; draw with pyplot, or end the code with the figure.")
    return named


def _try_resolve(value: Any) -> ResolvedFigure | None:
    """Resolve a value without falling back to the current figure; a collection of several figures is not a figure."""
    if value is None:
        return None
    try:
        return find_figure(value)
    except OutputInvalid:
        return None


def _can_render_itself(value: Any) -> bool:
    """Whether the value may be a Plotly, Altair or Bokeh figure, an image, or an object with a rich representation."""
    if value is None or isinstance(value, (str, bytes, int, float, list, tuple, dict)):
        return False
    from ...plotting.encode import is_encodable

    return is_encodable(value)


def _find_artists(names: dict[str, Any]) -> list[Any]:
    from matplotlib.artist import Artist

    return [value for value in list(names.values()) if isinstance(value, Artist)]


def _open_numbers() -> list[int]:
    from matplotlib import pyplot

    return list(pyplot.get_fignums())


def _get_open(number: int) -> Any:
    from matplotlib._pylab_helpers import Gcf

    return Gcf.figs[number].canvas.figure
