"""Thumbnails of Plotly figures without a browser: in the figure's colours, where its marks are."""

from __future__ import annotations

import numpy as np
import pytest

from jupyter_figserve.plotting.encode import encode
from jupyter_figserve.plotting.sketches.sketch import find_sketch

from ...pixels import colours

go = pytest.importorskip("plotly.graph_objects")
subplots = pytest.importorskip("plotly.subplots")
BLUE, RED, WHITE = (99, 110, 250), (239, 85, 59), (255, 255, 255)
TRACES = {
    "line": go.Scatter(x=["2026-01-01", "2026-02-01"], y=[1, 2]),
    "categories": go.Scatter(x=["a", "b"], y=[1, float("nan")], mode="markers"),
    "area": go.Scatter(y=[1, 3, 2], fill="tozeroy"),
    "bar": go.Bar(y=["a", "b"], x=[2, 1], orientation="h"),
    "histogram": go.Histogram(x=np.arange(50.0)),
    "counts": go.Histogram(y=["a", "b", "a"]),
    "box": go.Box(y=[1, 2, 3, 9]),
    "polar": go.Scatterpolar(r=[1, 2, 3], theta=[0, 120, 240]),
    "space": go.Scatter3d(x=[1, 2], y=[1, 2], z=[1, 2]),
    "map": go.Scattergeo(lon=[8, 9], lat=[46, 47]),
    "grid": go.Heatmap(z=np.eye(3)),
    "bins": go.Histogram2d(x=[1, 2, 3], y=[1, 2, 3]),
    "pie": go.Pie(labels=["a", "b"], values=[1, 3]),
}


def share(image, color, tolerance: int = 60) -> float:
    """Of the pixels that have about this colour."""
    return float((np.abs(colours(image.data) - color).sum(axis=-1) < tolerance).mean())


@pytest.mark.parametrize("kind", TRACES)
def test_each_kind_of_trace_has_a_sketch(kind):
    """With marks on its background, 320 pixels wide."""
    image = find_sketch(go.Figure(TRACES[kind]))
    assert (image.mimetype, image.width) == ("image/png", 320)
    assert len(np.unique(colours(image.data).reshape(-1, 3), axis=0)) > 3


def test_marks_have_the_colours_and_the_lengths_of_the_figure():
    """Two groups of bars: the first is blue and three times as high as the second."""
    image = find_sketch(go.Figure([go.Bar(x=["a"], y=[3]), go.Bar(x=["a"], y=[1])]))
    assert 2.5 < share(image, BLUE) / share(image, RED) < 3.5
    assert share(find_sketch(go.Figure(go.Scatter(y=[1, 2], line={"color": "red"}))), (255, 0, 0)) > 0


def test_subplots_are_where_they_are():
    """The bars of the right half are not in the left one; hidden traces are nowhere."""
    figure = subplots.make_subplots(1, 2)
    figure.add_bar(y=[1, 2], row=1, col=2, marker={"color": "red"})
    figure.add_bar(y=[1, 2], row=1, col=1, visible=False)
    reds = (np.abs(colours(find_sketch(figure).data) - (255, 0, 0)).sum(axis=-1) < 60).nonzero()[1]
    assert reds.size
    assert reds.min() > 160


def test_published_figure_gets_it_as_its_thumbnail():
    """Beside its HTML; images and other objects have none of it."""
    encoded = encode(go.Figure(TRACES["line"]))
    assert [image.mimetype for image in encoded.images] == ["text/html"]
    assert encoded.thumbnail.width == 320
    assert find_sketch(object()) is None


@pytest.mark.parametrize("figure", [go.Figure(), go.Figure(go.Sankey()), go.Figure(go.Pie(labels=[]))])
def test_figure_of_other_kinds_has_none(figure):
    """The gallery then shows a placeholder."""
    assert find_sketch(figure) is None
