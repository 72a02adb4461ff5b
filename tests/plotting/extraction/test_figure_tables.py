"""The data of matplotlib figures: what was given to a plotting function comes back as a table."""

from __future__ import annotations

import pickle
from datetime import datetime

import numpy as np
import pandas as pd
import plotnine
import pytest
import seaborn as sns
from matplotlib import pyplot as plt

from jupyter_figserve.errors import Conflict
from jupyter_figserve.plotting.extraction.figure_tables import read_figure
from jupyter_figserve.plotting.resolve import ResolvedFigure, find_figure

NAN = float("nan")
DAYS = pd.date_range("2024-01-01", periods=3)
FRAME = pd.DataFrame({"a": [1, 2], "b": [3, 4]}, index=["r", "s"])
POINTS = pd.DataFrame({"x": [1, 2, 3, 4], "y": [4, 3, 2, 1], "kind": list("pqpq")})


def read(found=None, limit=1_000):
    """Read a figure as the sandbox does: drawn, pickled and opened again."""
    resolved = find_figure(found)
    resolved.figure.draw_without_rendering()
    again = pickle.loads(pickle.dumps(resolved.figure))
    return read_figure(ResolvedFigure(again, labels=resolved.labels, title=resolved.title), limit)


def table(found=None):
    (only,) = read(found).tables
    return only.columns, list(only.rows)


def grouped_bars():
    at = np.arange(2)
    plt.bar(at - 0.2, [1, 2], 0.4, label="m")
    plt.bar(at + 0.2, [4, 5], 0.4, label="w", yerr=[1, 0.5])
    plt.xticks(at, ["G1", "G2"])


def boxes():
    plt.boxplot([[1, 2, 3, 4, 5, 50], [1, 1, 2, 3, 3]], tick_labels=["u", "v"])


