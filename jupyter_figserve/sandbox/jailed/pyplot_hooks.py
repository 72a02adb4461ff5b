"""Hooks into pyplot: no windows, and a log of the figures that were shown. Zygote and jailed child.

Posted code is written for a desktop: it selects GUI backends, shows windows, pauses, saves files and closes figures.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterator
from typing import Any

from ...plotting.shown_figures import open_figures, wrap_close
from .figure_log import figure_log

_PRINT_OPTIONS = ("dpi", "facecolor", "edgecolor", "orientation")
"""Arguments of ``print_figure`` by position, after the file."""
_savefig_calls: list[None] = []
"""One for each call of ``savefig`` under way, which calls ``print_figure``."""


def install() -> None:
    """Fix the backend to Agg and replace ``show``, ``pause``, ``close`` and ``savefig``; called once, in the zygote."""
    import matplotlib
    from matplotlib import pyplot
    from matplotlib.backend_bases import FigureCanvasBase
    from matplotlib.figure import Figure

    pyplot.switch_backend("agg")
    patched: Any = pyplot
    patched.show = _named_as(pyplot.show, _show)
    patched.switch_backend = _named_as(pyplot.switch_backend, lambda _newbackend: None)
    patched.pause = _named_as(pyplot.pause, _pause)
    patched.close = wrap_close(pyplot.close, figure_log.keep)
    library: Any = matplotlib
    library.use = _named_as(matplotlib.use, lambda _backend, *, force=True: None)
    figure_class: Any = Figure
    figure_class.show = _named_as(Figure.show, lambda _figure, warn=True: None)
    figure_class.savefig = _wrap_savefig(Figure.savefig)
    figure_class.clear = _wrap_clear(Figure.clear)
    canvas_class: Any = FigureCanvasBase
    canvas_class.print_figure = _wrap_print_figure(FigureCanvasBase.print_figure)
    patched.cla = _wrap_cla(pyplot.cla)


def _named_as(original: Any, replacement: Any) -> Any:
    """Return ``replacement`` with the name and docstring of ``original``."""
    return functools.wraps(original)(replacement)


def _show(*_args: Any, block: bool | None = None, **_options: Any) -> None:
    """Show the open figures: after a window is closed, as after a notebook's output, pyplot draws a new figure."""
    from matplotlib import pyplot
    from matplotlib._pylab_helpers import Gcf

    if block is False or (block is None and pyplot.isinteractive()):
        return
    figures = open_figures()
    for number in sorted(figures):
        figure_log.keep(figures[number])
    if figures:
        # The current one is the last of them.
        figure_log.keep(list(figures.values())[-1])
    Gcf.figs.clear()


def _pause(_interval: float) -> None:
    """Redraw a changed figure, as pyplot does, and return without waiting."""
    from matplotlib import pyplot

    if pyplot.get_fignums():
        canvas = pyplot.gcf().canvas
        if canvas.figure.stale:
            canvas.draw_idle()


def _wrap_savefig(savefig: Any) -> Any:
    """Wrap ``savefig``: a path that cannot be written is reported on stderr, and the call is recorded."""

    @functools.wraps(savefig)
    def saving(self: Any, fname: Any, **options: Any) -> None:
        with _reported(fname), _by_savefig():
            savefig(self, fname, **options)
        figure_log.save(self, options)

    return saving


def _wrap_print_figure(print_figure: Any) -> Any:
    """Wrap the canvas's method in the same way, for code that calls it without ``savefig``."""

    @functools.wraps(print_figure)
    def printing(self: Any, filename: Any, *arguments: Any, **options: Any) -> Any:
        if _savefig_calls:
            return print_figure(self, filename, *arguments, **options)
        figure = self.figure
        with _reported(filename):
            print_figure(self, filename, *arguments, **options)
        figure_log.save(figure, options | dict(zip(_PRINT_OPTIONS, arguments, strict=False)))
        return None

    return printing


@contextlib.contextmanager
def _by_savefig() -> Iterator[None]:
    _savefig_calls.append(None)
    try:
        yield
    finally:
        _savefig_calls.pop()


@contextlib.contextmanager
def _reported(file: Any) -> Iterator[None]:
    """Report a path that cannot be written."""
    try:
        yield
    except OSError as error:
        if not isinstance(file, (str, os.PathLike)):
            raise
        reason = error.strerror or str(error)
        print(f"{os.fspath(file)!r:.200} was not written: {reason}. The result is the figure.", file=sys.stderr)


def _wrap_cla(cla: Any) -> Any:
    """Wrap ``pyplot.cla``, with which loops clear a figure of one axes."""

    @functools.wraps(cla)
    def clearing() -> None:
        from matplotlib import pyplot

        if pyplot.get_fignums():
            figure_log.replace(pyplot.gcf())
        cla()

    return clearing


def _wrap_clear(clear: Any) -> Any:
    """Wrap ``Figure.clear``: loops save a figure, clear it and draw the next one."""

    @functools.wraps(clear)
    def clearing(self: Any, keep_observers: bool = False) -> None:
        figure_log.replace(self)
        clear(self, keep_observers)

    return clearing
