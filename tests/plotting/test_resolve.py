from __future__ import annotations

import io
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import animation
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from jupyter_figserve.errors import OutputInvalid
from jupyter_figserve.plotting.encode import encode
from jupyter_figserve.plotting.resolve import find_figure

from ..conftest import require_package
from .test_encode import pixels

TABLE = pd.DataFrame({"x": [1, 2, 3, 4], "y": [1.0, 4.0, 9.0, 16.0], "kind": ["a", "b", "a", "b"]})
# Deprecated calls between these libraries are not ours to fix.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:seaborn"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning:seaborn"),
    pytest.mark.filterwarnings("ignore::FutureWarning:seaborn"),
    pytest.mark.filterwarnings("ignore::FutureWarning:plotnine"),
]


def axes():
    return plt.figure().add_subplot()


def subfigure_axes():
    return plt.figure().subfigures(1, 2)[1].subfigures(2, 1)[0].add_subplot()


ARTISTS = {
    "figure": lambda: plt.figure(),
    "figure without pyplot": lambda: Figure(),
    "axes": axes,
    "subfigure": lambda: plt.figure().subfigures(1, 2)[0],
    "axes of a nested subfigure": subfigure_axes,
    "line list": lambda: axes().plot([1, 2]),
    "line of a nested subfigure": lambda: subfigure_axes().plot([1, 2])[0],
    "scatter": lambda: axes().scatter([1, 2], [1, 2]),
    "image": lambda: axes().imshow(np.eye(3)),
    "bars": lambda: axes().bar([1, 2], [1, 2]),
    "error bars": lambda: axes().errorbar([1, 2], [1, 2], yerr=1),
    "stem": lambda: axes().stem([1, 2]),
    "histogram": lambda: axes().hist([1, 2, 3]),
    "stacked histogram": lambda: axes().hist([[1, 2, 3], [2, 3, 4]], stacked=True),
    "box plot": lambda: axes().boxplot([1, 2, 3]),
    "violins": lambda: axes().violinplot([1, 2, 3]),
    "pie": lambda: axes().pie([1, 2]),
    "contours": lambda: axes().contourf(np.eye(3)),
    "stream plot": lambda: axes().streamplot(np.arange(3), np.arange(3), np.ones((3, 3)), np.ones((3, 3))),
    "colorbar": lambda: plt.colorbar(axes().imshow(np.eye(3))),
    "title": lambda: axes().set_title("title"),
    "legend": lambda: axes().legend([]),
    "subplots": lambda: plt.subplots(2, 2),
    "mosaic": lambda: plt.subplot_mosaic("ab;cc"),
    "grid of axes": lambda: plt.figure().subplots(3, 2),
    "nested lists": lambda: [[axes().plot([1, 2])], ()],
    "pandas plot": lambda: TABLE.plot(x="x", y="y"),
    "pandas subplots": lambda: TABLE[["x", "y"]].plot(subplots=True),
    "pandas histograms": lambda: TABLE.hist(),
    "pandas scatter matrix": lambda: pd.plotting.scatter_matrix(TABLE[["x", "y"]]),
    "pandas series of axes": lambda: TABLE.groupby("kind").boxplot(column="y"),
    "pandas series' groups": lambda: TABLE.groupby("kind")["y"].plot(),
}


@pytest.mark.parametrize("make", ARTISTS.values(), ids=ARTISTS.keys())
def test_results_of_plotting_calls_lead_to_the_figure(make):
    """Every return value of a matplotlib or pandas call resolves to the figure drawn on."""
    obj = make()
    encoded = encode(obj)
    assert isinstance(encoded.figure, Figure)
    if plt.get_fignums():
        assert encoded.figure is plt.gcf()
    else:
        assert encoded.figure is obj


def seaborn_objects(method):
    seaborn = require_package("seaborn")
    makers = {
        "axes": lambda: seaborn.scatterplot(TABLE, x="x", y="y", hue="kind"),
        "facets": lambda: seaborn.relplot(TABLE, x="x", y="y", col="kind"),
        "joint": lambda: seaborn.jointplot(TABLE, x="x", y="y"),
        "pairs": lambda: seaborn.pairplot(TABLE),
        "clusters": lambda: seaborn.heatmap(TABLE[["x", "y"]]),
    }
    return makers[method]()


@pytest.mark.parametrize("method", ["axes", "facets", "joint", "pairs", "clusters"])
def test_seaborn_gives_its_figure(method):
    """Axes-level functions and all grids are accepted."""
    obj = seaborn_objects(method)
    assert encode(obj).figure is plt.gcf()


def test_seaborn_cluster_grids_give_their_figure():
    """A ClusterGrid is accepted if scipy, which seaborn needs for it, is installed."""
    require_package("scipy")
    grid = require_package("seaborn").clustermap(TABLE[["x", "y"]])
    assert encode(grid).figure is grid.figure


def test_seaborn_objects_are_rendered_with_their_theme():
    """A seaborn.objects.Plot is compiled once, with its legend inside the image, and rcParams are unchanged."""
    objects = require_package("seaborn.objects")
    plot = objects.Plot(TABLE, x="x", y="y", color="kind").add(objects.Dot()).label(title="Dots")
    before = dict(mpl.rcParams)
    encoded = encode(plot)
    assert encoded.title == "Dots"
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []
    plain = encode(objects.Plot(TABLE, x="x", y="y").add(objects.Dot()))
    assert encoded.images[0].width > plain.images[0].width
    assert encode(plot.plot()).images[0].width == encoded.images[0].width


