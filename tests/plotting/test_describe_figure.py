from __future__ import annotations

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from jupyter_figserve.model.texts import MAX_ALT_LENGTH, MAX_TITLE_LENGTH, validate_single_line
from jupyter_figserve.plotting.describe_figure import describe_figure


@pytest.fixture
def panel():
    return Figure().add_subplot()


def alt(axes):
    return describe_figure(axes.figure)[1]


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


def test_colour_bars_are_features_wherever_they_are_rendered():
    """A colour bar in an Axes of its own is no panel; its label explains the colours."""
    figure, grid = plt.subplots(1, 2)
    figure.colorbar(grid[0].imshow(np.eye(2)), cax=grid[1], label="kelvin")
    assert describe_figure(figure)[1] == "Image with a colour bar for kelvin."


def test_twins_are_one_panel(panel):
    """Axes that share their place are one panel with a second axis, and both labels are mentioned."""
    panel.plot([1, 2])
    panel.set(xlabel="month", ylabel="cost")
    twin = panel.twinx()
    twin.bar([0, 1], [3, 4])
    twin.set_ylabel("visitors")
    assert alt(panel) == "Line plot and bar chart with a second y axis: cost and visitors against month, 2 series."


def test_axes_without_data_are_not_counted():
    """Panels that were left empty are no panels, and labels of the whole figure count."""
    figure, grid = plt.subplots(2, 2)
    grid[0, 0].plot([1, 2])
    figure.supxlabel("month")
    assert describe_figure(figure)[1] == "Line plot: month."


def test_mathtext_becomes_readable(panel):
    """Titles and labels have the characters that matplotlib draws."""
    panel.plot([1, 2])
    panel.set(title=r"Area $x^2$", xlabel=r"$\Delta t$ ($\mu$s)")
    assert describe_figure(panel.figure) == ("Area x²", "Line plot “Area x²”: Δt (μs).")


def test_names_come_from_the_legend_of_artists_without_labels(panel):
    """Where the artists have no labels, as seaborn's, the legend names the series."""
    bars = [panel.bar([0, 1], [1, 2]), panel.bar([2, 3], [1, 2])]
    panel.legend(bars, ["Bear", "Deer"])
    assert alt(panel) == "Bar chart: 2 series (Bear, Deer)."


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
    assert validate_single_line(title, "title", MAX_TITLE_LENGTH) == title != ""
    assert validate_single_line(sentence, "alt", MAX_ALT_LENGTH) == sentence != ""


def test_a_failing_description_does_not_fail_the_publish(panel):
    """Errors while describing a figure are ignored."""
    panel.get_xlabel = lambda: 1 / 0
    panel.plot([1, 2])
    assert describe_figure(panel.figure) == ("", "")


def test_axes_in_space_have_three_labels():
    """The height is against the other two."""
    axes = Figure().add_subplot(projection="3d")
    axes.scatter([1, 2], [1, 2], [1, 2])
    axes.set(xlabel="east", ylabel="north", zlabel="height")
    assert describe_figure(axes.figure)[1] == "3D scatter plot: height against east and north."


def test_labels_that_a_library_draws_itself():
    """As plotnine does, like its titles."""
    figure = Figure()
    figure.subplots().plot([1, 2])
    assert describe_figure(figure, "Cars", ("Weight", "Mileage"))[1] == "Line plot “Cars”: Mileage against Weight."


def test_a_figure_of_words_has_them():
    """Without any Axes."""
    figure = Figure()
    figure.text(0.5, 0.5, "Hello")
    assert describe_figure(figure)[1] == "Text: Hello."
