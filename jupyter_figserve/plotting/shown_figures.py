"""Figures that are no longer open but were displayed: shown, saved or closed. Kernel and jailed child."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable
from typing import Any


class ShownFigures:
    """The latest shown, saved and closed figures, oldest first.

    Parameters
    ----------
    limit
        Maximum number of figures, which stay in memory.
    """

    def __init__(self, limit: int) -> None:
        self._kept: deque[Any] = deque(maxlen=limit)

    def keep(self, figure: Any) -> None:
        """Record a figure as the latest one."""
        others = [other for other in self._kept if other is not figure]
        self._kept.clear()
        self._kept.extend([*others, figure])

    def clear(self) -> None:
        self._kept.clear()

    @property
    def figures(self) -> list[Any]:
        return list(self._kept)


def wrap_close(close: Callable[..., None], on_closed: Callable[[Any], None]) -> Callable[..., None]:
    """Wrap ``pyplot.close`` so that ``on_closed`` receives each figure that it closes, the current one last."""

    @functools.wraps(close)
    def closing(fig: Any = None) -> None:
        from matplotlib import pyplot

        before = open_figures()
        close(fig)
        left = set(pyplot.get_fignums())
        for number, figure in before.items():
            if number not in left:
                on_closed(figure)

    return closing


def import_pyplot() -> None:
    from matplotlib import pyplot as _pyplot  # noqa: F401


def open_figures() -> dict[int, Any]:
    """Return the open figures by number, the current one last."""
    from matplotlib._pylab_helpers import Gcf

    return {number: manager.canvas.figure for number, manager in Gcf.figs.items()}
