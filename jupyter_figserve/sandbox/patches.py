"""What pyplot does differently in a child: no windows, and a memory of the figures that were closed. Child side.

Posted code is what a person would run on a desk: it chooses window systems, shows, pauses, saves files and closes.
"""

from __future__ import annotations

import functools
import os
import sys
from collections import deque
from typing import Any

MOST_KEPT = 20


class Ledger:
    """Figures that a reader would have seen though they are gone at the end of the code, oldest first."""

    def __init__(self) -> None:
        self._kept: deque[Any] = deque(maxlen=MOST_KEPT)

    def keep(self, figure: Any) -> None:
        """Put it last, and there once."""
        others = [other for other in self._kept if other is not figure]
        self._kept.clear()
        self._kept.extend([*others, figure])

    def forget_all(self) -> None:
        self._kept.clear()

    @property
    def figures(self) -> list[Any]:
        return list(self._kept)


ledger = Ledger()


def install() -> None:
    """Agg for ever, and our own ``show``, ``pause``, ``close`` and ``savefig``; once, in the zygote."""
    import matplotlib
    from matplotlib import pyplot
    from matplotlib.figure import Figure

    pyplot.switch_backend("agg")
    patched: Any = pyplot
    patched.show = _replacing(pyplot.show, lambda *_args, **_kwargs: None)
    patched.switch_backend = _replacing(pyplot.switch_backend, lambda _newbackend: None)
    patched.pause = _replacing(pyplot.pause, _pause)
    patched.close = _closing(pyplot.close)
    library: Any = matplotlib
    library.use = _replacing(matplotlib.use, lambda _backend, *, force=True: None)
    figure_class: Any = Figure
    figure_class.show = _replacing(Figure.show, lambda _figure, warn=True: None)
    figure_class.savefig = _saving(Figure.savefig)


def _replacing(original: Any, replacement: Any) -> Any:
    """``replacement`` under the name and the words of ``original``."""
    return functools.wraps(original)(replacement)


def _pause(_interval: float) -> None:
    """Draw what has changed, as pyplot does, and do not wait: nobody is looking."""
    from matplotlib import pyplot

    if pyplot.get_fignums():
        canvas = pyplot.gcf().canvas
        if canvas.figure.stale:
            canvas.draw_idle()


def _closing(close: Any) -> Any:
    @functools.wraps(close)
    def closing(fig: Any = None) -> None:
        from matplotlib import pyplot

        before = _open_figures()
        close(fig)
        left = set(pyplot.get_fignums())
        for number, figure in before.items():
            if number not in left:
                ledger.keep(figure)

    return closing


def _open_figures() -> dict[int, Any]:
    """By number; the current one last."""
    from matplotlib._pylab_helpers import Gcf

    return {number: manager.canvas.figure for number, manager in Gcf.figs.items()}


def _saving(savefig: Any) -> Any:
    """A path that the sandbox does not have is no failure of the figure: it is said, and the figure is answered."""

    @functools.wraps(savefig)
    def saving(self: Any, fname: Any, **options: Any) -> None:
        if not isinstance(fname, (str, os.PathLike)):
            savefig(self, fname, **options)
            return
        ledger.keep(self)
        try:
            savefig(self, fname, **options)
        except OSError as error:
            reason = error.strerror or str(error)
            print(f"{os.fspath(fname)!r:.200} was not written: {reason}. The figure is answered.", file=sys.stderr)

    return saving
