"""Panels of a dashboard: accepted and rejected objects, and their names in errors."""

from __future__ import annotations

from typing import Literal

import pytest
from matplotlib.figure import Figure

from jupyter_figserve.errors import InvalidInput, OutputInvalid
from jupyter_figserve.kernel.dashboard import Dashboard
from jupyter_figserve.kernel.dashboards.panels import Panel, lay_out
from jupyter_figserve.kernel.figures.publish import publish
from jupyter_figserve.kernel.live.decorator import live


@live
def mammal(type: Literal["Bear", "Wolf"] = "Bear", since: int = 2010):
    """Animals in front of the camera."""
    return Figure()


@live
def required(since: int):
    return Figure()


def test_each_panel_has_its_kind_and_place():
    """A row may be a single panel, with a share before it; ``Panel`` adds caption and alt text."""
    figure = Figure()
    rows = lay_out(["# All", [(2, figure), mammal.bind(type="Wolf")], [Panel(figure, caption="c", share=3, alt="a")]])
    assert [[(p.place, p.kind, p.share) for p in row] for row in rows] == [
        [("1-1", "text", 1)],
        [("2-1", "figure", 2), ("2-2", "live", 1)],
        [("3-1", "figure", 3)],
    ]
    assert rows[0][0].markdown == "# All"
    assert rows[1][1].fixed == {"type": "Wolf"}
    assert rows[1][1].parameters.names == ("since",)
    assert (rows[2][0].caption, rows[2][0].alt, rows[2][0].to_spec().alt) == ("c", "a", "a")
    assert rows[1][0].to_spec().alt is None


def test_alternative_text_of_each_kind():
    """It comes from the figure, or from the function's docstring; text has none."""
    figure = Figure()
    figure.subplots().set_title("Sightings")
    ((figure_panel, live_panel, text),) = lay_out([[figure, mammal, "text"]])
    assert "Sightings" in figure_panel.alt
    assert live_panel.alt == "Animals in front of the camera."
    assert text.alt == ""


def test_published_figures_keep_their_alt_text(connected, encoder):
    """Published figures keep their alternative text."""
    pub = publish(object(), "sales", alt="Sales rise")
    ((panel,),) = lay_out([[pub]])
    assert (panel.kind, panel.object, panel.alt, panel.summary) == ("figure", pub, "Sales rise", 'figure "sales"')


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("text", "list of lists of panels"),
        (3, "list of lists of panels"),
        ([[]], "Row 1 is empty"),
        ([["ok"], [None]], r"Panel 2-1 \(None\): None is not a panel"),
        ([["ok", 3]], r"Panel 1-2 \(an int\): .*put it before the panel"),
        ([[lambda: None]], r"Panel 1-1 \(a function\): decorate the function with @figserve.live"),
        ([[required]], r'Panel 1-1 \(live figure "required"\): since has no default. .*required.bind\(since=…\)'),
        ([[(0, "x")]], r"Panel 1-1 \(text “x”\): its share must be a number from"),
        ([[(float("nan"), "x")]], "its share must be"),
        ([[" "]], "must be a string with text"),
        ([["x" * 60_000]], r"Panel 1-1 \(text “x+…”\): its text has 60,000 characters"),
        ([[Panel("x", caption=3)]], "caption is of type int"),
        ([[Panel(Figure(), alt="x\0")]], "control characters"),
        ([[Panel(Panel("x"))]], "this is not a figure"),
    ],
)
def test_invalid_panels_are_named(rows, message):
    """The message contains the place, the object and what to do."""
    with pytest.raises(InvalidInput, match=message):
        lay_out(rows)


def test_dashboards_are_not_nested():
    """The panels of a dashboard can be used in another."""
    with pytest.raises(InvalidInput, match=r"Panel 1-1 \(a Dashboard\): .*Use its panels"):
        lay_out([[Dashboard("Inner", [["x"]])]])


def test_an_error_keeps_its_class_and_code():
    """Programs can distinguish errors as without a dashboard."""
    ((panel,),) = lay_out([[Figure()]])
    error = panel.to_error(OutputInvalid("It is empty.", code="no_pixels"))
    assert type(error) is OutputInvalid
    assert (error.message, error.code) == ("Panel 1-1 (a Figure): It is empty.", "no_pixels")
