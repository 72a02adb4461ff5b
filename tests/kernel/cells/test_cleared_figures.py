"""Figures that a cell clears: their copies show what they showed last."""

from __future__ import annotations

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from jupyter_figserve.kernel.cells.cleared_figures import ClearedFigures


@pytest.fixture(autouse=True)
def closed_figures():
    mpl.use("Agg")
    yield
    plt.close("all")


def titled(title):
    figure = plt.figure()
    figure.suptitle(title)
    return figure


def test_the_last_drawing_counts():
    """Before the last clearing, unless something was drawn afterwards."""
    figure, cleared = titled("first"), ClearedFigures([])
    with cleared.recording():
        plt.clf()
        plt.suptitle("second")
        assert cleared.as_drawn(figure) is figure
        plt.clf()
        plt.clf()
    copy = cleared.as_drawn(figure)
    assert copy.get_suptitle() == "second"
    assert cleared.is_copy(copy, figure)
    assert not cleared.is_copy(figure, figure)


def test_cleared_axes():
    """What ``plt.cla()`` leaves shows nothing; what is drawn on the axes afterwards counts."""
    figure, cleared = plt.figure(), ClearedFigures([])
    with cleared.recording():
        plt.title("first")
        plt.cla()
        assert cleared.as_drawn(figure).axes[0].get_title() == "first"
        plt.plot([1, 2])
        assert cleared.as_drawn(figure) is figure


def test_figures_from_before_the_cell_are_not_copied():
    """``plt.clf()`` at the start of a cell removes what an earlier one drew."""
    figure = titled("older")
    cleared = ClearedFigures([figure])
    with cleared.recording():
        plt.clf()
    assert cleared.as_drawn(figure) is figure


def test_matplotlib_is_as_before():
    """Nothing is recorded afterwards."""
    clear, cla, cleared, figure = Figure.clear, plt.cla, ClearedFigures([]), titled("T")
    with pytest.raises(ZeroDivisionError), cleared.recording():
        raise ZeroDivisionError
    assert (Figure.clear, plt.cla) == (clear, cla)
    plt.clf()
    assert cleared.as_drawn(figure) is figure
