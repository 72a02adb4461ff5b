"""Title and alternative text, derived from the content of a plotting object. Kernel and jailed child.

The text helps readers who do not see the image, until the author writes a better one. What is not known is left out,
and nothing here ever fails a publish.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ..model.figures import ALT_LENGTH, TITLE_LENGTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MAX_NAMES = 6
_VERSIONED = ("matplotlib", "numpy", "pandas", "seaborn", "plotnine", "plotly", "altair", "bokeh", "PIL")
_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]+")

Description = tuple[str, str]
"""Title and alternative text."""


def one_line(text: object, limit: int) -> str:
    """Return ``text`` on one line, without control characters, truncated to ``limit``; ``""`` if it is not a string."""
    if not isinstance(text, str):
        return ""
    line = _UNPRINTABLE.sub(" ", text).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def describe_figure(figure: Figure, title: str = "") -> Description:
    """Describe a matplotlib figure; ``title`` is a title that its library draws as a separate text."""
    try:
        panels = [axes for axes in figure.get_axes() if _is_panel(axes)]
        title = one_line(title, TITLE_LENGTH) or _figure_title(figure, panels)
        return title, one_line(_figure_sentence(panels, title), ALT_LENGTH)
    except Exception:
        return one_line(title, TITLE_LENGTH), ""


def describe(obj: object) -> Description:
    """Describe any other object; the texts are empty if nothing is known."""
    for module, class_name, describe_object in _LIBRARIES:
        loaded = sys.modules.get(module)
        if loaded is not None and isinstance(obj, getattr(loaded, class_name, ())):
            try:
                return describe_object(obj)
            except Exception:
                return "", ""
    # IPython.display.Image has an alternative text by its author.
    alt = getattr(obj, "alt", "")
    return "", alt if isinstance(alt, str) else ""


def libraries() -> dict[str, str]:
    """Return the versions of Python (major and minor) and of the plotting libraries that are loaded."""
    loaded = {name: getattr(sys.modules.get(name), "__version__", None) for name in _VERSIONED}
    versions = {name: version for name, version in loaded.items() if isinstance(version, str)}
    return {"python": f"{sys.version_info.major}.{sys.version_info.minor}", **versions}


def _is_panel(axes: Axes) -> bool:
    return axes.get_visible() and axes.get_label() != "<colorbar>"


def _figure_title(figure: Figure, panels: list[Axes]) -> str:
    """Return the figure's title, else that of the only panel with a title, else the label given to pyplot."""
    suptitle = getattr(figure, "_suptitle", None)
    if suptitle is not None and (title := one_line(suptitle.get_text(), TITLE_LENGTH)):
        return title
    titles = list(filter(None, map(_axes_title, panels)))
    return titles[0] if len(titles) == 1 else one_line(figure.get_label(), TITLE_LENGTH)


def _axes_title(axes: Axes) -> str:
    titles = (one_line(axes.get_title(loc=loc), TITLE_LENGTH) for loc in ("center", "left", "right"))
    return next(filter(None, titles), "")


def _figure_sentence(panels: list[Axes], title: str) -> str:
    if not panels:
        return ""
    if len(panels) == 1:
        return _axes_sentence(panels[0], title)
    kinds = Counter(filter(None, map(_kind, panels)))
    parts = [kind.lower() if count == 1 else f"{count} {_plural(kind.lower())}" for kind, count in kinds.items()]
    titles = [panel_title for panel_title in map(_axes_title, panels) if panel_title and panel_title != title]
    about = "; ".join(filter(None, [_join(parts), _join(titles)]))
    return _sentence(f"{len(panels)} panels", title, about)


def _axes_sentence(axes: Axes, title: str) -> str:
    kind = _kind(axes)
    x, y = (one_line(label, 200) for label in (axes.get_xlabel(), axes.get_ylabel()))
    parts = [f"{y} against {x}" if x and y else x or y, _series(axes)]
    about = ", ".join(filter(None, parts))
    return _sentence(kind or "Plot", title, about) if kind or title or about else ""


def _sentence(kind: str, title: str, about: str) -> str:
    head = f"{kind} “{title}”" if title else kind
    return f"{head}: {about}." if about else f"{head}."


