"""Finished figures in other styles: colours of the style change, colours of the author stay."""

from __future__ import annotations

import matplotlib
import pytest
from matplotlib import style as styles
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from jupyter_figserve.plotting.restyle import apply_style, restyle


@pytest.fixture
def figure() -> Figure:
    figure = Figure()
    axes = figure.subplots()
    axes.plot([1, 2], label="first")
    axes.plot([2, 1], color="magenta")
    axes.set_title("Title")
    axes.set_xlabel("x", color="green")
    axes.legend()
    return figure


def apply(figure: Figure, name: str) -> dict:
    with matplotlib.rc_context():
        before = matplotlib.rcParams.copy()
        styles.use(name)
        restyle(figure, before, matplotlib.rcParams)
        return matplotlib.rcParams.copy()


def test_a_dark_style_makes_it_dark(figure):
    """Background, axes, text, ticks and lines of the colour cycle."""
    after = apply(figure, "dark_background")
    (axes,) = figure.get_axes()
    assert to_hex(figure.get_facecolor()) == "#000000"
    assert to_hex(axes.get_facecolor()) == "#000000"
    assert to_hex(axes.title.get_color()) == "#ffffff"
    assert to_hex(axes.spines["left"].get_edgecolor()) == "#ffffff"
    assert {to_hex(tick.get_color()) for tick in axes.get_xticklabels()} == {"#ffffff"}
    assert to_hex(axes.lines[0].get_color()) == to_hex(after["axes.prop_cycle"].by_key()["color"][0])


def test_colours_of_the_author_stay(figure):
    """For a line and a label."""
    apply(figure, "dark_background")
    (axes,) = figure.get_axes()
    assert axes.lines[1].get_color() == "magenta"
    assert axes.xaxis.label.get_color() == "green"


@pytest.mark.parametrize("name", ["default", "classic"])
def test_options_of_the_authors_savefig_stay(figure, name):
    """Resolution, crop, margins and a transparent background, which these styles would reset."""
    own = {"savefig.dpi": 55, "savefig.bbox": "tight", "savefig.pad_inches": 0.5, "savefig.transparent": True}
    with matplotlib.rc_context(own):
        apply_style(figure, name)
        assert {key: matplotlib.rcParams[key] for key in own} == own
        assert matplotlib.rcParams["savefig.facecolor"] == styles.library.get(name, {}).get("savefig.facecolor", "auto")


@pytest.mark.parametrize("name", styles.available)
def test_every_style_can_be_applied(figure, name):
    """None of matplotlib's own styles raises."""
    apply(figure, name)
    figure.canvas.draw()
