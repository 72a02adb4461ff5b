"""Which figure of the code is meant, and in which size it is drawn. Sandbox, child side."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from ...errors import FigServeError, NoFigure, OutputInvalid
from ...model.formats import CSS_DPI, get_format
from ...plotting.resolve import ResolvedFigure, find_figure
from .pyplot_hooks import ledger

ALL = "all"


def select_figures(value: Any, names: dict[str, Any], figure: int | str | None) -> list[Any]:
    """What is to be encoded: figures that were found, or the last value where it draws itself.

    Parameters
    ----------
    value
        Of the last expression.
    names
        That the code made.
    figure
        A number as pyplot counts, ``"all"``, or None.

    Raises
    ------
    NoFigure
    """
    if figure is None:
        return [_choose_figure(value, names)]
    numbers = _open_numbers()
    if figure == ALL:
        found: list[Any] = [ResolvedFigure(_get_open(number)) for number in numbers] or [
            ResolvedFigure(f) for f in ledger.figures
        ]
        return found or [_choose_figure(value, names)]
    assert isinstance(figure, int)
    if figure in numbers:
        return [ResolvedFigure(_get_open(figure))]
    if not numbers and 1 <= figure <= len(ledger.figures):
        return [ResolvedFigure(ledger.figures[figure - 1])]
    count = ", ".join(map(str, numbers or range(1, len(ledger.figures) + 1)))
    raise NoFigure(f"The code made no figure {figure}" + (f"; it made {count}." if count else ", nor any other."))


def resize(found: ResolvedFigure, options: dict[str, Any]) -> ResolvedFigure:
    """Give a figure the size that was asked for, exact to the pixel; one side alone keeps the figure's proportions."""
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
    """The canvas cuts off fractions of a pixel: the nearest length that does not fall below the whole number."""
    inches = pixels / dpi
    while int(inches * dpi) < pixels:
        inches = math.nextafter(inches, math.inf)
    return inches


def _choose_figure(value: Any, names: dict[str, Any]) -> Any:
    """The last value's figure, else the current one, else the last that was saved or closed, else the last by name."""
    found = _found(value)
    if found is not None:
        return found
    numbers = _open_numbers()
    if numbers:
        return find_figure(None)
    if _draws_itself(value):
        return value
    if ledger.figures:
        return ResolvedFigure(ledger.figures[-1])
    named = next((f for f in map(_found, reversed(_plotted(names))) if f is not None), None)
    if named is None:
        raise NoFigure("The code ran to its end and made no figure: draw with pyplot, or end with the figure itself.")
    return named


def _found(value: Any) -> ResolvedFigure | None:
    """Without a current figure's standing in; a collection out of several figures is none of them."""
    if value is None:
        return None
    try:
        return find_figure(value)
    except OutputInvalid:
        return None


def _draws_itself(value: Any) -> bool:
    """Whether the last value may be a Plotly, Altair or Bokeh figure, an image, or have a representation."""
    if value is None or isinstance(value, (str, bytes, int, float, list, tuple, dict)):
        return False
    from ...plotting.encode import encode

    try:
        encode(value, with_thumbnail=False)
    except FigServeError as error:
        return "nothing to publish" not in str(error)
    return True


def _plotted(names: dict[str, Any]) -> list[Any]:
    from matplotlib.artist import Artist

    return [value for value in list(names.values()) if isinstance(value, Artist)]


def _open_numbers() -> list[int]:
    from matplotlib import pyplot

    return list(pyplot.get_fignums())


def _get_open(number: int) -> Any:
    from matplotlib._pylab_helpers import Gcf

    return Gcf.figs[number].canvas.figure
