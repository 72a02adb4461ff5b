"""The JSON of Plotly and Vega in documents of each maker."""

from __future__ import annotations

import altair as alt
import plotly.graph_objects as go
import pytest

from jupyter_figserve.errors import TooLarge
from jupyter_figserve.server.services.figures.data.script_specs import find_spec

FIGURE = go.Figure(go.Scatter(y=[1, 2], name="</script>"))
CHART = alt.Chart(alt.Data(values=[{"a": 1}])).mark_point().encode(x="a:Q")
LIBRARY = "<script>function Plotly(){Plotly.newPlot(div, data);vegaEmbed();x})({a:1});const figure = null;</script>"
OWN = '<script>const figure = {"data": [], "layout": {}};</script>'
DOCUMENTS = {
    "plotly": ("plotly", FIGURE.to_html(include_plotlyjs="cdn")),
    "a page of ours": ("plotly", OWN),
    "altair": ("vega", CHART.to_html()),
    "a display of altair": (
        "vega",
        '<script>vegaEmbed; (function(spec, o){})({"$schema": "a"}, {"mode": "vega"});</script>',
    ),
    "a chart of ours": ("vega", '<script>const figure = {"mode": "vega", "spec": {"$schema": "a"}};</script>'),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_figure_is_found(name):
    """The figure is found behind its library, whose code has the same words."""
    library, document = DOCUMENTS[name]
    found = find_spec(LIBRARY + document, 100_000)
    assert found is not None
    assert found.library == library
    assert "data" in found.value or "$schema" in found.value


@pytest.mark.parametrize(
    "document", ["", LIBRARY, "Plotly.newPlot(" * 99, "const figure = {" * 99, "const figure = " + "[" * 90_000]
)
def test_other_documents_have_none(document):
    """A document without a figure, or with half of one, is no figure."""
    assert find_spec(document, 1_000_000) is None


def test_long_json_is_not_decoded():
    """JSON beyond the limit is refused before it is read."""
    with pytest.raises(TooLarge, match=r"FigServe\.data_bytes"):
        find_spec('const figure = {"data": [' + "1," * 5_000 + "1]}", 10_000)
