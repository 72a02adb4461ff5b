"""Resolution of a plotting object to its matplotlib figure, without rendering it. Kernel and jailed child."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..errors import OutputInvalid
from .canvas import own_dpi
from .comparison import Engine
from .libraries import is_instance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Attributes in which other plotting objects keep their artists: seaborn and xarray grids, scikit-learn displays,
# colorbars, stream plots, pies.
_FIGURE_ATTRIBUTES = ("figure", "fig", "figure_", "ax", "axes", "lines", "wedges")
_MAX_DEPTH = 4
_MAX_ITEMS = 10_000


@dataclass(frozen=True)
class ResolvedFigure:
    """A figure, with the settings that its library uses to save it.

    Parameters
    ----------
    rc
        rcParams to set while drawing, like the library's own ``save``.
    tight
        Whether parts lie outside the figure by design, as the legends of seaborn do.
    title, labels
        The title and the labels of the axes, if the library draws them as separate texts, or ``""``.
    save_options
        Options of ``savefig`` that the code gave itself; options of the request take precedence.
    animation
        The animation of which the figure shows a frame, if any.
    engine
        What drew the published image of a figure that is drawn again; None if that is unknown.
    """

    figure: Figure
    rc: Mapping[str, Any] = field(default_factory=dict)
    tight: bool = False
    title: str = ""
    labels: tuple[str, str] = ("", "")
    save_options: Mapping[str, Any] = field(default_factory=dict)
    animation: Any | None = None
    engine: Engine | None = None

    @property
    def dpi(self) -> float:
        """Dots per inch that ``savefig`` would use."""
        import matplotlib

        saved = self.save_options.get("dpi", self.rc.get("savefig.dpi", matplotlib.rcParams["savefig.dpi"]))
        return own_dpi(self.figure) if saved == "figure" else float(saved)


def find_figure(obj: object) -> ResolvedFigure | None:
    """Return the figure of ``obj`` (None means the current pyplot figure), or None if it has none.

    Raises
    ------
    OutputInvalid
        There is no current figure, the artist does not belong to a figure, or the collection spans several figures.
    """
    if obj is None:
        return ResolvedFigure(_current_figure())
    # Without these libraries loaded, the object cannot be one of theirs.
    if _loaded("matplotlib.figure") is None and _loaded("plotnine") is None:
        return None
    return _find_compiled(obj) or _find_drawn(obj)


def _current_figure() -> Figure:
    pyplot = _loaded("matplotlib.pyplot")
    if pyplot is None or not pyplot.get_fignums():
        raise OutputInvalid(
            "There is no current figure. Draw one with pyplot in this cell, or pass the figure"
            " (notebooks close the figures of a cell after displaying them)."
        )
    figure: Figure = pyplot.gcf()
    return figure


def _find_compiled(obj: object) -> ResolvedFigure | None:
    """Resolve plots that are compiled on drawing: seaborn.objects and plotnine."""
    seaborn = _loaded("seaborn._core.plot")
    if seaborn is not None and isinstance(obj, (seaborn.Plot, seaborn.Plotter)):
        plotter = obj.plot() if isinstance(obj, seaborn.Plot) else obj
        return ResolvedFigure(plotter._figure, plotter._theme, tight=True)
    plotnine = _loaded("plotnine")
    if plotnine is not None and isinstance(obj, plotnine.ggplot):
        plot = copy.deepcopy(obj)  # drawing changes the plot; plotnine's own save copies it too
        figure = plot.draw(show=False)
        title, *labels = (getattr(plot.labels, name, None) or "" for name in ("title", "x", "y"))
        return ResolvedFigure(figure, plot.theme.rcParams, title=title, labels=(labels[0], labels[1]))
    composition = _loaded("plotnine.composition")
    if composition is not None and isinstance(obj, composition.Compose):
        return ResolvedFigure(copy.deepcopy(obj).draw(show=False))
    return None


def _find_drawn(obj: object) -> ResolvedFigure | None:
    animation = _loaded("matplotlib.animation")
    if animation is not None and isinstance(obj, animation.Animation):
        return ResolvedFigure(_first_frame(obj), animation=obj)
    grids = _loaded("seaborn.axisgrid")
    if grids is not None and isinstance(obj, grids._BaseGrid):
        return ResolvedFigure(_root(obj.figure), tight=True)
    figures = {id(figure): figure for figure in _figures(obj, _MAX_DEPTH)}
    if len(figures) > 1:
        raise OutputInvalid(f"This {type(obj).__name__} contains {len(figures)} figures. Pass one at a time.")
    return ResolvedFigure(figures.popitem()[1]) if figures else None


def _first_frame(animation: Any) -> Figure:
    """Draw the first frame of an animation, which has no content before it is shown."""
    if not getattr(animation, "_draw_was_started", True):
        animation._init_draw()
        animation._draw_was_started = True
    if _is_empty(animation):
        for data in islice(animation.new_frame_seq(), 1):
            animation._draw_frame(data)
    figure: Figure = animation._fig
    return figure


def _is_empty(animation: Any) -> bool:
    """Whether an animation was only initialized, with blit at its construction, and shows no frame."""
    if hasattr(animation, "_framedata"):
        return not any(artist.get_visible() for frame in animation._framedata for artist in frame)
    return getattr(animation, "_init_func", None) is not None and not getattr(animation, "_save_seq", ())


def _figures(obj: object, depth: int) -> Iterator[Figure]:
    artist = _loaded("matplotlib.artist")
    if artist is not None and isinstance(obj, artist.Artist):
        yield _root(obj)
    elif depth:
        for part in islice(_parts(obj), _MAX_ITEMS):
            yield from _figures(part, depth - 1)


def _root(artist: Any) -> Figure:
    """Return the figure at the top of the artist's tree, above all subfigures."""
    from matplotlib.figure import Figure

    while artist is not None and not isinstance(artist, Figure):
        # The ``figure`` of a subfigure changes its meaning in matplotlib 3.12; ``_root_figure`` does not.
        artist = getattr(artist, "_root_figure", None) or artist.figure
    if artist is None:
        raise OutputInvalid(
            "The artist does not belong to a figure: it was removed, or never added to an Axes."
            " Add it to an Axes first."
        )
    return artist


def _parts(obj: object) -> Iterable[object]:
    """Return the items of a collection of artists; of other objects, the first artist among their attributes."""
    import numpy as np

    if isinstance(obj, Mapping):
        return obj.values()
    if isinstance(obj, (list, tuple)):
        return obj
    if isinstance(obj, np.ndarray):
        return obj.flat if obj.dtype == object else ()
    if is_instance(obj, "pandas", "Series"):
        series: Any = obj
        values: Iterable[object] = series.array if series.dtype == object else ()
        return values
    return _attribute_parts(obj)


def _attribute_parts(obj: object) -> Iterable[object]:
    from matplotlib.artist import Artist

    for name in _FIGURE_ATTRIBUTES:
        try:
            value = getattr(obj, name, None)
        except Exception:  # noqa: S112  attributes of foreign objects may raise any exception
            continue
        first = value[0] if isinstance(value, (list, tuple)) and value else value
        if isinstance(first, Artist):
            return (first,)
    return ()


def _loaded(name: str) -> ModuleType | None:
    """Return a module if it is imported; if not, no object of its classes can exist."""
    return sys.modules.get(name)
