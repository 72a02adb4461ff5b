from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnchoredText
from matplotlib.patches import Circle, Rectangle, Wedge
from matplotlib.sankey import Sankey

from jupyter_figserve.plotting.charts.chart import find_chart, is_colorbar

FRAME = pd.DataFrame({"kind": list("aabbcc"), "value": [1, 2, 3, 4, 5, 7.0], "half": list("xyxyxy")})
VALUES = np.random.default_rng(7).normal(size=60)
GRID = np.meshgrid([1, 2], [1, 2])


def chart(draw, projection=None):
    axes = Figure().add_subplot(projection=projection)
    draw(axes)
    return find_chart(axes)


def candles(axes, bodies):
    axes.vlines([0, 1, 2], [0, 1, 0], [3, 4, 3])
    if bodies == "bars":
        axes.bar([0, 1, 2], [1, -1, 1], bottom=[1, 3, 1], width=0.6)
    else:
        for place in range(3):
            axes.add_patch(Rectangle((place - 0.3, 1), 0.6, 1))


def treemap(axes):
    for corner, width, height in (((0, 0), 6, 10), ((6, 0), 4, 5), ((6, 5), 4, 5)):
        axes.add_patch(Rectangle(corner, width, height))


def radar(axes):
    axes.plot([0, 2, 4, 0], [1, 2, 3, 1])
    axes.set_thetagrids([0, 115, 230], ["a", "b", "c"])


def polygons(axes, corners):
    axes.add_collection(PolyCollection(corners))


def split_violin(axes):
    sns.violinplot(x=list("ab") * 30, y=VALUES, hue=list("xxyy") * 15, split=True, inner="quart", ax=axes)


