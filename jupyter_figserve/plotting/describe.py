"""Title and alternative text of objects other than matplotlib figures. Kernel and jailed child.

See ``describe_figure`` for figures of matplotlib. What is not known is left out, and nothing here ever fails a publish.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from ..model.texts import MAX_ALT_LENGTH, MAX_TITLE_LENGTH
from .describe_figure import Description, against, sentence
from .libraries import ALTAIR, BOKEH, PLOTLY, is_instance
from .readable_text import one_line, without_markup

_log = logging.getLogger(__name__)
_MAX_NAMES = 6
_MAX_LABEL_LENGTH = 200


def describe(obj: object) -> Description:
    """Describe any other object; the texts are empty if nothing is known."""
    for kind, describe_object in _LIBRARIES:
        if is_instance(obj, *kind):
            try:
                return describe_object(obj)
            except Exception as error:
                _log.debug("A %s object has no automatic alt text: %s: %s", kind[0], type(error).__name__, error)
                return "", ""
    # IPython.display.Image has an alternative text by its author.
    alt = getattr(obj, "alt", "")
    return "", alt if isinstance(alt, str) else ""


def _describe_plotly(figure: Any) -> Description:
    layout = figure.layout
    title = _text(layout.title.text, MAX_TITLE_LENGTH)
    kinds = list(dict.fromkeys(filter(None, map(_plotly_kind, figure.data))))
    x, y = (_text(axis.title.text) for axis in (layout.xaxis, layout.yaxis))
    kind = f"Interactive {' and '.join(kinds)}" if kinds else "Interactive plot"
    panels = len({(getattr(trace, "xaxis", None), getattr(trace, "yaxis", None)) for trace in figure.data})
    # Not all traces have a legend.
    names = [_text(trace.name) if getattr(trace, "showlegend", None) is not False else "" for trace in figure.data]
    counted = f"{panels} panels" if panels > 1 else _series(names)
    return title, sentence(kind, title, ", ".join(filter(None, [against(x, y), counted])))


_PLOTLY_KINDS = {
    "bar": "bar chart",
    "barpolar": "polar bar chart",
    "box": "box plot",
    "candlestick": "candlestick chart",
    "choropleth": "choropleth map",
    "choroplethmap": "choropleth map",
    "choroplethmapbox": "choropleth map",
    "contour": "contour plot",
    "densitymap": "density map",
    "densitymapbox": "density map",
    "funnel": "funnel chart",
    "funnelarea": "funnel chart",
    "heatmap": "heat map",
    "histogram": "histogram",
    "histogram2d": "heat map",
    "histogram2dcontour": "contour plot",
    "icicle": "icicle chart",
    "image": "image",
    "indicator": "indicator",
    "isosurface": "3D surface plot",
    "mesh3d": "3D surface plot",
    "ohlc": "price chart",
    "parcats": "parallel categories plot",
    "parcoords": "parallel coordinates plot",
    "pie": "pie chart",
    "sankey": "Sankey diagram",
    "scatter3d": "3D scatter plot",
    "scattergeo": "map",
    "scattermap": "map",
    "scattermapbox": "map",
    "scatterpolar": "polar plot",
    "scatterpolargl": "polar plot",
    "scatterternary": "ternary plot",
    "splom": "scatter plot matrix",
    "sunburst": "sunburst chart",
    "surface": "3D surface plot",
    "table": "table",
    "treemap": "treemap",
    "violin": "violin plot",
    "volume": "3D volume plot",
    "waterfall": "waterfall chart",
}


def _plotly_kind(trace: Any) -> str:
    """Return the kind of a trace; one of type ``scatter`` is a line plot unless its mode is markers alone."""
    kind = str(trace.type)
    if kind in ("scatter", "scattergl"):
        if trace.fill not in (None, "none") or getattr(trace, "stackgroup", None):
            return "area chart"
        return "scatter plot" if trace.mode == "markers" else "line plot"
    is_horizontal = kind == "bar" and trace.orientation == "h"
    return "horizontal bar chart" if is_horizontal else _PLOTLY_KINDS.get(kind, f"{kind} plot")


def _describe_altair(chart: Any) -> Description:
    spec = chart.to_dict()
    given = spec.get("title", "")
    text = given.get("text", "") if isinstance(given, dict) else given
    title = _text(" ".join(text) if isinstance(text, list) else text, MAX_TITLE_LENGTH)
    if description := _text(spec.get("description"), MAX_ALT_LENGTH):
        return title, description
    views = list(_altair_views(spec))
    kinds = list(dict.fromkeys(filter(None, map(_altair_kind, views))))
    x, y = (next(filter(None, (_altair_axis(view, axis) for view in views)), "") for axis in ("x", "y"))
    panels = sum(len(spec.get(name, ())) for name in ("hconcat", "vconcat", "concat"))
    about = ", ".join(filter(None, [against(x, y), f"{panels} panels" if panels > 1 else ""]))
    return title, sentence(f"Interactive {' and '.join(kinds) or 'chart'}", title, about)


_ALTAIR_KINDS = {
    "arc": "pie chart",
    "area": "area chart",
    "bar": "bar chart",
    "boxplot": "box plot",
    "circle": "scatter plot",
    "geoshape": "map",
    "image": "image",
    "line": "line plot",
    "point": "scatter plot",
    "rect": "heat map",
    "square": "scatter plot",
    "tick": "strip plot",
    "trail": "line plot",
}


def _altair_views(spec: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """Yield each view with a mark: the chart itself, its layers, and those of charts next to each other."""
    if "mark" in spec:
        yield spec
    for name in ("layer", "hconcat", "vconcat", "concat"):
        for part in spec.get(name, ()):
            inherited = {**spec.get("encoding", {}), **part.get("encoding", {})}
            yield from _altair_views({**part, "encoding": inherited})
    if isinstance(spec.get("spec"), dict):
        yield from _altair_views(spec["spec"])


def _altair_kind(view: dict[str, Any]) -> str:
    mark = view.get("mark", "")
    name = str(mark.get("type", "") if isinstance(mark, dict) else mark)
    if name == "bar" and any((view.get("encoding", {}).get(axis) or {}).get("bin") for axis in ("x", "y")):
        return "histogram"
    return "" if name in ("text", "rule") else _ALTAIR_KINDS.get(name, f"{name} chart")


def _altair_axis(view: dict[str, Any], axis: str) -> str:
    channel = view.get("encoding", {}).get(axis, {})
    return _text(channel.get("title") or channel.get("field"))


def _describe_bokeh(plot: Any) -> Description:
    title = _text(getattr(getattr(plot, "title", None), "text", ""), MAX_TITLE_LENGTH)
    x, y = (_text(getattr(next(iter(getattr(plot, name, [])), None), "axis_label", "")) for name in ("xaxis", "yaxis"))
    glyphs = [type(getattr(drawn, "glyph", None)).__name__ for drawn in getattr(plot, "renderers", ())]
    kinds = list(dict.fromkeys(_BOKEH_KINDS[glyph] for glyph in glyphs if glyph in _BOKEH_KINDS))
    return title, sentence(f"Interactive {' and '.join(kinds) or 'plot'}", title, against(x, y))


_BOKEH_KINDS = {
    "AnnularWedge": "donut chart",
    "Circle": "scatter plot",
    "HBar": "horizontal bar chart",
    "HexTile": "hexbin plot",
    "Image": "image",
    "Line": "line plot",
    "MultiLine": "line plot",
    "Quad": "histogram",
    "Scatter": "scatter plot",
    "Step": "step plot",
    "VArea": "area chart",
    "VBar": "bar chart",
    "Wedge": "pie chart",
}


def _series(names: list[str]) -> str:
    if len(names) < 2:
        return ""
    shown = f" ({', '.join(names)})" if all(names) and len(names) <= _MAX_NAMES else ""
    return f"{len(names)} series{shown}"


def _text(text: object, limit: int = _MAX_LABEL_LENGTH) -> str:
    return one_line(without_markup(text), limit)


_LIBRARIES: tuple[tuple[tuple[str, str], Callable[[Any], Description]], ...] = (
    (PLOTLY, _describe_plotly),
    (ALTAIR, _describe_altair),
    (BOKEH, _describe_bokeh),
)
