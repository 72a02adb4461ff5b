"""Parts of figures in a pickle: written once, and made again."""

from __future__ import annotations

import pickle

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.tri import Triangulation

from jupyter_figserve.plotting.pickling import pickle_figure

from ..example_figures import histograms
from .test_pickling import rendered


def test_triangulations():
    """Their compiled parts cannot be pickled, and are made again."""
    x, y = np.random.default_rng(3).random((2, 30))
    figure, axes = plt.subplots(ncols=2)
    triangulation = Triangulation(x, y)
    triangulation.get_trifinder()
    axes[0].tripcolor(triangulation, x * y, shading="gouraud")
    axes[1].tricontourf(triangulation, x + y)
    before = rendered(figure)
    again = pickle.loads(pickle_figure(figure))
    plt.close(figure)
    assert rendered(again) == before
    assert again.axes[0].collections[0]._triangulation.get_trifinder()(0.5, 0.5) >= 0
    assert triangulation._cpp_triangulation is not None


def test_the_figure_itself_is_unchanged():
    """Clip boxes are shared in the pickle, never in the figure."""
    figure = histograms()
    before = rendered(figure)
    boxes = [patch.clipbox for axes in figure.axes for patch in axes.patches]
    pickle_figure(figure)
    assert [patch.clipbox for axes in figure.axes for patch in axes.patches] == boxes
    assert len({id(box) for box in boxes}) == len(boxes)
    assert rendered(figure) == before


def test_equal_clip_boxes_are_written_once():
    """Bars of one Axes share a box, bars of another share another, and a box that differs is kept."""
    figure = histograms()
    first = figure.axes[0]
    first.patches[0].set_clip_path(mpl.patches.Rectangle((0, 0), 0.5, 0.5, transform=first.transAxes))
    again = pickle.loads(pickle_figure(figure))
    ours, others = again.axes[:2]
    assert len({id(patch.clipbox) for patch in ours.patches}) == len(ours.patches)
    assert len({id(patch.clipbox._transform) for patch in ours.patches}) == 2
    assert ours.patches[0].clipbox._transform is not ours.patches[1].clipbox._transform
    assert ours.patches[1].clipbox._transform is not others.patches[1].clipbox._transform
    assert rendered(again) == rendered(figure)
