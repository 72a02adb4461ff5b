"""Titles and other texts of a figure as plain lines."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from jupyter_figserve.plotting.figure_texts import find_axes_title, find_heading, plain_line


@pytest.mark.parametrize(
    ("text", "line"),
    [("$x^2$\nof  all", "x² of all"), ("abcdefghi", "abcdefghi"), ("abcdefghij", "abcdefgh…"), (None, ""), (3, "")],
)
def test_line_is_plain_and_short(text, line):
    """Line breaks and mathtext are gone, what is too long is cut, and anything but a string is empty."""
    assert plain_line(text, 9) == line


@pytest.mark.parametrize("place", ["center", "left", "right"])
def test_title_of_axes_is_found_at_each_place(place):
    """The first of the three that there is."""
    axes = Figure().subplots()
    assert find_axes_title(axes, 100) == ""
    axes.set_title("$x^2$", loc=place)
    assert find_axes_title(axes, 100) == "x²"


def test_heading_is_that_of_the_figure():
    """Not the title of its Axes."""
    figure = Figure()
    figure.subplots().set_title("Axes")
    assert find_heading(figure, 100) == ""
    figure.suptitle("All\nof it")
    assert find_heading(figure, 100) == "All of it"
