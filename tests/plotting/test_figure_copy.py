"""Copies of figures, which pyplot does not know."""

from __future__ import annotations

import threading

import matplotlib as mpl
from matplotlib import pyplot as plt

from jupyter_figserve.plotting.figure_copy import copy_figure, is_blank

from ..example_figures import line


def test_a_copy_outlives_its_figure():
    """It stays as it was; the figure stays with pyplot, and the copy is unknown there."""
    mpl.use("Agg")
    figure = line()
    number, manager = figure.number, figure.canvas.manager
    copy = copy_figure(figure)
    assert figure.canvas.manager is manager
    assert plt.get_fignums() == [number]
    figure.clear()
    assert (is_blank(figure), is_blank(copy)) == (True, False)
    assert copy.axes[0].get_title() == "Waves"
    plt.close(figure)


def test_code_of_the_notebook_is_copied():
    """A formatter may be a lambda."""
    figure = line()
    figure.axes[0].xaxis.set_major_formatter(lambda x, _: f"day {x:.0f}")
    assert copy_figure(figure).axes[0].xaxis.get_major_formatter()(3) == "day 3"
    plt.close(figure)


def test_what_cannot_be_copied():
    """There is no copy, and the figure stays with pyplot."""
    figure = line()
    figure.axes[0].lock = threading.Lock()
    assert copy_figure(figure) is None
    assert plt.get_fignums() == [figure.number]
    plt.close(figure)