KINDS = {
    "sankey": ("Sankey diagram", lambda axes: Sankey(axes, flows=[1, -0.6, -0.4], orientations=[0, 0, 1]).finish()),
    "treemap": ("Treemap", treemap),
    "squarify": ("Treemap", lambda axes: axes.bar([0, 6, 6], [10, 5, 5], [6, 4, 4], [0, 0, 5], align="edge")),
    "candles of bars": ("Candlestick chart", lambda axes: candles(axes, "bars")),
    "candles of rectangles": ("Candlestick chart", lambda axes: candles(axes, "rectangles")),
    "waterfall": ("Waterfall chart", lambda axes: axes.bar(list("abcd"), [9, -2, 3, 10], bottom=[0, 9, 7, 0])),
    "dumbbell": ("Dumbbell plot", lambda axes: (axes.hlines([1, 2], 1, 3), axes.scatter([1, 1, 3, 3], [1, 2, 1, 2]))),
    "lollipop": ("Lollipop chart", lambda axes: (axes.hlines([1, 2], 0, [3, 4]), axes.plot([3, 4], [1, 2], "o"))),
    "network": (
        "Network graph",
        lambda axes: (
            axes.add_collection(LineCollection([[(0, 0), (1, 2)], [(1, 2), (3, 1)]])),
            axes.scatter([0, 1, 3], [0, 2, 1]),
        ),
    ),
    "raster": ("Event plot", lambda axes: [axes.vlines([1, 4, 5], row, row + 0.8) for row in range(2)]),
    "xcorr": ("Stem plot", lambda axes: axes.xcorr(VALUES, VALUES)),
    "radar": ("Radar chart", radar, "polar"),
    "hole in a pie": ("Donut chart", lambda axes: (axes.pie([1, 2]), axes.add_artist(Circle((0, 0), 0.5)))),
    "bins side by side": ("Histogram", lambda axes: axes.hist([VALUES, VALUES + 1])),
    "groups side by side": ("Bar chart", lambda axes: [axes.bar(np.arange(3) + d, [1, 2, 3], 0.4) for d in (0, 0.4)]),
    "marimekko": (
        "Stacked bar chart",
        lambda axes: (
            axes.bar([0, 3], [0.4, 0.7], [3, 2], align="edge"),
            axes.bar([0, 3], [0.6, 0.3], [3, 2], [0.4, 0.7], align="edge"),
        ),
    ),
    "plotnine's bars": (
        "Bar chart",
        lambda axes: polygons(axes, [[(x, 0), (x, 2), (x + 1, 2), (x + 1, 0)] for x in (0, 2)]),
    ),
    "split violins": ("Violin plot", split_violin),
    "matrix with texts": ("Heat map", lambda axes: (axes.imshow([[1, 2]]), axes.text(0, 0, "1"), axes.text(1, 0, "2"))),
    "matrix with names": ("Heat map", lambda axes: (axes.imshow([[1, 2]]), axes.set_xticks([0, 1], ["a", "b"]))),
    "image with positions": ("Image", lambda axes: (axes.imshow([[1, 2]]), axes.set_xticks([0, 1]))),
    "specgram": ("Heat map", lambda axes: axes.specgram(np.sin(np.arange(600)))),
    "arrows in space": ("3D quiver plot", lambda axes: axes.quiver(*[[0.0, 1, 2]] * 6), "3d"),
    "bars in space": ("3D bar chart", lambda axes: axes.bar([1, 2], [1, 2], zs=1, zdir="y"), "3d"),
    "stems in space": ("3D stem plot", lambda axes: axes.stem([1, 2], [1, 2], [1, 2]), "3d"),
    "contours in space": ("3D contour plot", lambda axes: axes.contour(*GRID, GRID[0] * GRID[1]), "3d"),
    "plot": ("Line plot", lambda axes: axes.plot([1, 2])),
    "markers without a line": ("Scatter plot", lambda axes: axes.plot([1, 2], [1, 2], "o")),
    "scatter": ("Scatter plot", lambda axes: axes.scatter([1, 2], [1, 2])),
    "both": ("Scatter and line plot", lambda axes: (axes.scatter([1, 2], [1, 2]), axes.plot([1, 2]))),
    "step": ("Step plot", lambda axes: axes.step([1, 2, 3], [1, 2, 3])),
    "stem": ("Stem plot", lambda axes: axes.stem([1, 2, 3])),
    "event": ("Event plot", lambda axes: axes.eventplot([[1, 2], [3, 4]])),
    "bar": ("Bar chart", lambda axes: axes.bar(["a", "b"], [1, 2])),
    "bars of width 1": ("Bar chart", lambda axes: axes.bar(range(4), [3, 1, 2, 3], width=1)),
    "touching bars below zero": ("Bar chart", lambda axes: axes.bar([0, 0.1, 0.2], [-1.0, 2, 1], width=0.1)),
    "touching categories": ("Bar chart", lambda axes: axes.bar(["a", "b"], [3.0, 1], width=1)),
    "barh": ("Horizontal bar chart", lambda axes: axes.barh(["a", "b"], [1, 2])),
    "stacked": ("Stacked bar chart", lambda axes: (axes.bar([0, 1], [1, 2]), axes.bar([0, 1], [1, 2], bottom=[1, 2]))),
    "bars and a line": ("Bar chart and line plot", lambda axes: (axes.bar([1, 2], [1, 2]), axes.plot([1, 2, 3]))),
    "broken_barh": ("Broken bar chart", lambda axes: axes.broken_barh([(1, 2), (4, 1)], (0, 1))),
    "hist": ("Histogram", lambda axes: axes.hist(VALUES)),
    "hist of integers": ("Histogram", lambda axes: axes.hist([1, 2, 2, 3], bins=np.arange(0.5, 5))),
    "density": ("Histogram", lambda axes: axes.hist(VALUES, density=True)),
    "horizontal": ("Histogram", lambda axes: axes.hist(VALUES, orientation="horizontal")),
    "histtype step": ("Histogram", lambda axes: axes.hist(VALUES, histtype="step")),
    "histtype stepfilled": ("Histogram", lambda axes: axes.hist(VALUES, histtype="stepfilled")),
    "stairs": ("Histogram", lambda axes: axes.stairs([1, 2, 3])),
    "seaborn's step histogram": ("Histogram", lambda axes: sns.histplot(FRAME, x="value", element="step", ax=axes)),
    "pie": ("Pie chart", lambda axes: axes.pie([1, 2])),
    "donut": ("Donut chart", lambda axes: axes.pie([1, 2], wedgeprops={"width": 0.4})),
    "boxplot": ("Box plot", lambda axes: axes.boxplot([[1, 2, 3, 9], [2, 3, 4]])),
    "notches": ("Box plot", lambda axes: axes.boxplot([[1, 2, 3], [2, 3, 4]], patch_artist=True, notch=True)),
    "without caps": ("Box plot", lambda axes: axes.boxplot([1, 2, 3, 9], showcaps=False, showfliers=False)),
    "seaborn's box plot": ("Box plot", lambda axes: sns.boxplot(FRAME, x="kind", y="value", ax=axes)),
    "boxen": ("Letter-value plot", lambda axes: sns.boxenplot(FRAME, x="kind", y="value", ax=axes)),
    "violinplot": ("Violin plot", lambda axes: axes.violinplot([1, 2, 3, 9])),
    "seaborn's violins": ("Violin plot", lambda axes: sns.violinplot(FRAME, x="kind", y="value", ax=axes)),
    "fill_between": ("Area chart", lambda axes: axes.fill_between([1, 2, 3], [1, 2, 3])),
    "stackplot": ("Stacked area chart", lambda axes: axes.stackplot([1, 2, 3], [1, 2, 3], [1, 1, 1])),
    "pandas area": ("Stacked area chart", lambda axes: pd.DataFrame({"a": [1, 2], "b": [3, 4]}).plot.area(ax=axes)),
    "imshow": ("Image", lambda axes: axes.imshow(np.eye(3))),
    "pcolormesh": ("Heat map", lambda axes: axes.pcolormesh(np.eye(3))),
    "pcolor": ("Heat map", lambda axes: axes.pcolor(np.eye(3))),
    "contour": ("Contour plot", lambda axes: axes.contour(np.arange(9).reshape(3, 3))),
    "contourf": ("Filled contour plot", lambda axes: axes.contourf(np.arange(9).reshape(3, 3))),
    "tripcolor": ("Triangular mesh plot", lambda axes: axes.tripcolor([0, 1, 0, 1], [0, 0, 1, 1], [1, 2, 3, 4])),
    "hexbin": ("Hexbin plot", lambda axes: axes.hexbin(VALUES, VALUES, gridsize=5)),
    "quiver": ("Quiver plot", lambda axes: axes.quiver([1, 2], [1, 2])),
    "barbs": ("Wind barb plot", lambda axes: axes.barbs([1, 2], [1, 2])),
    "streamplot": ("Stream plot", lambda axes: axes.streamplot(*np.meshgrid(range(4), range(4)), *np.ones((2, 4, 4)))),
    "stream graph": ("Stacked area chart", lambda axes: axes.stackplot([1, 2], [1, 2], [1, 3], baseline="wiggle")),
    "a line beside an area": (
        "Line plot",
        lambda axes: (axes.plot([5, 9, 7]), axes.fill_between([1, 2, 3], [1, 2, 3])),
    ),
    "an area with its edge": (
        "Area chart",
        lambda axes: (axes.plot([1, 3, 2]), axes.fill_between([0, 1, 2], [1, 3, 2])),
    ),
    "brackets": ("Dendrogram", lambda axes: axes.add_collection(LineCollection([[(0, 0), (0, 2), (1, 2), (1, 0)]]))),
    "a wedge": ("Diagram", lambda axes: axes.add_patch(Wedge((0, 0), 1, 30, 270))),
    "a whole pie": ("Pie chart", lambda axes: axes.pie([1])),
    "exploded pie": ("Pie chart", lambda axes: axes.pie([1, 2], explode=[0, 0.1], counterclock=False)),
    "anchored text": ("Diagram", lambda axes: axes.add_artist(AnchoredText("words", loc="center"))),
    "shapes": ("Diagram", lambda axes: axes.add_patch(Circle((0, 0), 1))),
    "table": ("Table", lambda axes: axes.table([["1"]])),
    "text": ("", lambda axes: axes.text(0, 0, "hello")),
}


