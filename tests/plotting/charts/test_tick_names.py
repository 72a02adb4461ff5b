"""Names of ticks: whose they are, and at which positions."""

from __future__ import annotations

import pytest
from matplotlib.axis import Axis
from matplotlib.figure import Figure

from jupyter_figserve.plotting.charts.tick_names import (
    find_categories,
    find_labels_by_place,
    find_set_labels,
    find_tick_names,
    is_categorical,
)


def make_axis(draw) -> Axis:
    axes = Figure().subplots()
    draw(axes)
    return axes.xaxis


def with_function(axes) -> None:
    axes.set_xticks([1, 2])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} km")


def test_categories():
    """Text on an axis; no label was set."""
    axis = make_axis(lambda axes: axes.bar(["a", "b"], [1, 2]))
    assert is_categorical(axis)
    assert find_categories(axis) == {0: "a", 1: "b"}
    assert find_tick_names(axis) == ["a", "b"]
    assert not is_categorical(make_axis(lambda axes: axes.bar([0, 1], [1, 2])))


@pytest.mark.parametrize(
    "draw",
    [
        lambda axes: axes.set_xticks([1, 3], ["p", "q"]),
        lambda axes: (axes.set_xticks([1, 3]), axes.set_xticklabels(["p", "q"])),
        lambda axes: axes.boxplot([[1, 2], [1, 2]], positions=[1, 3], tick_labels=["p", "q"]),
    ],
    ids=["ticks with labels", "labels of ticks", "box plot"],
)
def test_set_labels(draw):
    """By the order of the ticks and by their positions."""
    axis = make_axis(draw)
    assert find_set_labels(axis) == find_tick_names(axis) == ["p", "q"]
    assert find_labels_by_place(axis) == {1: "p", 3: "q"}
    assert find_categories(axis) == {}


def test_empty_labels_are_no_names():
    """A tick without a label keeps its place in the order."""
    axis = make_axis(lambda axes: axes.set_xticks([1, 2, 3], ["p", "", "q"]))
    assert find_set_labels(axis) == ["p", "", "q"]
    assert find_tick_names(axis) == ["p", "q"]
    assert find_labels_by_place(axis) == {1: "p", 3: "q"}


def test_functions_of_values():
    """What a function makes of positions names ticks, but is no label that was set."""
    axis = make_axis(with_function)
    assert find_tick_names(axis) == ["1 km", "2 km"]
    assert find_set_labels(axis) == []
    assert find_labels_by_place(axis) == {}


def test_numbers_have_no_names():
    """Of an axis whose ticks nobody has set."""
    axis = make_axis(lambda axes: axes.plot([1, 2]))
    assert (find_tick_names(axis), find_set_labels(axis), find_labels_by_place(axis)) == ([], [], {})
