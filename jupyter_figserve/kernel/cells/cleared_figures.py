"""Figures that a cell has cleared after drawing them, as in ``plt.savefig("a.png"); plt.clf()``. Kernel."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Iterator
from typing import Any

from ...plotting.figure_copy import copy_figure, is_blank


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
        """Copy the figures that are cleared in this context, if matplotlib is loaded."""
        module: Any = sys.modules.get("matplotlib.figure")
        if module is None:
            yield
            return
        clear = module.Figure.clear

        @functools.wraps(clear)
        def clearing(figure: Any, *arguments: Any, **options: Any) -> None:
            self._record(figure)
            clear(figure, *arguments, **options)

        module.Figure.clear = clearing
        try:
            yield
        finally:
            module.Figure.clear = clear

    def as_drawn(self, figure: Any) -> Any:
        """Return what a figure last showed: a copy, if nothing was drawn on it since it was cleared."""
        copy = next((copy for cleared, copy in self._copies if cleared is figure), None)
        return copy if copy is not None and is_blank(figure) else figure

    def is_copy(self, copy: Any, figure: Any) -> bool:
        return any(cleared is figure and one is copy for cleared, one in self._copies)

    def _record(self, figure: Any) -> None:
        if is_blank(figure) or any(figure is one for one in self._older):
            return
        copy = copy_figure(figure)
        others = [(cleared, one) for cleared, one in self._copies if cleared is not figure]
        self._copies = others if copy is None else [*others, (figure, copy)]
