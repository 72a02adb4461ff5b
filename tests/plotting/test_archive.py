"""Lasting images of published figures: what they show, and what they leave alone."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt

from jupyter_figserve.model.formats import png_size
from jupyter_figserve.plotting.archive import draw_from_source, draw_if_unchanged
from jupyter_figserve.plotting.encode import encode
from jupyter_figserve.plotting.pickling import pickle_figure

from ..example_figures import line


def source_of(figure, **options):
    encoded = encode(figure, with_state=True, **options)
    return pickle_figure(encoded.figure, encoded.state)


def test_it_is_the_svg_that_the_author_would_save():
    """In the rcParams of the publish, whatever they are when it is drawn, which are left alone."""
    figure = line()
    mpl.rcParams["font.size"] = 17
    source = source_of(figure)
    expected = encode(figure, ("svg",)).payloads[0]
    mpl.rcdefaults()
    mpl.use("Agg")
    (svg,) = draw_from_source(source, 2**22)
    assert (svg.mimetype, svg.width, svg.data) == ("image/svg+xml", expected.width, expected.data)
    assert mpl.rcParams["font.size"] == 10
    assert plt.get_fignums() == [figure.number]


def test_it_needs_no_fonts():
    """Text is drawn as outlines, though the author's own SVGs have text."""
    mpl.rcParams["svg.fonttype"] = "none"
    (svg,) = draw_from_source(source_of(line()), 2**22)
    assert b"<text" not in svg.data
    assert mpl.rcParams["svg.fonttype"] == "none"


def test_tight_figures_are_cropped_alike():
    """The aspect ratio of the SVG is that of the published image."""
    figure = line()
    published = encode(figure, tight=True).payloads[0]
    (svg,) = draw_from_source(source_of(figure, tight=True), 2**22)
    assert svg.width / svg.height == pytest.approx(published.width / published.height, rel=0.01)


@pytest.mark.parametrize("limit", [1, 300_000])
def test_of_a_large_svg_a_png_of_twice_the_resolution_is_kept(limit):
    """With tens of thousands of markers, too, whose SVG is not drawn at all."""
    figure, axes = plt.subplots()
    axes.scatter(*np.random.default_rng(0).random((2, 3 if limit == 1 else 10_000)), s=2)
    (png,) = draw_from_source(source_of(figure, dpi=50), limit)
    assert (png.mimetype, png_size(png.data), png.dpi) == ("image/png", (640, 480), 100)


def test_an_svg_that_is_too_large_for_pages_has_both(monkeypatch):
    """The SVG for later, and the PNG for dense screens."""
    monkeypatch.setattr("jupyter_figserve.plotting.archive.MAX_VECTOR_BYTES", 100)
    assert [image.mimetype for image in draw_from_source(source_of(line()), 2**22)] == ["image/svg+xml", "image/png"]


def test_a_figure_without_a_source_is_rendered_while_it_is_unchanged():
    """It is compared with the published pixels."""
    figure = line()
    encoded = encode(figure, with_state=True)
    (svg,) = draw_if_unchanged(encoded, 2**22)
    assert svg.mimetype == "image/svg+xml"
    figure.axes[0].set_title("Another")
    assert draw_if_unchanged(encoded, 2**22) == []
