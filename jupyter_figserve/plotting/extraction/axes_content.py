"""One Axes while its data is read: its artists by their role, its axes, its legend. Kernel and jailed child."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..charts.artists import ChartArtists, has_marker, sort_artists
from .axis_reader import AxisReader
from .values import to_text

_NAMES = {"polar": ("theta", "r"), "3d": ("x", "y")}


@dataclass
class AxesContent:
    """What the readers of artists need.

    Parameters
    ----------
    limit
        Maximum number of rows.
    notes
        Sentences about what the tables lack; readers add to them.
    outlines
        Places and upper curves of stacked areas, which lines may repeat.
    """

    axes: Any
    artists: ChartArtists
    x: AxisReader
    y: AxisReader
    limit: int
    notes: list[str] = field(default_factory=list)
    outlines: list[tuple[Any, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, axes: Any, limit: int, labels: tuple[str, str]) -> AxesContent:
        names = _NAMES.get(axes.name, ("x", "y"))
        x, y = (
            AxisReader(axis, label or name, limit)
            for axis, label, name in zip((axes.xaxis, axes.yaxis), labels, names, strict=True)
        )
        return cls(axes, sort_artists(axes), x, y, limit)

    def readers(self, *, is_vertical: bool) -> tuple[AxisReader, AxisReader]:
        """Return the readers of places and of sizes: vertical bars have their places on the horizontal axis."""
        return (self.x, self.y) if is_vertical else (self.y, self.x)

    def label(self, artist: Any) -> str:
        """Return the label of an artist, else that of the legend's entry in its colour."""
        own = own_label(artist)
        return own or self._find_in_legend(artist)

    def _find_in_legend(self, artist: Any) -> str:
        legend = self.axes.get_legend()
        colour = _colour_of(artist)
        if legend is None or colour is None:
            return ""
        entries = [
            to_text(text.get_text())
            for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=False)
            if _colour_of(handle) == colour
        ]
        return entries[0] if len(entries) == 1 else ""

    def groups_of(self, colours: Any) -> tuple[str, list[str | None]] | None:
        """Return the legend's title and its entry for the colour of each point; None where they do not fit."""
        legend = self.axes.get_legend()
        if legend is None:
            return None
        known = {
            _colour_of(handle): to_text(text.get_text())
            for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=False)
        }
        found = [known.get(_rgb(colour)) for colour in colours[: self.limit]]
        title = to_text(legend.get_title().get_text())
        return None if None in found else (title or "group", [*found])


def own_label(artist: Any) -> str:
    label = str(artist.get_label() or "")
    return "" if label.startswith("_") or label == "None" else to_text(label)


def _colour_of(artist: Any) -> tuple[float, ...] | None:
    for name in ("get_markerfacecolor", "get_facecolor", "get_color"):
        get = getattr(artist, name, None)
        colour = get() if get is not None else None
        if colour is None or (isinstance(colour, str) and colour in ("none", "None")):
            continue
        if name == "get_markerfacecolor" and not has_marker(artist):
            continue
        if (found := _rgb(colour)) is not None:
            return found
    return None


def _rgb(colour: Any) -> tuple[float, ...] | None:
    """Return red, green and blue of one colour, rounded; None of several."""
    import numpy as np
    from matplotlib.colors import to_rgba

    if isinstance(colour, np.ndarray) and colour.ndim == 2:
        if len(colour) != 1:
            return None
        colour = colour[0]
    try:
        return tuple(round(part, 3) for part in to_rgba(colour)[:3])
    except (ValueError, TypeError):
        return None