DRAWN = {
    "lines": (
        lambda: (plt.plot([1, 2, 3], [1, NAN, 2.5], label="Deer"), plt.plot([1, 2, 3], [3, 2, 1], label="Wolf")),
        ("x", "Deer", "Wolf"), [(1, 1.0, 3), (2, None, 2), (3, 2.5, 1)],
    ),
    "other places": (
        lambda: (plt.plot([1, 2], [3, 4], label="a"), plt.plot([5], [6], "o", label="b")),
        ("series", "x", "y"), [("a", 1, 3), ("a", 2, 4), ("b", 5, 6)],
    ),
    "masked": (lambda: plt.plot(np.ma.masked_array([1, 2], [0, 1])), ("x", "y"), [(0, 1), (1, None)]),
    "step": (lambda: plt.step([1, 2], [3, 1]), ("x", "y"), [(1, 3), (2, 1)]),
    "stem": (lambda: plt.stem([1, 2], [3, 1]), ("x", "y"), [(1, 3), (2, 1)]),
    "log": (lambda: plt.loglog([1, 10], [100, 1000]), ("x", "y"), [(1, 100), (10, 1000)]),
    "reference lines": (lambda: (plt.plot([1, 2]), plt.axhline(9), plt.axvspan(0, 1)), ("x", "y"), [(0, 1), (1, 2)]),
    "dates": (lambda: plt.plot(DAYS, [1, 2, 3]), ("x", "y"), [("2024-01-01", 1), ("2024-01-02", 2), ("2024-01-03", 3)]),
    "times": (lambda: plt.plot([datetime(2024, 1, 1, 12, 30)], [1], "o"), ("x", "y"), [("2024-01-01T12:30:00", 1)]),
    "zones": (
        lambda: plt.plot(pd.date_range("2024-07-01", periods=1, tz="Europe/Berlin"), [1], "o"),
        ("x", "y"), [("2024-07-01T00:00:00+02:00", 1)],
    ),
    "periods of pandas": (
        lambda: pd.Series([1, 2], index=pd.period_range("2024-01", periods=2, freq="M")).plot(),
        ("x", "y"), [("2024-01", 1), ("2024-02", 2)],
    ),
    "categories": (lambda: plt.plot(["a", "b"], [1, 2]), ("x", "y"), [("a", 1), ("b", 2)]),
    "bars": (lambda: plt.bar(["a", "b"], [1, -2]), ("x", "y"), [("a", 1), ("b", -2)]),
    "bars across": (lambda: plt.barh(["a", "b"], [1, 2.5]), ("y", "x"), [("a", 1.0), ("b", 2.5)]),
    "stacked bars": (
        lambda: (plt.bar([0, 1], [1, 2], label="m"), plt.bar([0, 1], [3, 4], bottom=[1, 2], label="w")),
        ("x", "m", "w"), [(0, 1, 3), (1, 2, 4)],
    ),
    "floating bars": (lambda: plt.bar([0], [2], bottom=[3]), ("x", "y start", "y end"), [(0, 3, 5)]),
    "grouped bars": (grouped_bars, ("x", "m", "w", "w low", "w high"), [("G1", 1, 4, 3, 5), ("G2", 2, 5, 4.5, 5.5)]),
    "bars of pandas": (lambda: FRAME.plot.bar(), ("x", "a", "b"), [("r", 1, 3), ("s", 2, 4)]),
    "bars of plotnine": (
        lambda: plotnine.ggplot(POINTS[:2], plotnine.aes("kind", "y")) + plotnine.geom_col(),
        ("kind", "y"), [("p", 4), ("q", 3)],
    ),
    "histogram": (
        lambda: plt.hist([1, 1, 2.5], bins=[0, 1.5, 3]), ("x from", "x to", "count"), [(0.0, 1.5, 2), (1.5, 3.0, 1)]
    ),
    "two histograms": (
        lambda: plt.hist([[0.1, 1.3], [1.3]], bins=[0, 0.7, 1.4], label=["p", "q"]),
        ("x from", "x to", "p", "q"), [(0, 0.7, 1, 0), (0.7, 1.4, 1, 1)],
    ),
    "histograms that seaborn dodges": (
        lambda: sns.histplot(x=[0.1, 1.3, 1.3], hue=list("pqp"), bins=[0, 0.7, 1.4], multiple="dodge"),
        ("x from", "x to", "q", "p"), [(0, 0.7, 0, 1), (0.7, 1.4, 1, 1)],
    ),
    "outlined histogram": (
        lambda: plt.hist([1, 1, 2.5], bins=[0.5, 1.5, 3], histtype="step"),
        ("x from", "x to", "count"), [(0.5, 1.5, 2), (1.5, 3.0, 1)],
    ),
    "stairs": (lambda: plt.stairs([4, 5], [0, 1, 3]), ("x from", "x to", "count"), [(0, 1, 4), (1, 3, 5)]),
    "scatter": (
        lambda: plt.colorbar(plt.scatter([1, 2], [3, 4], c=[0.5, 0.25], s=[10, 20]), label="heat"),
        ("x", "y", "heat", "size"), [(1, 3, 0.5, 10), (2, 4, 0.25, 20)],
    ),
    "groups of seaborn": (
        lambda: sns.scatterplot(POINTS, x="x", y="y", hue="kind"),
        ("x", "y", "kind"), [(1, 4, "p"), (2, 3, "q"), (3, 2, "p"), (4, 1, "q")],
    ),
    "lines of seaborn": (
        lambda: sns.lineplot(POINTS, x="x", y="y", hue="kind"),
        ("series", "x", "y"), [("p", 1, 4), ("p", 3, 2), ("q", 2, 3), ("q", 4, 1)],
    ),
    "error bars": (
        lambda: plt.errorbar([1, 2], [3, 4], yerr=[[0.5, 1], [1, 2]], xerr=0.5),
        ("x", "y", "x low", "x high", "y low", "y high"), [(1, 3, 0.5, 1.5, 2.5, 4), (2, 4, 1.5, 2.5, 3, 6)],
    ),
    "band": (lambda: plt.fill_between([1, 2], [0, 1], [3, 4]), ("x", "y low", "y high"), [(1, 0, 3), (2, 1, 4)]),
    "two bands": (
        lambda: (plt.fill_between([1, 2], 1, [3, 4], label="a"), plt.fill_between([1, 2], 5, [6, 7], label="b")),
        ("x", "a low", "a high", "b low", "b high"), [(1, 1, 3, 5, 6), (2, 1, 4, 5, 7)],
    ),
    "events": (lambda: plt.eventplot([[1, 2], [3]]), ("y", "x"), [(0, 1), (0, 2), (1, 3)]),
    "single precision": (lambda: plt.plot(np.array([0.1], "float32"), [1], "o"), ("x", "y"), [(0.1, 1)]),
    "stepped band": (
        lambda: plt.fill_between([1, 2, 4], [1, 1, 2], [2, 2, 4], step="mid"),
        ("x", "y low", "y high"), [(1, 1, 2), (2, 1, 2), (4, 2, 4)],
    ),
    "stacked areas": (
        lambda: plt.stackplot([1, 2], [1, 2], [4, 5], labels=["a", "b"]), ("x", "a", "b"), [(1, 1, 4), (2, 2, 5)]
    ),
    "areas of pandas": (lambda: FRAME.reset_index(drop=True).plot.area(), ("x", "a", "b"), [(0, 1, 3), (1, 2, 4)]),
    "image": (lambda: plt.imshow([[1, 2.5], [3, NAN]]), ("y \\ x", "0", "1"), [(0, 1.0, 2.5), (1, 3, None)]),
    "picture": (lambda: plt.imshow([[[1.0, 0, 0]]]), ("y \\ x", "0"), [(0, "#ff0000")]),
    "mesh": (lambda: plt.pcolormesh([0, 1, 2], [0, 5], [[1, 2]]), ("y \\ x", "0.5", "1.5"), [(2.5, 1, 2)]),
    "heat map": (lambda: sns.heatmap(FRAME), ("y \\ x", "a", "b"), [("r", 1, 3), ("s", 2, 4)]),
    "pie": (lambda: plt.pie([1, 2, 1], labels=list("abc")), ("slice", "share"), [("a", 0.25), ("b", 0.5), ("c", 0.25)]),
    "segments": (
        lambda: plt.hlines([1, 2], 0, [3, 4]), ("x start", "y start", "x end", "y end"), [(0, 1, 3, 1), (0, 2, 4, 2)]
    ),
    "broken bars": (
        lambda: plt.broken_barh([(1, 2), (5, 1)], (0, 1)), ("y", "x start", "x end"), [(0.5, 1, 3), (0.5, 5, 6)]
    ),
    "arrows": (lambda: plt.quiver([1], [2], [0.5], [0.25]), ("x", "y", "u", "v"), [(1, 2, 0.5, 0.25)]),
    "table": (lambda: plt.table([["1", "2"]], colLabels=["a", "b"]), ("a", "b"), [("1", "2")]),
    "space": (
        lambda: plt.figure().add_subplot(projection="3d").scatter([1], [2], [3]), ("x", "y", "z"), [(1, 2, 3)]
    ),
    "polar": (
        lambda: plt.figure().add_subplot(projection="polar").plot([0, 1], [3, 4]), ("theta", "r"), [(0, 3), (1, 4)]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWN)
def test_the_data_comes_back(name):
    """Each kind of plot gives the table of what it was drawn from."""
    draw, columns, rows = DRAWN[name]
    drawn = draw()
    assert table(drawn if isinstance(drawn, plotnine.ggplot) else None) == (columns, rows)


def test_axis_labels_are_columns():
    """The columns of a single series are named after the axes, and the table after the title."""
    _, axes = plt.subplots()
    axes.plot([1], [2], "o", label="Deer")
    axes.set(xlabel="year", ylabel=r"mass in $\mathrm{kg}$", title="Growth")
    (only,) = read().tables
    assert (only.name, only.columns) == ("Growth", ("year", "mass in kg"))


def test_each_of_the_axes_has_a_table():
    """Subplots, twins and insets have a table each; shared axes share their label, and colour bars are no data."""
    figure, (top, bottom) = plt.subplots(2, 1, sharex=True)
    top.plot([1, 2], [3, 4])
    bottom.bar([1, 2], [5, 6])
    bottom.set(xlabel="t", title="Bars")
    bottom.twinx().plot([1, 2], [7, 8])
    bottom.inset_axes([0.5, 0.5, 0.2, 0.2]).plot([9], [9], "o")
    figure.colorbar(top.scatter([1], [3], c=[0.5]))
    tables = read().tables
    assert [one.name for one in tables] == ["Axes 1, lines", "Axes 1, points", "Bars", "Axes 3", "Axes 4"]
    assert tables[0].columns == ("t", "y")


def test_box_plots_are_five_numbers_and_outliers():
    """A box plot is its whiskers, quartiles and median for each category; outliers are a table of their own."""
    boxes()
    numbers, outliers = read().tables
    assert numbers.columns == ("x", "low", "first quartile", "median", "third quartile", "high")
    assert numbers.rows == (("u", 1.0, 2.25, 3.5, 4.75, 5.0), ("v", 1.0, 1.0, 2.0, 3.0, 3.0))
    assert outliers.rows == (("u", 50),)


def test_rows_are_cut_to_the_limit():
    """Only so many rows are read; the number of all is known."""
    plt.plot(np.arange(5_000))
    (only,) = read(limit=10).tables
    assert (len(only.rows), only.total) == (10, 5_000)


@pytest.mark.parametrize(
    "draw", [lambda: plt.plot([]), lambda: plt.text(0, 0, "a"), lambda: plt.figure(), lambda: plt.contour(np.eye(3))]
)
def test_figures_without_data_say_so(draw):
    """An empty figure, a text and contours have no table."""
    draw()
    with pytest.raises(Conflict, match="no data that could be a table") as caught:
        read()
    assert caught.value.code == "no_data"


def test_what_is_left_out_is_said():
    """Contours next to a line are named in a note."""
    plt.plot([1, 2])
    plt.contourf(np.eye(3))
    assert read().notes == ("Contours are left out: matplotlib keeps only their outlines.",)


def test_a_broken_artist_does_not_hide_the_others(monkeypatch):
    """An artist whose data cannot be read is left out, with a note."""
    plt.bar(["a"], [1])
    plt.plot([0, 1, 2], [1, 3, 2])
    figure = plt.gcf()
    monkeypatch.setattr(type(figure.axes[0].containers[0]), "orientation", property(lambda self: 1 / 0), raising=False)
    data = read_figure(ResolvedFigure(figure), 10)
    assert [one.name for one in data.tables] == ["Lines"]
    assert data.notes == ("Some of the figure's data could not be read.",)
