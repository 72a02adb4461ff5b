"""The figure that a cell drew, whether it is open, shown or closed. Kernel."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from ...plotting.figure_copy import is_empty
from ...plotting.libraries import ALTAIR, PILLOW, PLOTLY, is_instance
from ...plotting.shown_figures import import_pyplot
from . import last_shown
from .cleared_figures import ClearedFigures

_PLOTLY_MIMETYPE = "application/vnd.plotly.v1+json"
# A cell that names one of these is about to import pyplot.
_IMPORTS_PYPLOT = re.compile(r"\b(matplotlib|pylab|pyplot|seaborn|pandas|plotnine)\b")
_DRAWS = re.compile(r"<(script|svg|img|canvas|iframe|video)\b", re.IGNORECASE)
_ARTIST = ("matplotlib.artist", "Artist")
_FIGURE = ("matplotlib.figure", "Figure")
_CLASSES = (
    _ARTIST,
    ("matplotlib.animation", "Animation"),
    ("seaborn.axisgrid", "Grid"),
    ("seaborn._core.plot", "Plot"),
    ("plotnine", "ggplot"),
    PLOTLY,
    ALTAIR,
    ("bokeh.models", "LayoutDOM"),
    PILLOW,
    ("IPython.core.display", "Image"),
    ("IPython.core.display", "SVG"),
)


@dataclass
class CellFigure:
    """The figures that a cell draws.

    Parameters
    ----------
    names
        The variables before the cell.
    unchanged
        The figures that were open before the cell, without those that it has changed.
    displayed
        Objects that the cell displayed, in order.
    withheld
        The matplotlib figure that the cell displayed last, and the call that displays it: it may be the published one,
        which is displayed with its link.

    Attributes
    ----------
    cleared
        Figures that the cell cleared.
    """

    names: Mapping[str, Any]
    unchanged: list[Any] = field(default_factory=list)
    displayed: list[Any] = field(default_factory=list)
    withheld: tuple[Any, Callable[[], Any]] | None = None

    def __post_init__(self) -> None:
        self.cleared = ClearedFigures(self.unchanged)

    def release(self, published: Any | None = None) -> None:
        """Display what was withheld, unless it is the published figure."""
        if self.withheld is not None and not self._is_same(self.withheld[0], published):
            self.withheld[1]()
        self.withheld = None

    def find(self, names: Mapping[str, Any]) -> Any | None:
        """Return the figure that the cell drew last, as it was before the cell cleared it; None if it drew none.

        The current pyplot figure comes first, then what the cell displayed or closed, then its variables.
        """
        found = self._find(names)
        return self.cleared.as_drawn(found) if is_instance(found, *_FIGURE) else found

    def _is_same(self, displayed: Any, published: Any | None) -> bool:
        return displayed is published or (published is not None and self.cleared.is_copy(published, displayed))

    def _find(self, names: Mapping[str, Any]) -> Any | None:
        current = _current_figure()
        is_own = current is not None and all(current is not one for one in self.unchanged)
        shown = last_shown.find_last_shown()
        # After plt.show(), plt.cla() makes a new figure, and what the reader sees is the one before.
        if is_own and (shown is None or not is_empty(self.cleared.as_drawn(current))):
            return current
        displayed = next((one for one in reversed(self.displayed) if _is_figure(one)), None)
        if displayed is not None and not is_instance(displayed, *_ARTIST):
            return displayed
        if shown is not None:
            return shown
        new = [value for name, value in list(names.items()) if self.names.get(name) is not value and name[:1] != "_"]
        return next((one for one in reversed(new) if _is_figure(one)), None)


@contextlib.contextmanager
def watching(shell: Any, code: str) -> Iterator[CellFigure]:
    """Record what a cell draws while it runs in this context; pyplot's state is as the cell leaves it."""
    if _IMPORTS_PYPLOT.search(code) and find_spec("matplotlib") is not None:
        # The cell is about to import pyplot, and `pyplot.close` must be wrapped by then.
        import_pyplot()
    last_shown.watch(shell)
    last_shown.forget()
    watched = CellFigure(dict(shell.user_ns), _open_figures())
    with contextlib.ExitStack() as stack:
        stack.enter_context(watched.cleared.recording())
        for figure in list(watched.unchanged):
            stack.enter_context(_noticing_change(figure, watched.unchanged))
        formatted: list[tuple[Any, Any]] = []
        publish = _recording_publish(shell.display_pub.publish, watched, formatted)
        format = _recording_format(shell.display_formatter.format, watched.displayed, formatted)
        stack.enter_context(_replaced(shell.display_pub, "publish", publish))
        stack.enter_context(_replaced(shell.display_formatter, "format", format))
        yield watched


