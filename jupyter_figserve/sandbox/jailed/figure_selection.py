"""Selection of the requested figure. Jailed child."""

from __future__ import annotations

from typing import Any

from ...errors import NoFigure, OutputInvalid
from ...model.rendering import ALL
from ...plotting.figure_copy import is_blank, is_empty
from ...plotting.resolve import ResolvedFigure, find_figure
from .figure_log import figure_log


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
    made = _find_made()
    if figure == ALL:
        found = [_as_saved(one) for one in made] or [one for one in figure_log.displayed if _can_render_itself(one)]
        return found or [_choose_figure(value, names)]
    assert isinstance(figure, int)
    return [_get_figure(figure, made)]


def _find_made() -> list[Any]:
    """Return the figures that the code made, in their order: those shown, saved or closed, then the open ones."""
    opened = [_get_open(number) for number in _open_numbers()]
    closed = [one for one in figure_log.figures if not any(one is other for other in opened)]
    made = [*closed, *opened]
    return [one for one in made if not is_blank(one)] or made


def _get_figure(number: int, made: list[Any]) -> ResolvedFigure:
    """Return a figure by its number: of the calls of ``savefig``, if figures were saved repeatedly, else pyplot's."""
    saves, numbers = figure_log.saves, _open_numbers()
    if len(saves) > len(made) and 1 <= number <= len(saves):
        save = saves[number - 1]
        return ResolvedFigure(save.figure, save_options=save.options)
    if number in numbers and len(made) <= len(numbers):
        return _as_saved(_get_open(number))
    if 1 <= number <= len(made) and len(made) > len(numbers):
        return _as_saved(made[number - 1])
    if number in numbers:
        return _as_saved(_get_open(number))
    names = ", ".join(map(str, numbers if len(made) <= len(numbers) else range(1, len(made) + 1)))
    raise NoFigure(f"The code made no figure {number}" + (f"; it made {names}." if names else ", nor any other."))


def _as_saved(figure: Any) -> ResolvedFigure:
    """Return a figure with the options of the code's last ``savefig`` of it."""
    return ResolvedFigure(figure, save_options=figure_log.options_of(figure))


def _choose_figure(value: Any, names: dict[str, Any]) -> Any:
    """Return the figure of the last value, else the displayed, the current, the last shown, or the last variable's."""
    found = _try_resolve(value) or _find_displayed_figure()
    if found is not None:
        return found
    current = _find_current()
    if current is not None and not (is_empty(current) and _has_others()):
        return _as_saved(current)
    objects = [one for one in (value, *reversed(figure_log.displayed)) if _can_render_itself(one)]
    images = [one for one in objects if _has_image(one)]
    if images or (objects and figure_log.latest is None):
        return (images or objects)[0]
    if figure_log.latest is not None:
        return _as_saved(figure_log.latest)
    if current is not None:
        return _as_saved(current)
    named = next((f for f in map(_try_resolve, reversed(_find_artists(names))) if f is not None), None)
    if named is None:
        raise NoFigure("The code made no figure; draw with pyplot, or end the code with the figure.")
    return named


def _find_displayed_figure() -> ResolvedFigure | None:
    """Return the figure passed to ``display``, unless the code made another one afterwards."""
    if figure_log.chosen is None:
        return None
    figure, current_then = figure_log.chosen
    current = _find_current()
    stays = figure_log.latest is figure if current is None else current in (current_then, figure)
    return ResolvedFigure(figure) if stays else None


def _find_current() -> Any:
    """Return pyplot's current figure, or None."""
    from matplotlib import pyplot

    return pyplot.gcf() if _open_numbers() else None


def _has_others() -> bool:
    """Whether anything else was shown, so that an empty figure need not be the result."""
    return bool(figure_log.displayed) or figure_log.latest is not None


def _has_image(value: Any) -> bool:
    """Whether the value has an image, and not only HTML, as a table has."""
    from ...plotting.encode import has_image

    return has_image(value)


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
