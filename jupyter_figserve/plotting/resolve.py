"""Any plotting object → the matplotlib figure it is drawn on. Kernel and sandbox; draws nothing itself."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..errors import OutputInvalid

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Where plotting objects that are not artists keep theirs: seaborn and xarray grids, scikit-learn displays,
# colorbars, stream plots, pies.
_FIGURE_ATTRIBUTES = ("figure", "fig", "figure_", "ax", "axes", "lines", "wedges")
_DEEPEST = 4
_MAX_ITEMS = 10_000


@dataclass(frozen=True)
class ResolvedFigure:
    """A figure, and what its library would set while saving it.

    Parameters
    ----------
    rc
        rcParams that hold during the drawing, as the library's own ``save`` has them.
    tight
        Whether parts lie outside the figure's box by design (legends of ``seaborn.objects``).
    title
        The title where the library draws it as a text of its own, else ``""``.
    """

    figure: Figure
    rc: Mapping[str, Any] = field(default_factory=dict)
    tight: bool = False
    title: str = ""

    @property
    def dpi(self) -> float:
        """Dots per inch with which ``savefig`` would draw it."""
        import matplotlib

        saved = self.rc.get("savefig.dpi", matplotlib.rcParams["savefig.dpi"])
        return float(self.figure.dpi if saved == "figure" else saved)


def find_figure(obj: object) -> ResolvedFigure | None:
    """The figure behind ``obj`` (None stands for the current pyplot figure), or None when there is none.

    Raises
    ------
    OutputInvalid
        Without a current figure, for an artist on no figure, and for a collection from several figures.
    """
    if obj is None:
        return ResolvedFigure(_current_figure())
    # What no library could have made, because it is not loaded, needs no test (and no import).
    if _loaded("matplotlib.figure") is None and _loaded("plotnine") is None:
        return None
    return _find_grammar(obj) or _find_drawn(obj)


def _current_figure() -> Figure:
    pyplot = _loaded("matplotlib.pyplot")
    if pyplot is None or not pyplot.get_fignums():
        raise OutputInvalid(
            "There is no current figure: draw one with pyplot in this cell, or give the figure itself"
            " (notebooks close the figures that a cell has shown)."
        )
    figure: Figure = pyplot.gcf()
    return figure


def _find_grammar(obj: object) -> ResolvedFigure | None:
    """Plots that are only a description until they are compiled: seaborn.objects and plotnine."""
    seaborn = _loaded("seaborn._core.plot")
    if seaborn is not None and isinstance(obj, (seaborn.Plot, seaborn.Plotter)):
        plotter = obj.plot() if isinstance(obj, seaborn.Plot) else obj
        return ResolvedFigure(plotter._figure, plotter._theme, tight=True)
    plotnine = _loaded("plotnine")
    if plotnine is not None and isinstance(obj, plotnine.ggplot):
        plot = copy.deepcopy(obj)  # drawing writes into the plot; plotnine's own save copies it too
        return ResolvedFigure(
            plot.draw(show=False), plot.theme.rcParams, title=getattr(plot.labels, "title", None) or ""
        )
    composition = _loaded("plotnine.composition")
    if composition is not None and isinstance(obj, composition.Compose):
        return ResolvedFigure(copy.deepcopy(obj).draw(show=False))
    return None


def _find_drawn(obj: object) -> ResolvedFigure | None:
    animation = _loaded("matplotlib.animation")
    if animation is not None and isinstance(obj, animation.Animation):
        return ResolvedFigure(_first_frame(obj))
    figures = {id(figure): figure for figure in _figures(obj, _DEEPEST)}
    if len(figures) > 1:
        raise OutputInvalid(
            f"This {type(obj).__name__} holds {len(figures)} figures; give one of them at a time, each under a name."
        )
    return ResolvedFigure(figures.popitem()[1]) if figures else None


def _first_frame(animation: Any) -> Figure:
    """Animations draw nothing before they are shown: the first frame is what showing would draw first."""
    if not getattr(animation, "_draw_was_started", True):
        animation._init_draw()
        animation._draw_was_started = True
    figure: Figure = animation._fig
    return figure


def _figures(obj: object, depth: int) -> Iterator[Figure]:
    artist = _loaded("matplotlib.artist")
    if artist is not None and isinstance(obj, artist.Artist):
        yield _root(obj)
    elif depth:
        for part in islice(_parts(obj), _MAX_ITEMS):
            yield from _figures(part, depth - 1)


def _root(artist: Any) -> Figure:
    """The figure at the top of the artist's tree, out of all subfigures."""
    from matplotlib.figure import Figure

    while artist is not None and not isinstance(artist, Figure):
        # Figure.figure of a subfigure changes its meaning in matplotlib 3.12; figures know their top themselves.
        artist = getattr(artist, "_root_figure", None) or artist.figure
    if artist is None:
        raise OutputInvalid("The artist is on no figure: it was removed, or never added to an Axes.")
    return artist


def _parts(obj: object) -> Iterable[object]:
    """What a collection of artists holds; nothing for anything else."""
    import numpy as np

    if isinstance(obj, Mapping):
        return obj.values()
    if isinstance(obj, (list, tuple)):
        return obj
    if isinstance(obj, np.ndarray):
        return obj.flat if obj.dtype == object else ()
    pandas = _loaded("pandas")
    if pandas is not None and isinstance(obj, pandas.Series):
        values: Iterable[object] = obj.array if obj.dtype == object else ()
        return values
    return _attribute_parts(obj)


def _attribute_parts(obj: object) -> Iterable[object]:
    from matplotlib.artist import Artist

    for name in _FIGURE_ATTRIBUTES:
        try:
            value = getattr(obj, name, None)
        except Exception:  # noqa: S112  an attribute of a foreign object may raise anything, and is then not ours
            continue
        first = value[0] if isinstance(value, (list, tuple)) and value else value
        if isinstance(first, Artist):
            return (first,)
    return ()


def _loaded(name: str) -> ModuleType | None:
    """A module that is already imported: an object of its classes cannot exist before."""
    return sys.modules.get(name)
