"""External content of a published figure: warnings, an error where nothing would remain, and no false positives."""

from __future__ import annotations

import numpy as np
import pytest

from jupyter_figserve.errors import OutputInvalid
from jupyter_figserve.model.figures import EncodedImage
from jupyter_figserve.plotting.encode import encode
from jupyter_figserve.plotting.external_content import find_warnings

from ..conftest import require_package

MAP = {"type": "scattergeo", "lat": [1], "lon": [2]}


class Html:
    """An object that displays as HTML."""

    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_html_(self) -> str:
        return self.text


def warnings_of(obj: object) -> list[str]:
    return find_warnings(obj, encode(obj).images)


@pytest.mark.parametrize(
    ("html", "advice"),
    [
        ('<script src="https://cdn.plot.ly/plotly-3.0.0.min.js"></script><div id="x"></div>', "include_plotlyjs=True"),
        ('<div></div><script src="https://cdn.bokeh.org/bokeh/release/bokeh.min.js"></script>', "resources.INLINE"),
        ('<div></div><script>import("https://cdn.jsdelivr.net/npm/vega@6")</script>', "inline=True"),
        ('<iframe srcdoc="&lt;script src=https://x/leaflet.js&gt;&lt;/script&gt;"></iframe>', "an image of the map"),
        ('<img src="https://example.org/x.png">', "embed=True"),
    ],
)
def test_what_would_show_nothing_is_refused(html, advice):
    """The message names what is loaded, and says what to do."""
    with pytest.raises(OutputInvalid, match="nothing else is in it") as caught:
        warnings_of(Html(html))
    assert caught.value.code == "needs_network"
    assert advice in str(caught.value)


def test_an_image_by_address_is_refused():
    """As `IPython.display.Image(url=…)` displays it; embedded it is published."""
    display = pytest.importorskip("IPython.display")
    with pytest.raises(OutputInvalid, match=r"https://example.org/x.png.*embed=True"):
        warnings_of(display.Image(url="https://example.org/x.png"))


def test_what_lacks_a_part_is_warned_of():
    """The figure is published."""
    (message,) = warnings_of(Html('<link rel="stylesheet" href="https://x/a.css"><svg></svg><p>Words</p>'))
    assert "will lack https://x/a.css" in message


@pytest.mark.parametrize(
    "html", ["<svg><path/></svg><p>https://x/y.js</p>", "<div id=a></div><script>draw()</script>", "<table></table>"]
)
def test_ordinary_html_is_fine(html):
    """Nothing is loaded."""
    assert warnings_of(Html(f"<div>{html}</div>")) == []


def test_plotly_figures():
    """LaTeX, tiles and base maps are warned of; prices and ordinary charts are fine."""
    graph_objects = pytest.importorskip("plotly.graph_objects")

    def check(data, **layout):
        return [message.split(":")[0] for message in warnings_of(graph_objects.Figure(data, layout))]

    assert check([{"y": [1, 2], "name": "$5 to $7"}], title={"text": "T <b>x</b>"}) == []
    assert check([{"y": [1]}], xaxis={"title": {"text": "$\\alpha$"}}) == [
        "The published figure will show LaTeX as source"
    ]
    assert "LaTeX" in check([{"y": [1], "name": "$x^2$"}])[0]
    assert "base map" in check([MAP])[0]
    assert "tiles" in check([MAP | {"type": "scattermap"}])[0]
    assert "images" in check([{"y": [1]}], images=[{"source": "https://x/a.png"}])[0]
    assert check([{"y": [1]}], images=[{"source": "data:image/png;base64,AA=="}]) == []


@pytest.mark.parametrize(
    ("trace", "layout"),
    [
        ({"y": [1]}, {"title": {"text": "Energy $E=mc^2$ (J)"}}),
        ({"type": "heatmap", "z": [[1]], "colorbar": {"title": {"text": r"$\alpha$"}}}, {}),
        ({"type": "scatterpolar", "r": [1], "theta": [1]}, {"polar": {"radialaxis": {"title": {"text": "$r$"}}}}),
        ({"y": [1, 2], "text": np.array(["a", "$x_1$"])}, {}),
        ({"type": "bar", "x": ["$a_1$", "b"], "y": [1, 2]}, {}),
    ],
)
def test_latex_anywhere_in_a_plotly_figure(trace, layout):
    """In a part of a text, in colour bars, in other axes and in categories."""
    graph_objects = pytest.importorskip("plotly.graph_objects")
    assert "LaTeX" in warnings_of(graph_objects.Figure([trace], layout))[0]


def test_altair_and_bokeh():
    """Data by address and map tiles are warned of."""
    require_package("vl_convert")
    altair, bokeh = require_package("altair"), require_package("bokeh.plotting")
    assert warnings_of(altair.Chart(altair.Data(values=[{"a": 1}])).mark_bar()) == []
    chart = altair.Chart("https://example.org/a.csv").mark_bar()
    images = encode(altair.Chart(altair.Data(values=[{"a": 1}])).mark_bar()).images
    assert "data, which it loads from https://example.org/a.csv" in find_warnings(chart, images)[0]
    plot = bokeh.figure()
    plot.line([1], [2])
    assert warnings_of(plot) == []
    plot.image_url(url=["https://example.org/a.png"], x=0, y=0, w=1, h=1)
    assert "lack its images" in warnings_of(plot)[0]


def test_parts_of_altair_charts():
    """Each may have its own data, and looks up in other tables."""
    require_package("vl_convert")
    altair = require_package("altair")
    url, own = "https://example.org/a.csv", altair.Data(values=[{"a": 1}])

    def chart(data):
        return altair.Chart(data).mark_bar().encode(x="a:Q")

    images = encode(chart(own)).images
    lookup = chart(own).transform_lookup("a", altair.LookupData(url, "a", ["b"]))
    for one in (chart(own) + chart(url), chart(own) | (chart(own) & chart(url)), chart(url).facet("a:N"), lookup):
        assert url in find_warnings(one, images)[0]
    assert find_warnings(chart(own) | chart(own), images) == []


def test_svg_documents():
    """Images of other files are warned of; links and parts of the document are fine."""
    svg = '<svg xmlns="http://www.w3.org/2000/svg"><a href="https://x/"><use href="#a"/></a>{}</svg>'
    for part, lacks in (("", []), ('<image width="9" xlink:href="https://x/a.png"/>', ["https://x/a.png"])):
        found = find_warnings(None, [EncodedImage("image/svg+xml", svg.format(part).encode())])
        assert [message.split()[5].rstrip(":") for message in found] == lacks
