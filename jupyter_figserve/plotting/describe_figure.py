"""Title and alternative text of a matplotlib figure. Kernel and jailed child.

The text helps readers who do not see the image, until the author writes a better one. What is not known is left out,
and nothing here ever fails a publish.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..model.texts import MAX_ALT_LENGTH, MAX_TITLE_LENGTH
from .charts.chart import Chart, find_chart, is_colorbar
from .figure_texts import find_axes_title, find_heading, plain_line
from .readable_text import one_line, plain_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Description = tuple[str, str]
"""Title and alternative text."""

_log = logging.getLogger(__name__)
_MAX_NAMES = 6
_MAX_LABEL_LENGTH = 200
_MAX_SERIES_LENGTH = 60


@dataclass(frozen=True)
class _Panel:
    """A position in the figure: an Axes, with the twins that share its position."""

    axes: tuple[Axes, ...]
    charts: tuple[Chart, ...]

    @property
    def kind(self) -> str:
        kinds = list(dict.fromkeys(chart.kind for chart in self.charts if chart.kind))
        return " and ".join([*kinds[:1], *(f"{kind[0].lower()}{kind[1:]}" for kind in kinds[1:])])

    @property
    def features(self) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(feature for chart in self.charts for feature in chart.features))
        return (*found, *_second_axes(self.axes))


def describe_figure(figure: Figure, title: str = "", labels: tuple[str, str] = ("", "")) -> Description:
    """Describe a matplotlib figure.

    Parameters
    ----------
    title, labels
        Title and labels of the x and y axis that its library draws as separate texts.
    """
    title = plain_line(title, MAX_TITLE_LENGTH)
    try:
        panels = _panels(figure)
        title = title or _figure_title(figure, panels)
        return title, one_line(_figure_sentence(figure, panels, title, labels), MAX_ALT_LENGTH)
    except Exception as error:
        _log.debug("A figure has no automatic alt text: %s: %s", type(error).__name__, error)
        return title, ""


def _panels(figure: Figure) -> list[_Panel]:
    """Group the visible Axes by their place; Axes without data count only where no Axes has any."""
    groups: list[list[Axes]] = []
    for axes in figure.get_axes():
        if axes.get_visible() and not is_colorbar(axes):
            twins = next((group for group in groups if _are_twins(group[0], axes)), None)
            twins.append(axes) if twins else groups.append([axes])
    panels = [_Panel(tuple(group), tuple(map(find_chart, group))) for group in groups]
    return [panel for panel in panels if panel.kind] or [panel for panel in panels if panel.axes[0].axison]


def _are_twins(first: Axes, second: Axes) -> bool:
    shares = first.get_shared_x_axes().joined(first, second) or first.get_shared_y_axes().joined(first, second)
    return shares and first.get_position().bounds == second.get_position().bounds


def _second_axes(twins: Sequence[Axes]) -> Iterable[str]:
    if len(twins) > 1:
        shares_x = twins[0].get_shared_x_axes().joined(twins[0], twins[1])
        yield f"a second {'y' if shares_x else 'x'} axis"


def _figure_title(figure: Figure, panels: list[_Panel]) -> str:
    """Return the figure's title, else that of the only panel with a title, else the label given to pyplot."""
    if heading := find_heading(figure, MAX_TITLE_LENGTH):
        return heading
    titles = list(filter(None, map(_panel_title, panels)))
    return titles[0] if len(titles) == 1 else one_line(figure.get_label(), MAX_TITLE_LENGTH)


def _panel_title(panel: _Panel) -> str:
    return next(filter(None, (find_axes_title(axes, MAX_TITLE_LENGTH) for axes in panel.axes)), "")


def _figure_sentence(figure: Figure, panels: list[_Panel], title: str, labels: tuple[str, str]) -> str:
    if not panels or not any(panel.kind or _panel_title(panel) for panel in panels):
        texts = [*figure.texts, *(text for axes in figure.get_axes() for text in axes.texts)]
        words = _join(filter(None, (_text(text.get_text()) for text in texts)))
        if words or not panels:
            return sentence("Text", title, words) if words else ""
    if len(panels) == 1:
        return _panel_sentence(figure, panels[0], title, labels)
    kinds = Counter(kind[0].lower() + kind[1:] for panel in panels if (kind := panel.kind))
    parts = [kind if count == 1 else f"{count} {_plural(kind)}" for kind, count in kinds.items()]
    titles = [panel_title for panel_title in map(_panel_title, panels) if panel_title and panel_title != title]
    x, y = (_text(_shared_label(figure, axis) or label) for axis, label in zip("xy", labels, strict=True))
    axis_labels = against(x, y)
    return sentence(f"{len(panels)} panels", title, "; ".join(filter(None, [_join(parts), axis_labels, _join(titles)])))


def _panel_sentence(figure: Figure, panel: _Panel, title: str, shared: tuple[str, str]) -> str:
    x = [_text(axes.get_xlabel()) for axes in panel.axes] + [_text(_shared_label(figure, "x") or shared[0])]
    y = [_text(axes.get_ylabel()) for axes in panel.axes] + [_text(_shared_label(figure, "y") or shared[1])]
    z = [_text(axes.get_zlabel()) for axes in panel.axes if hasattr(axes, "get_zlabel")]
    labels = [" and ".join(dict.fromkeys(filter(None, given))) for given in (x, y)]
    if any(z):
        labels = [" and ".join(filter(None, labels)), z[0]]
    parts = [against(*labels), _series(panel)]
    about = ", ".join(filter(None, parts))
    if not (panel.kind or title or about):
        return ""
    features = [plain_text(feature) for feature in panel.features]
    return sentence(panel.kind or "Plot", title, about, features)


def sentence(kind: str, title: str, about: str, features: Sequence[str] = ()) -> str:
    """Return ``Kind “title” with features: about.``"""
    head = f"{kind} “{title}”" if title else kind
    if features:
        head += f" with {' and '.join(filter(None, [', '.join(features[:-1]), features[-1]]))}"
    return f"{head}: {about}." if about else f"{head}."


def _shared_label(figure: Figure, axis: str) -> str:
    text = getattr(figure, f"_sup{axis}label", None)
    return "" if text is None else str(text.get_text())


def against(x: str, y: str) -> str:
    """Return ``y against x``, or the one that is known."""
    return f"{y} against {x}" if x and y else x or y


def _series(panel: _Panel) -> str:
    """Return the number of data series, with the names that a legend would show; ``""`` for a single one."""
    series = [name for chart in panel.charts for name in chart.series]
    noun = next((chart.noun for chart in panel.charts if chart.series), "series")
    if len(series) < 2:
        return ""
    names = [plain_line(name, _MAX_SERIES_LENGTH) for name in series]
    if all(names) and len(names) <= _MAX_NAMES:
        return f"{len(names)} {noun} ({', '.join(names)})"
    return f"{len(names)} {noun}"


def _join(items: Iterable[str]) -> str:
    names = list(items)
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(names[:_MAX_NAMES]) + more


def _plural(kind: str) -> str:
    """Return the plural of a kind; of each part of one such as ``bar chart and line plot``."""
    return " and ".join(part if part.endswith("s") else f"{part}s" for part in kind.split(" and "))


def _text(text: object) -> str:
    return plain_line(text, _MAX_LABEL_LENGTH)
