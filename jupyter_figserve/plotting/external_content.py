"""External content of a published figure, which its sandboxed frame cannot load. Kernel."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import OutputInvalid
from ..model.figures import EncodedImage
from ..model.formats import FORMATS
from ..model.html.content import parse_html
from ..model.html.loaded_addresses import find_in_svg, is_loaded
from .libraries import ALTAIR, BOKEH, PLOTLY, is_instance

_HTML = FORMATS["html"].mimetype
_SVG = FORMATS["svg"].mimetype
# Plotly typesets what is between dollars; "$5 to $7" has nothing of a formula.
_LATEX = re.compile(r"^\s*\$.+\$\s*$|\$[^$\n]{0,300}[\\^_{}][^$\n]{0,300}\$", re.DOTALL)
_TILE_TRACES = re.compile(r"(scatter|density|choropleth)(map|mapbox)")
_GEO_TRACES = frozenset({"scattergeo", "choropleth"})
# Attributes of Plotly's objects whose texts it typesets, and those that hold data.
_TYPESET = frozenset({"text", "name", "ticktext", "title", "label", "labels", "x", "y"})
_NOT_TYPESET = frozenset({"z", "customdata", "meta", "template", "geojson", "hovertext"})
_ALTAIR_PARTS = ("layer", "hconcat", "vconcat", "concat", "spec")
_BOKEH_PARTS = {
    "TileRenderer": "map will lack its tiles",
    "ImageURL": "plot will lack its images",
    "WebDataSource": "plot will lack its data",
}
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
        return _svg_warnings(images)
    if is_instance(obj, *PLOTLY):
        return list(_plotly_warnings(obj))
    if is_instance(obj, *ALTAIR):
        return list(_altair_warnings(obj))
    if is_instance(obj, *BOKEH):
        return list(_bokeh_warnings(obj))
    html = next(image for image in images if image.mimetype == _HTML)
    return _html_warnings(html.data.decode("utf-8", "replace"), is_alone=len(images) == 1)


def _html_warnings(text: str, *, is_alone: bool) -> list[str]:
    content = parse_html(text)
    urls = list(dict.fromkeys(content.scripts + content.resources))
    if not urls:
        return []
    named = ", ".join(url[:100] for url in urls[:3]) + (f" and {len(urls) - 3} more" if len(urls) > 3 else "")
    advice = _advice(urls, is_image={image.source for image in content.images}.issuperset(urls))
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


def _svg_warnings(images: Sequence[EncodedImage]) -> list[str]:
    """Return what the only image lacks, if it is an SVG; one of matplotlib has its images in it."""
    if [image.mimetype for image in images] != [_SVG]:
        return []
    urls = list(dict.fromkeys(find_in_svg(images[0].data.decode("utf-8", "replace"))))
    named = ", ".join(url[:100] for url in urls[:3])
    return [f"The published image will lack {named}: it loads nothing from elsewhere. Embed it."] if urls else []


def _plotly_warnings(figure: Any) -> Iterator[str]:
    kinds = {str(trace.type) for trace in figure.data}
    if any(_LATEX.search(text) for text in _plotly_texts(figure)):
        yield (
            "The published figure will show LaTeX as source: Plotly loads MathJax for it from elsewhere. Use plain text"
            " or Plotly's HTML subset, such as x<sup>2</sup>."
        )
    if any(is_loaded(image.source) for image in figure.layout.images or ()):
        yield (
            "The published figure will lack its images, which Plotly loads from elsewhere. Pass them as data, such as a"
            " PIL image."
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
    waiting: list[Any] = [figure.layout.to_plotly_json(), [trace.to_plotly_json() for trace in figure.data]]
    while waiting:
        value = waiting.pop()
        pairs = value.items() if isinstance(value, dict) else ((None, one) for one in value[:1_000])
        for name, inner in pairs:
            if isinstance(inner, str) and (name is None or name in _TYPESET):
                yield inner
            elif name in _TYPESET and getattr(getattr(inner, "dtype", None), "kind", "") in ("O", "U"):
                waiting.append(inner[:1_000].tolist())
            elif isinstance(inner, (dict, list, tuple)) and name not in _NOT_TYPESET:
                waiting.append(inner)


def _altair_warnings(chart: Any) -> Iterator[str]:
    urls = list(dict.fromkeys(url for url in _altair_data(chart) if is_loaded(url)))
    if urls:
        yield (
            f"The published chart will lack its data, which it loads from {urls[0][:100]}. Read the data into a"
            " DataFrame and pass that to the chart."
        )


def _altair_data(chart: Any) -> Iterator[str]:
    """Yield the addresses of data of a chart, the charts that it consists of, and the tables that it looks up in."""
    data = getattr(chart, "data", None)
    url = data if isinstance(data, str) else getattr(data, "url", None)
    if isinstance(url, str):
        yield url
    for name in _ALTAIR_PARTS:
        parts = getattr(chart, name, None)
        for part in parts if isinstance(parts, list) else [parts]:
            yield from _altair_data(part) if is_instance(part, *ALTAIR) else ()
    transforms = getattr(chart, "transform", None)
    for transform in transforms if isinstance(transforms, list) else []:
        yield from _altair_data(getattr(transform, "from_", None) or getattr(transform, "_kwds", {}).get("from"))


def _bokeh_warnings(model: Any) -> Iterator[str]:
    models = sys.modules.get("bokeh.models")
    for kind, lacks in _BOKEH_PARTS.items():
        part = getattr(models, kind, None)
        if part is not None and next(iter(model.select({"type": part})), None) is not None:
            yield f"The published {lacks}, which Bokeh loads from elsewhere. Publish an image of it."
