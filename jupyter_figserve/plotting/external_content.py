"""External content of a published figure, which its sandboxed frame cannot load. Kernel."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import OutputInvalid
from ..model.figures import EncodedImage
from ..model.formats import FORMATS
from ..model.html_content import parse_html
from .libraries import is_instance

_HTML = FORMATS["html"].mimetype
_LATEX = re.compile(r"^\s*\$.+\$\s*$", re.DOTALL)
_TILE_TRACES = re.compile(r"(scatter|density|choropleth)(map|mapbox)")
_GEO_TRACES = frozenset({"scattergeo", "choropleth"})
_ADVICE = (
    ("plot.ly", "With Plotly, pass the figure itself, or write it with include_plotlyjs=True."),
    ("bokeh", "With Bokeh, pass the plot itself, or use bokeh.resources.INLINE."),
    ("vega", "With Altair, pass the chart itself, or use chart.to_html(inline=True)."),
    ("leaflet", "Maps of Leaflet and Folium load their tiles; publish an image of the map."),
)


def find_warnings(obj: object, images: Sequence[EncodedImage]) -> list[str]:
    """Return sentences about content that viewers will not see; empty for an ordinary figure.

    Raises
    ------
    OutputInvalid
        With the code ``needs_network``, if nothing of it would remain.
    """
    if not any(image.mimetype == _HTML for image in images):
        return []
    if is_instance(obj, "plotly.basedatatypes", "BaseFigure"):
        return list(_plotly_warnings(obj))
    if is_instance(obj, "altair", "TopLevelMixin"):
        return list(_altair_warnings(obj))
    if is_instance(obj, "bokeh.models", "Model"):
        return list(_bokeh_warnings(obj))
    html = next(image for image in images if image.mimetype == _HTML)
    return _html_warnings(html.data.decode("utf-8", "replace"), is_alone=len(images) == 1)


def _html_warnings(text: str, *, is_alone: bool) -> list[str]:
    content = parse_html(text)
    urls = list(dict.fromkeys(content.scripts + content.resources))
    if not urls:
        return []
    named = ", ".join(url[:100] for url in urls[:3]) + (f" and {len(urls) - 3} more" if len(urls) > 3 else "")
    advice = _advice(urls, is_image=not content.scripts and bool(content.images))
    if content.is_empty_offline and is_alone:
        raise OutputInvalid(
            f"This figure loads {named}, but a published figure loads nothing from elsewhere, and nothing else is in"
            f" it. {advice}",
            code="needs_network",
        )
    return [f"The published figure will lack {named}: it loads nothing from elsewhere. {advice}"]


def _advice(urls: Sequence[str], *, is_image: bool) -> str:
    if is_image:
        return "Put the image into the output, as with Image(url=…, embed=True)."
    found = next((text for word, text in _ADVICE if any(word in url for url in urls)), None)
    return found or "Put scripts, styles and data into the HTML itself."


def _plotly_warnings(figure: Any) -> Iterator[str]:
    kinds = {str(trace.type) for trace in figure.data}
    if any(_LATEX.match(text) for text in _plotly_texts(figure)):
        yield (
            "The published figure will show LaTeX as source: Plotly loads MathJax for it from elsewhere. Use plain text"
            " or Plotly's HTML subset, such as x<sup>2</sup>."
        )
    if any(_TILE_TRACES.fullmatch(kind) for kind in kinds):
        yield (
            "The published map will lack its tiles, which Plotly loads from elsewhere. Publish an image of it"
            ' (format="png", with kaleido).'
        )
    if kinds & _GEO_TRACES and not _has_own_geojson(figure):
        yield (
            "The published map will lack its base map, which Plotly loads from elsewhere. Publish an image of it"
            ' (format="png", with kaleido).'
        )


def _has_own_geojson(figure: Any) -> bool:
    """Whether all maps draw only shapes of their own."""
    maps = [trace for trace in figure.data if trace.type in _GEO_TRACES]
    return all(getattr(trace, "geojson", None) is not None for trace in maps) and figure.layout.geo.visible is False


def _plotly_texts(figure: Any) -> Iterator[str]:
    """Yield the titles, labels, names and annotations, which Plotly typesets."""
    layout = figure.layout
    for axis in ("xaxis", "yaxis"):
        for name in layout:
            if str(name).startswith(axis):
                yield from _strings(layout[name].title.text)
                yield from _strings(layout[name].ticktext)
    yield from _strings(layout.title.text)
    for annotation in layout.annotations or ():
        yield from _strings(annotation.text)
    for trace in figure.data:
        yield from _strings(trace.name)
        yield from _strings(getattr(trace, "text", None))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple)):
        yield from (text for text in value[:1_000] if isinstance(text, str))


def _altair_warnings(chart: Any) -> Iterator[str]:
    data = getattr(chart, "data", None)
    url = data if isinstance(data, str) else getattr(data, "url", None)
    if isinstance(url, str) and not url.startswith("data:"):
        yield (
            f"The published chart will lack its data, which it loads from {url[:100]}. Read the data into a DataFrame"
            " and pass that to the chart."
        )


def _bokeh_warnings(model: Any) -> Iterator[str]:
    models = sys.modules.get("bokeh.models")
    tiles = getattr(models, "TileRenderer", None)
    if tiles is not None and next(iter(model.select({"type": tiles})), None) is not None:
        yield "The published map will lack its tiles, which Bokeh loads from elsewhere. Publish an image of it."