@pytest.mark.filterwarnings("ignore:vert. bool was deprecated")  # by seaborn
@pytest.mark.parametrize("name", KINDS)
def test_kinds_are_recognized(name):
    """The artists decide which kind of chart an Axes has."""
    kind, draw, *projection = KINDS[name]
    assert chart(draw, *projection).kind == kind


SPECIAL_AXES = {
    "3D line plot": ("3d", lambda axes: axes.plot([1, 2], [1, 2], [1, 2])),
    "3D scatter plot": ("3d", lambda axes: axes.scatter([1], [1], [1])),
    "3D surface plot": ("3d", lambda axes: axes.plot_surface(*GRID, np.eye(2))),
    "3D wireframe plot": ("3d", lambda axes: axes.plot_wireframe(*GRID, np.eye(2))),
    "3D voxel plot": ("3d", lambda axes: axes.voxels(np.indices((3, 3, 3)).sum(0) % 2 == 0)),
    "3D bar chart": ("3d", lambda axes: axes.bar3d([1, 2], [1, 2], 0, 1, 1, [1, 2])),
    "Polar bar chart": ("polar", lambda axes: axes.bar(range(6), range(6), width=1)),
    "Polar line plot": ("polar", lambda axes: axes.plot([0, 1], [1, 2])),
    "Polar scatter plot": ("polar", lambda axes: axes.scatter([0, 1], [1, 2])),
}


@pytest.mark.parametrize("kind", SPECIAL_AXES)
def test_projections_are_named(kind):
    """The projection is part of the kind."""
    projection, draw = SPECIAL_AXES[kind]
    assert chart(draw, projection).kind == kind


