from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from jupyter_figserve.model.figures import ALT_LENGTH, TITLE_LENGTH, validate_single_line
from jupyter_figserve.plotting.describe import describe, describe_figure, one_line


@pytest.fixture(autouse=True)
def own_matplotlib():
    """Close the figures of each test."""
    mpl.use("Agg")
    yield
    plt.close("all")


@pytest.fixture
def panel():
    return Figure().add_subplot()


def alt(axes):
    return describe_figure(axes.figure)[1]


KINDS = {
    "Line plot": lambda axes: axes.plot([1, 2]),
    "Scatter plot": lambda axes: axes.scatter([1, 2], [1, 2]),
    "Scatter and line plot": lambda axes: (axes.scatter([1, 2], [1, 2]), axes.plot([1, 2])),
    "Bar chart": lambda axes: axes.bar(["a", "b"], [1, 2]),
    "Histogram": lambda axes: axes.hist([1, 2, 2, 3]),
    "Pie chart": lambda axes: axes.pie([1, 2]),
    "Image": lambda axes: axes.imshow(np.eye(3)),
    "Heat map": lambda axes: axes.pcolormesh(np.eye(3)),
    "Contour plot": lambda axes: axes.contour(np.arange(9).reshape(3, 3)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_are_detected_by_their_artists(kind, panel):
    """The artists decide which kind of chart the sentence names."""
    KINDS[kind](panel)
    assert alt(panel) == f"{kind}."


def test_histograms_drawn_as_steps_are_histograms(panel):
    """``histtype="stepfilled"`` and ``stairs`` have no bars; stairs are still recognized."""
    panel.stairs([1, 2, 3])
    assert alt(panel) == "Histogram."


def test_three_dimensional_axes_are_recognized():
    """A 3D Axes is a 3D plot, regardless of its artists."""
    figure = plt.figure()
    figure.add_subplot(projection="3d").plot([1, 2], [1, 2], [1, 2])
    assert describe_figure(figure)[1] == "3D plot."


def test_everything_known_is_in_the_sentence(panel):
    """Kind, title, axis labels and named series make one sentence."""
    for name, shift in (("Bear", -0.2), ("Deer", 0.2)):
        panel.bar(np.arange(3) + shift, [1, 2, 3], width=0.3, label=name)
    panel.set(title="Sightings", xlabel="month", ylabel="animals")
    assert alt(panel) == "Bar chart “Sightings”: animals against month, 2 series (Bear, Deer)."


def test_series_without_names_are_counted(panel):
    """Unlabelled lines are reported as a number."""
    panel.plot(np.ones((3, 8)))
    assert alt(panel) == "Line plot: 8 series."


def test_one_label_is_enough(panel):
    """A single axis label is enough for a sentence."""
    panel.set_ylabel("euros")
    panel.plot([1, 2])
    assert alt(panel) == "Line plot: euros."


def test_panels_are_counted_by_kind():
    """Several Axes are summarized by kind, without colour bars."""
    figure, grid = plt.subplots(1, 3)
    grid[0].plot([1, 2])
    grid[1].plot([1, 2])
    figure.colorbar(grid[2].imshow(np.eye(2)))
    grid[0].set_title("left")
    figure.suptitle("All")
    assert describe_figure(figure) == ("All", "3 panels “All”: 2 line plots, image; left.")


def test_an_empty_figure_has_no_description(panel):
    """Empty figures and empty Axes have no description."""
    assert describe_figure(Figure()) == ("", "")
    assert describe_figure(panel.figure) == ("", "")


def test_titles_come_from_the_figure_first(panel):
    """The figure's title takes precedence over the Axes' (at any position), and that over the label."""
    panel.figure.set_label("label")
    assert describe_figure(panel.figure)[0] == "label"
    panel.set_title("on the right", loc="right")
    assert describe_figure(panel.figure)[0] == "on the right"
    panel.figure.suptitle("above all")
    assert describe_figure(panel.figure)[0] == "above all"
    assert describe_figure(panel.figure, "the library's")[0] == "the library's"


def test_several_titles_are_no_title():
    """The title is not guessed from several Axes."""
    figure, grid = plt.subplots(1, 2)
    grid[0].set_title("a")
    grid[1].set_title("b")
    assert describe_figure(figure)[0] == ""


@pytest.mark.parametrize("text", ["two\nlines", "tab\tand  spaces ", "bell\x07", "half \ud800", "x" * 5000])
def test_text_passes_the_servers_check(text, panel):
    """Any title becomes a line that the server accepts."""
    panel.set_title(text)
    panel.set_xlabel(text)
    title, sentence = describe_figure(panel.figure)
    assert validate_single_line(title, "title", TITLE_LENGTH) == title != ""
    assert validate_single_line(sentence, "alt", ALT_LENGTH) == sentence != ""


def test_one_line_cuts_with_an_ellipsis():
    """Long text is cut to the limit with an ellipsis; values that are not strings become empty."""
    assert one_line("abc def", 5) == "abc…"
    assert one_line(None, 5) == ""


def test_a_failing_description_does_not_fail_the_publish(panel):
    """Errors while describing a figure are ignored."""
    panel.get_children = lambda: 1 / 0
    panel.plot([1, 2])
    assert describe_figure(panel.figure) == ("", "")
    assert describe(object()) == ("", "")