def _kind(axes: Axes) -> str:
    """Name the kind of plot by its artists, the most specific kind first."""
    from matplotlib import collections, contour, image, patches

    drawn = axes.get_children()

    def has(kind: type | tuple[type, ...]) -> bool:
        return any(isinstance(artist, kind) for artist in drawn)

    if getattr(axes, "name", "") == "3d":
        return "3D plot"
    if any(isinstance(patch, patches.Wedge) for patch in axes.patches):
        return "Pie chart"
    if axes.containers and (bars := _bars(axes)):
        return "Histogram" if _are_touching(bars) else "Bar chart"
    if has(patches.StepPatch):
        return "Histogram"
    if has(collections.QuadMesh):
        return "Heat map"
    if has(contour.ContourSet):
        return "Contour plot"
    if has(image.AxesImage):
        return "Image"
    points, lines = has(collections.PathCollection), bool(axes.lines)
    if points:
        return "Scatter and line plot" if lines else "Scatter plot"
    return "Line plot" if lines or has(collections.LineCollection) else ""


def _bars(axes: Axes) -> list[Any]:
    return [bars for bars in axes.containers if hasattr(bars, "patches") and len(bars)]


def _are_touching(bars: list[Any]) -> bool:
    """Whether each bar begins where the previous one ends, as in a histogram."""
    spans = [(bar.get_x(), bar.get_width()) for bar in bars[0].patches]
    if len(spans) < 2:
        return False
    return all(abs(x + width - after) <= 1e-6 * abs(width) for (x, width), (after, _) in pairwise(spans))


def _series(axes: Axes) -> str:
    """Return the number of data series, with the names that a legend would show; ``""`` for a single one."""
    from matplotlib.collections import PathCollection

    drawn = _bars(axes) or axes.lines or [item for item in axes.collections if isinstance(item, PathCollection)]
    labels = [str(artist.get_label()) for artist in drawn]
    if len(labels) < 2:
        return ""
    names = [one_line(label, 60) for label in labels if not label.startswith("_")]
    if len(names) == len(labels) <= _MAX_NAMES:
        return f"{len(labels)} series ({', '.join(names)})"
    return f"{len(labels)} series"


def _join(items: Iterable[str]) -> str:
    names = list(items)
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(names[:_MAX_NAMES]) + more


def _plural(kind: str) -> str:
    return kind if kind.endswith("s") else kind + "s"


def _describe_plotly(figure: Any) -> Description:
    layout = figure.layout
    title = one_line(layout.title.text, TITLE_LENGTH)
    kinds = list(dict.fromkeys(trace.type for trace in figure.data))
    x, y = (one_line(axis.title.text, 200) for axis in (layout.xaxis, layout.yaxis))
    count = len(figure.data)
    parts = [f"{y} against {x}" if x and y else x or y, f"{count} series" if count > 1 else ""]
    kind = f"Interactive {' and '.join(kinds)} plot" if kinds else "Interactive plot"
    return title, _sentence(kind, title, ", ".join(filter(None, parts)))


def _describe_altair(chart: Any) -> Description:
    spec = chart.to_dict()
    given = spec.get("title", "")
    text = given.get("text", "") if isinstance(given, dict) else given
    title = one_line(" ".join(text) if isinstance(text, list) else text, TITLE_LENGTH)
    mark = spec.get("mark", "")
    kind = mark.get("type", "") if isinstance(mark, dict) else mark
    x, y = (_altair_axis(spec.get("encoding", {}).get(name, {})) for name in ("x", "y"))
    return title, _sentence(
        f"Interactive {kind} chart".replace("  ", " "), title, f"{y} against {x}" if x and y else x or y
    )


def _altair_axis(channel: dict[str, Any]) -> str:
    return one_line(channel.get("title") or channel.get("field"), 200)


def _describe_bokeh(plot: Any) -> Description:
    title = one_line(getattr(getattr(plot, "title", None), "text", ""), TITLE_LENGTH)
    x, y = (
        one_line(getattr(next(iter(getattr(plot, name, [])), None), "axis_label", ""), 200)
        for name in ("xaxis", "yaxis")
    )
    return title, _sentence("Interactive plot", title, f"{y} against {x}" if x and y else x or y)


_LIBRARIES: tuple[tuple[str, str, Callable[[Any], Description]], ...] = (
    ("plotly.basedatatypes", "BaseFigure", _describe_plotly),
    ("altair", "TopLevelMixin", _describe_altair),
    ("bokeh.models", "Model", _describe_bokeh),
)
