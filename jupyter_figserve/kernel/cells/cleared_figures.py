"""Figures that a cell has cleared after drawing them, as in ``plt.savefig("a.png"); plt.clf()``. Kernel."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Iterator
from typing import Any

from ...plotting.figure_copy import copy_figure, is_empty


class ClearedFigures:
    """Copies of cleared figures, as they were before.

    Parameters
    ----------
    older
        Figures from before the cell that it has not changed: what they showed is not the cell's.
    """

    def __init__(self, older: list[Any]) -> None:
        self._older = older
        self._copies: list[tuple[Any, Any]] = []

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Copy the figures that this context clears, also by ``plt.cla()``, if matplotlib is loaded."""
        module: Any = sys.modules.get("matplotlib.figure")
        if module is None:
            yield
            return
        clear = module.Figure.clear
        pyplot: Any = sys.modules.get("matplotlib.pyplot")

        @functools.wraps(clear)
        def clearing(figure: Any, *arguments: Any, **options: Any) -> None:
            self._record(figure)
            clear(figure, *arguments, **options)

        module.Figure.clear = clearing
        try:
            with contextlib.nullcontext() if pyplot is None else self._recording_cla(pyplot):
                yield
        finally:
            module.Figure.clear = clear

    @contextlib.contextmanager
    def _recording_cla(self, pyplot: Any) -> Iterator[None]:
        """Copy the current figure before ``plt.cla()``; ``axes.clear()`` is part of making axes too."""
        cla = pyplot.cla

        @functools.wraps(cla)
        def clearing() -> None:
            if pyplot.get_fignums():
                self._record(pyplot.gcf())
            cla()

        pyplot.cla = clearing
        try:
            yield
        finally:
            pyplot.cla = cla

    def as_drawn(self, figure: Any) -> Any:
        """Return what a figure last showed: a copy, if nothing was drawn on it since it was cleared."""
        copy = next((copy for cleared, copy in self._copies if cleared is figure), None)
        return copy if copy is not None and is_empty(figure) else figure

    def is_copy(self, copy: Any, figure: Any) -> bool:
        return any(cleared is figure and one is copy for cleared, one in self._copies)

    def _record(self, figure: Any) -> None:
        if is_empty(figure) or any(figure is one for one in self._older):
            return
        copy = copy_figure(figure)
        others = [(cleared, one) for cleared, one in self._copies if cleared is not figure]
        self._copies = others if copy is None else [*others, (figure, copy)]
