"""The log of what posted code showed: figures saved, shown or closed, and displayed objects. Jailed child."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...plotting.figure_copy import copy_figure, is_blank

_MAX_KEPT = 100
# Options of ``savefig`` that belong to the image rather than to the file.
_IMAGE_OPTIONS = ("dpi", "bbox_inches", "pad_inches", "bbox_extra_artists", "facecolor", "edgecolor", "transparent")


@dataclass
class SavedFigure:
    """A call of ``savefig``: the figure, or a copy of it as it was then, and the options of its image."""

    figure: Any
    options: Mapping[str, Any]


@dataclass
class FigureLog:
    """The output that a reader of the notebook, or the user of a desktop, would have seen.

    Attributes
    ----------
    figures
        Figures that were saved, shown or closed, in the order in which they first were.
    latest
        The one that was recorded last, or None.
    saves
        The calls of ``savefig``, oldest first.
    displayed
        Objects passed to ``display`` that are not matplotlib figures, oldest first.
    chosen
        A figure passed to ``display``, with the current figure at that moment.
    requested
        Number of the requested figure: the call of ``savefig`` with this number keeps a copy.
    """

    figures: list[Any] = field(default_factory=list)
    latest: Any = None
    saves: list[SavedFigure] = field(default_factory=list)
    displayed: list[Any] = field(default_factory=list)
    chosen: tuple[Any, Any] | None = None
    requested: int | str | None = None

    def keep(self, figure: Any) -> None:
        """Record a figure as the latest one."""
        if not any(figure is other for other in self.figures):
            self.figures.append(figure)
            del self.figures[:-_MAX_KEPT]
        self.latest = figure

    def choose(self, figure: Any) -> None:
        """Record a figure that the code passed to ``display``."""
        from matplotlib._pylab_helpers import Gcf

        active = Gcf.get_active()
        self.keep(figure)
        self.chosen = figure, None if active is None else active.canvas.figure

    def save(self, figure: Any, options: Mapping[str, Any]) -> None:
        """Record a call of ``savefig``; one of an empty figure after ``show`` means the figure that was shown."""
        if is_blank(figure) and self.latest is not None:
            figure = self.latest
        self.keep(figure)
        kept = {name: options[name] for name in _IMAGE_OPTIONS if options.get(name) is not None}
        is_requested = self.requested == len(self.saves) + 1
        self.saves.append(SavedFigure((copy_figure(figure) if is_requested else None) or figure, kept))
        del self.saves[:-_MAX_KEPT]

    def replace(self, figure: Any) -> None:
        """Replace a saved figure that is about to be cleared by a copy."""
        if not any(save.figure is figure for save in self.saves) or is_blank(figure):
            return
        copy = copy_figure(figure)
        if copy is None:
            return
        for save in self.saves:
            save.figure = copy if save.figure is figure else save.figure
        self.figures = [copy if other is figure else other for other in self.figures]
        self.latest = copy if self.latest is figure else self.latest

    def options_of(self, figure: Any) -> Mapping[str, Any]:
        """Return the options of the last ``savefig`` of a figure."""
        return next((save.options for save in reversed(self.saves) if save.figure is figure), {})

    def clear(self) -> None:
        self.__init__()  # type: ignore[misc]


figure_log = FigureLog()