@contextlib.contextmanager
def _noticing_change(figure: Any, unchanged: list[Any]) -> Iterator[None]:
    """Remove a figure from ``unchanged`` when one of its artists changes, by the callback that pyplot uses too."""
    callback = figure.stale_callback

    def changed(artist: Any, is_stale: bool) -> None:
        unchanged[:] = [one for one in unchanged if one is not figure]
        if callback is not None:
            callback(artist, is_stale)

    figure.stale_callback = changed
    try:
        yield
    finally:
        figure.stale_callback = callback


def _recording_format(
    format: Callable[..., Any], displayed: list[Any], formatted: list[tuple[Any, Any]]
) -> Callable[..., Any]:
    def recording(obj: Any, *arguments: Any, **options: Any) -> Any:
        displayed.append(obj)
        result = format(obj, *arguments, **options)
        formatted[:] = [(obj, result[0])]
        return result

    return recording


def _recording_publish(
    publish: Callable[..., Any], watched: CellFigure, formatted: list[tuple[Any, Any]]
) -> Callable[..., Any]:
    """Return a ``publish`` that withholds figures, and records Plotly's bundles: ``fig.show()`` displays no object."""
    displayed = watched.displayed

    def recording(data: Any, *arguments: Any, **options: Any) -> Any:
        bundle = data.get(_PLOTLY_MIMETYPE) if isinstance(data, Mapping) else None
        if isinstance(bundle, Mapping) and not (displayed and is_instance(displayed[-1], *PLOTLY)):
            displayed.append(_plotly_figure(bundle))
        # One with a display id can be updated, and must be there.
        is_plain = not arguments and not options.get("transient") and not options.get("update")
        if is_plain and formatted and formatted[0][1] is data and is_instance(formatted[0][0], *_FIGURE):
            watched.release()
            watched.withheld = formatted[0][0], lambda: publish(data, **options)
            return None
        return publish(data, *arguments, **options)

    return recording


def _plotly_figure(bundle: Mapping[str, Any]) -> Any:
    graph_objects: Any = sys.modules.get("plotly.graph_objects")
    if graph_objects is None:
        return None
    return graph_objects.Figure({name: bundle[name] for name in ("data", "layout", "frames") if name in bundle})


@contextlib.contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Set an attribute of an instance, and restore it."""
    had, before = name in vars(owner), getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if had:
            setattr(owner, name, before)
        else:
            delattr(owner, name)


def _current_figure() -> Any | None:
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    return pyplot.gcf() if pyplot is not None and pyplot.get_fignums() else None


def _open_figures() -> list[Any]:
    pyplot: Any = sys.modules.get("matplotlib._pylab_helpers")
    return [manager.canvas.figure for manager in pyplot.Gcf.figs.values()] if pyplot is not None else []


def is_data(obj: object) -> bool:
    """Whether an object is an array, table or column, which notebooks show beside a figure; an array of Axes is not."""
    return hasattr(type(obj), "__array__") and str(getattr(obj, "dtype", "")) != "object"


def _is_figure(obj: object) -> bool:
    """Whether an object is a plot; a table is not, although it has an HTML representation."""
    if any(is_instance(obj, module, name) for module, name in _CLASSES):
        return True
    return is_instance(obj, "IPython.core.display", "HTML") and bool(_DRAWS.search(str(getattr(obj, "data", ""))))