def test_plotnine_is_rendered_as_it_saves():
    """A ggplot renders the pixels of its own save, leaves no figure open, and is not changed."""
    plotnine = require_package("plotnine")
    plot = plotnine.ggplot(TABLE, plotnine.aes("x", "y")) + plotnine.geom_point() + plotnine.labs(title="Points")
    before = dict(mpl.rcParams)
    encoded = encode(plot)
    assert encoded.title == "Points"
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []
    assert not hasattr(plot, "figure")
    buffer = io.BytesIO()
    plot.save(buffer, "png", verbose=False)
    assert np.array_equal(pixels(encoded.images[0].data), pixels(buffer.getvalue()))


def test_plotnine_compositions_are_rendered():
    """Two ggplots side by side are one image."""
    plotnine = require_package("plotnine")
    plot = plotnine.ggplot(TABLE, plotnine.aes("x", "y")) + plotnine.geom_point()
    assert isinstance(encode(plot | plot).figure, Figure)
    assert plt.get_fignums() == []


def test_animations_give_their_first_frame():
    """An animation that was never shown is rendered with the artists of its first frame."""
    figure, panel = plt.subplots()
    (curve,) = panel.plot([], [])
    shown = animation.FuncAnimation(figure, lambda frame: curve.set_data([0, 1], [0, frame + 1]), frames=3)
    assert encode(shown).figure is figure
    assert list(curve.get_ydata()) == [0, 1]


@pytest.mark.parametrize("blit", [False, True])
def test_a_first_frame_is_not_the_empty_one(blit):
    """An ``init_func`` removes the data, and the artists of an ArtistAnimation are hidden at first."""
    figure, panel = plt.subplots()
    (curve,) = panel.plot([1, 2])

    def empty():
        curve.set_data([], [])
        return [curve]

    def update(frame):
        curve.set_data([0, 1], [0, frame + 1])
        return [curve]

    started = animation.FuncAnimation(figure, update, init_func=empty, frames=3, blit=blit)
    assert encode(started, ("svg",)).figure is figure
    assert list(curve.get_ydata()) == [0, 1]
    started._draw_frame(2)
    assert encode(started, ("svg",)).figure is figure
    assert list(curve.get_ydata()) == [0, 3]
    figure, panel = plt.subplots()
    first, second = panel.plot([1, 2], [1, 2], [1, 2], [2, 1])
    artists = animation.ArtistAnimation(figure, [[first], [second]], blit=blit)
    assert encode(artists, ("jpg",)).figure is figure
    assert (first.get_visible(), second.get_visible()) == (True, False)


def test_none_is_the_current_figure():
    """Without an argument, the current pyplot figure is used."""
    plt.figure()
    current = plt.figure()
    plt.figure(1)
    plt.figure(2)
    assert find_figure(None).figure is current


def test_a_missing_current_figure_is_reported():
    """None is refused when no figure is open, and no empty one is created."""
    with pytest.raises(OutputInvalid, match=r"There is no current figure\. Draw"):
        encode(None)
    assert plt.get_fignums() == []


def test_without_pyplot_there_is_no_current_figure():
    """None is refused in a process that has not loaded pyplot, and does not load it."""
    program = """
import sys
from jupyter_figserve.plotting.encode import encode
try: encode(None)
except Exception as error: print(type(error).__name__, "matplotlib" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["OutputInvalid", "False"]


def test_attributes_of_other_libraries_lead_to_the_figure():
    """Objects that hold their figure or Axes under a usual name, such as scikit-learn's displays, are accepted."""
    panel = axes()
    for name, value in {"figure_": panel.figure, "ax": panel, "fig": panel.figure}.items():
        display = type("Display", (), {name: value})()
        assert find_figure(display).figure is panel.figure


def test_several_figures_are_rejected():
    """The figure is not guessed from several."""
    with pytest.raises(OutputInvalid, match="This list contains 2 figures"):
        encode([axes(), axes()])
    with pytest.raises(OutputInvalid, match="This Series contains 2 figures"):
        encode(TABLE.groupby("kind").plot(x="x", y="y"))


def test_artists_on_no_figure_are_rejected():
    """An artist that was never added, or was removed, is refused with that reason."""
    with pytest.raises(OutputInvalid, match="does not belong to a figure"):
        encode(plt.Line2D([0], [0]))


class Hostile:
    def __getattr__(self, name):
        raise RuntimeError(name)


@pytest.mark.parametrize(
    "obj",
    [3, "text", [], {}, [1, [2]], object(), np.eye(3), Hostile(), Figure, plt, lambda: 1],
    ids=lambda obj: type(obj).__name__,
)
def test_anything_else_is_rejected_by_its_type(obj):
    """The error names the type and the accepted types."""
    with pytest.raises(OutputInvalid, match=f"object of type {type(obj).__name__}. Pass a matplotlib figure"):
        encode(obj)


def test_recursive_collections_are_rejected():
    """A list that contains itself is refused, without an infinite loop."""
    loop = []
    loop += [loop, loop]
    with pytest.raises(OutputInvalid, match="object of type list"):
        encode(loop)
