"""Thumbnails of Bokeh plots without a browser: in their colours, where their glyphs are."""

from __future__ import annotations

from math import pi

import numpy as np
import pytest

from jupyter_figserve.plotting.encode import encode
from jupyter_figserve.plotting.sketches.sketch import find_sketch

pytest.importorskip("bokeh")
from bokeh.layouts import column, gridplot, row
from bokeh.models import ColumnDataSource, Range1d, Slider
from bokeh.plotting import figure
from bokeh.transform import cumsum, linear_cmap

from ...pixels import colours

RED, BLUE = (255, 0, 0), (0, 0, 255)
SOURCE = {"x": [1.0, 2.0, 3.0], "y": [1, float("nan"), 2], "z": [1, 1, 2], "c": ["red", "blue", "no colour"]}
GLYPHS = {
    "line": lambda p: p.line([1, 2, 3], [3, 1, 2]),
    "times": lambda p: p.line(np.array(["2026-01-01", "2026-02-01"], dtype="M8[D]"), [1, 2]),
    "columns": lambda p: p.scatter("x", "y", color="c", source=ColumnDataSource(SOURCE)),
    "mapped": lambda p: p.scatter("x", "y", color=linear_cmap("y", "Magma3", 0, 2), source=ColumnDataSource(SOURCE)),
    "stack": lambda p: p.varea_stack(["y", "z"], x="x", source=ColumnDataSource(SOURCE | {"y": [1, 2, 3]})),
    "area": lambda p: p.varea([1, 2], 0, [1, 2]),
    "patch": lambda p: p.patch([0, 1, 1], [0, 0, 1]),
    "lines": lambda p: p.multi_line([[1, 2], [2, 3]], [[1, 2], [3, 1]], color=["red", "green"]),
    "hbar": lambda p: p.hbar(y=[1, 2], right=[1, 2], height=0.5),
    "quad": lambda p: p.quad(top=[1, 2], bottom=0, left=[0, 1], right=[1, 2]),
    "rect": lambda p: p.rect([1, 2], [1, 2], 0.5, 0.5),
    "image": lambda p: p.image(image=[np.eye(3)], x=0, y=0, dw=1, dh=1),
    "wedge": lambda p: p.wedge(
        0, 0, 1, start_angle=cumsum("a", include_zero=True), end_angle=cumsum("a"), fill_color="c",
        source=ColumnDataSource({"a": [pi / 2, 3 * pi / 2], "c": ["red", "blue"]}),
    ),
}  # fmt: skip


def where(image, color) -> np.ndarray:
    """Rows and columns of the pixels that have about this colour."""
    return np.array((np.abs(colours(image.data) - color).sum(axis=-1) < 90).nonzero())


def bars(color: str = "red", **options):
    plot = figure(x_range=["a", "b"], width=300, height=200)
    plot.vbar(x=["a", "b"], top=[1, 2], width=0.8, color=color, **options)
    return plot


@pytest.mark.parametrize("kind", GLYPHS)
def test_each_kind_of_glyph_has_a_sketch(kind):
    """With marks on its background, 320 pixels wide."""
    plot = figure(width=300, height=200)
    GLYPHS[kind](plot)
    image = find_sketch(plot)
    assert (image.mimetype, image.width, image.height) == ("image/png", 320, 213)
    assert len(np.unique(colours(image.data).reshape(-1, 3), axis=0)) > 3


def test_shares_of_a_pie_are_its_wedges():
    """A quarter is red, and three quarters are blue."""
    plot = figure()
    GLYPHS["wedge"](plot)
    image = find_sketch(plot)
    assert 2.7 < where(image, BLUE).shape[1] / where(image, RED).shape[1] < 3.3


def test_plots_of_a_layout_are_where_they_are():
    """Widgets have no place; hidden glyphs are nowhere."""
    image = find_sketch(row(bars("blue"), bars("red")))
    assert where(image, RED)[1].min() > 160 > where(image, BLUE)[1].max()
    image = find_sketch(column(Slider(start=0, end=1, value=0), gridplot([[bars("red")], [bars("blue")]])))
    assert where(image, RED)[0].max() < image.height / 2 < where(image, BLUE)[0].min()
    assert find_sketch(bars(visible=False)) is None


def test_published_plot_gets_it_as_its_thumbnail():
    """Beside its HTML; a plot without glyphs of known kinds has none."""
    encoded = encode(bars())
    assert [part.mimetype for part in encoded.images] == ["text/html"]
    assert encoded.thumbnail.width == 320
    assert find_sketch(figure(x_range=Range1d(0, 1))) is None