FEATURES = {
    "error bars of lines": ("Line plot", ("error bars",), lambda axes: axes.errorbar([1, 2], [1, 2], yerr=0.1)),
    "error bars of points": (
        "Scatter plot",
        ("error bars",),
        lambda axes: axes.errorbar([1, 2], [1, 2], 0.1, fmt="o", capsize=3),
    ),
    "error bars of bars": ("Bar chart", ("error bars",), lambda axes: axes.bar(["a", "b"], [1, 2], yerr=0.1)),
    "seaborn's error bars": (
        "Bar chart",
        ("error bars",),
        lambda axes: sns.barplot(FRAME, x="kind", y="value", ax=axes),
    ),
    "axhline": ("Line plot", ("a reference line",), lambda axes: (axes.plot([1, 2, 3]), axes.axhline(2, label="mean"))),
    "hlines": ("Line plot", ("a reference line",), lambda axes: (axes.plot([1, 2, 3]), axes.hlines(2, 0, 2))),
    "a horizontal line": (
        "Line plot",
        ("a reference line",),
        lambda axes: (axes.plot([1, 2, 3]), axes.plot([0, 2], [2, 2])),
    ),
    "axline": (
        "Scatter plot",
        ("a reference line",),
        lambda axes: (axes.scatter([1, 2], [1, 2]), axes.axline((0, 0), slope=1)),
    ),
    "axvspan": ("Line plot", ("a shaded range",), lambda axes: (axes.plot([1, 2, 3]), axes.axvspan(1, 2))),
    "band": (
        "Line plot",
        ("a shaded band",),
        lambda axes: (axes.plot([1, 2, 3]), axes.fill_between([0, 1, 2], [0.5, 1.5, 2.5], [1.5, 2.5, 3.5])),
    ),
    "colour bar": (
        "Image",
        ("a colour bar for K",),
        lambda axes: axes.figure.colorbar(axes.imshow(np.eye(2)), label="K"),
    ),
}


@pytest.mark.parametrize("name", FEATURES)
def test_features_are_not_kinds_or_series(name):
    """Error bars, reference lines, bands and colour bars are features of one chart with one series."""
    kind, features, draw = FEATURES[name]
    found = chart(draw)
    assert (found.kind, found.features) == (kind, features)
    assert len(found.series) <= 1


SERIES = {
    "labels": (("a", "b"), lambda axes: (axes.plot([1, 2], label="a"), axes.plot([2, 1], label="b"))),
    "slices": (("a", "b"), lambda axes: axes.pie([1, 2], labels=["a", "b"])),
    "boxes": (("p", "q"), lambda axes: (axes.boxplot([[1, 2, 3], [2, 3, 4]]), axes.set_xticks([1, 2], ["p", "q"]))),
    "violins of categories": (("a", "b", "c"), lambda axes: sns.violinplot(FRAME, x="kind", y="value", ax=axes)),
    "areas": (("u", "v"), lambda axes: axes.stackplot([1, 2, 3], [1, 2, 3], [1, 1, 1], labels=["u", "v"])),
    "containers": (("x", "y"), lambda axes: (axes.bar([0], [1], label="x"), axes.bar([1], [1], label="y"))),
    "bars one by one": (("",), lambda axes: [axes.bar(place, 2) for place in range(3)]),
    "legend": (("x", "y"), lambda axes: sns.barplot(FRAME, x="kind", y="value", hue="half", ax=axes)),
}


@pytest.mark.parametrize("name", SERIES)
def test_series_have_the_names_of_the_legend_or_the_axis(name):
    """A series is named by its label, else by its category, else by the legend."""
    names, draw = SERIES[name]
    assert chart(draw).series == names


def test_colour_bars_are_recognized():
    """The Axes of a colour bar is recognized also where the author made it."""
    figure, grid = plt.subplots(1, 3)
    image = grid[0].imshow(np.eye(2))
    figure.colorbar(image, cax=grid[1])
    assert [is_colorbar(axes) for axes in grid] == [False, True, False]
    assert is_colorbar(figure.colorbar(image, ax=grid[2]).ax)


def test_error_bars_of_a_point_plot_are_no_reference_lines():
    """They go through the points of the line, which a reference line spans."""
    assert chart(lambda axes: sns.pointplot(FRAME, x="kind", y="value", ax=axes)).features == ("error bars",)


def test_an_inset_is_a_feature():
    """Its data is not counted as a panel."""
    found = chart(lambda axes: (axes.plot([1, 2]), axes.inset_axes([0.5, 0.5, 0.4, 0.4]).plot([1, 2])))
    assert (found.kind, found.features) == ("Line plot", ("an inset",))


def test_a_diagram_has_its_words():
    """What cannot be named is described by its labels."""
    found = chart(lambda axes: (axes.add_patch(Circle((0, 0), 1)), axes.text(0, 0, "Read"), axes.text(1, 0, "Write")))
    assert (found.kind, found.series, found.noun) == ("Diagram", ("Read", "Write"), "labels")


def test_a_colour_bar_of_a_mappable_is_a_feature():
    """As GeoPandas draws it, and many examples: the artists of the Axes do not know it."""

    def draw(axes):
        axes.plot([1, 2])
        axes.figure.colorbar(ScalarMappable(), ax=axes, label="Year")

    assert chart(draw).features == ("a colour bar for Year",)
