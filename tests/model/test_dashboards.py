"""Dashboard layouts: validation of the JSON, round trip, and shared controls."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.model.dashboards import MAX_PANELS, MAX_ROWS, Layout, PanelSpec, shared_controls
from jupyter_figserve.model.parameter import Parameter
from jupyter_figserve.model.parameters import Parameters

TEXT = {"kind": "text", "markdown": "# Notes"}
FIGURE = {"kind": "figure", "figure": "abc", "version": 3, "share": 2, "caption": " A\nB ", "alt": " Bears\nin July "}
LIVE = {"kind": "live", "live": "xyz", "values": {"type": "Wolf"}}
SINCE = Parameter("since", "int", 2010)


def layout(*rows, **fields) -> Layout:
    return Layout.from_json({"title": "Sightings", "rows": rows, **fields})


class TestLayout:
    """A layout is validated and survives a round trip through JSON."""

    def test_survives_json(self):
        """What the server stores is what was published."""
        made = layout([FIGURE, TEXT], [LIVE], theme="dark", controls=["since"])
        assert Layout.from_json(made.as_json()) == made

    def test_places_count_rows_and_columns_from_one(self):
        """A panel's place appears in URLs, so it contains no dot and no slash."""
        made = layout([FIGURE, TEXT], [LIVE])
        assert [place for place, _ in made.panels()] == ["1-1", "1-2", "2-1"]
        assert made.find("2-1") == PanelSpec("live", "xyz", values={"type": "Wolf"})
        assert made.find("3-1") is None

    def test_a_caption_is_one_line(self):
        """Line breaks and runs of spaces are one space."""
        assert layout([FIGURE]).rows[0][0].caption == "A B"

    def test_alternative_text_is_one_line_or_absent(self):
        """Empty marks the image as decorative; absent means the figure's own text."""
        given, empty, none = layout([FIGURE, LIVE | {"alt": ""}, LIVE]).rows[0]
        assert (given.alt, empty.alt, none.alt) == ("Bears in July", "", None)

    @pytest.mark.parametrize(
        ("panel", "why"),
        [
            ({}, "kind"),
            (None, "kind"),
            ({"kind": "script"}, "kind"),
            ({"kind": "figure"}, "id of a figure"),
            ({"kind": "figure", "figure": "../etc"}, "id of a figure"),
            ({"kind": "figure", "figure": "a" * 65}, "id of a figure"),
            ({"kind": "figure", "figure": "a", "version": 0}, "version"),
            ({"kind": "figure", "figure": "a", "version": True}, "version"),
            ({"kind": "live", "live": 3}, "id of a live figure"),
            ({"kind": "live", "live": "a", "values": [1]}, "values"),
            ({"kind": "text", "markdown": " "}, "markdown"),
            ({"kind": "text", "markdown": "x" * 50_001}, "50,001 characters"),
            (TEXT | {"share": 0}, "share"),
            (TEXT | {"share": float("nan")}, "share"),
            (TEXT | {"share": True}, "share"),
            (TEXT | {"caption": "x" * 501}, "caption"),
            (TEXT | {"caption": 3}, "caption"),
            (FIGURE | {"alt": "x" * 2_001}, "alternative text"),
            (LIVE | {"alt": 3}, "alternative text"),
        ],
    )
    def test_errors_name_the_panel(self, panel, why):
        """By row and column, as in its URL."""
        with pytest.raises(InvalidInput, match=rf"^Panel 2-1: .*{why}"):
            layout([TEXT], [panel])

    @pytest.mark.parametrize(
        ("fields", "why"),
        [
            ({"title": ""}, "title"),
            ({"title": None}, "title"),
            ({"theme": "neon"}, "theme"),
            ({"controls": "since"}, "controls"),
            ({"controls": [1]}, "controls"),
            ({"rows": []}, "row"),
            ({"rows": [[]]}, "row"),
            ({"rows": "text"}, "row"),
            ({"rows": [[TEXT]] * (MAX_ROWS + 1)}, "at most"),
            ({"rows": [[TEXT] * (MAX_PANELS + 1)]}, "at most"),
        ],
    )
    def test_an_invalid_layout_is_reported(self, fields, why):
        """The message names the field that is wrong."""
        with pytest.raises(InvalidInput, match=why):
            Layout.from_json({"title": "Sightings", "rows": [[TEXT]], **fields})

    def test_is_an_object(self):
        """A list of rows alone is not a layout."""
        with pytest.raises(InvalidInput, match="object"):
            Layout.from_json([])


class TestSharedControls:
    """One control sets a parameter that several panels share."""

    def test_a_parameter_of_two_panels_is_shared(self):
        """Defaults may differ; the control starts with the first."""
        known = {
            "1-1": Parameters((SINCE,)),
            "1-2": Parameters((replace(SINCE, default=2015), Parameter("log", "bool", False))),
        }
        assert shared_controls(layout([LIVE, LIVE]), known) == {"since": ["1-1", "1-2"]}

    def test_parameters_that_differ_are_not_shared(self):
        """One control cannot set a whole number and a decimal one; naming it is an error."""
        known = {"1-1": Parameters((SINCE,)), "1-2": Parameters((replace(SINCE, kind="float"),))}
        assert shared_controls(layout([LIVE, LIVE]), known) == {}
        with pytest.raises(InvalidInput, match="since differs between panels 1-1 and 1-2"):
            shared_controls(layout([LIVE, LIVE], controls=["since"]), known)

    def test_a_named_one_is_shared_even_alone(self):
        """An empty list shares none."""
        known = {"1-1": Parameters((SINCE,))}
        assert shared_controls(layout([LIVE], controls=["since"]), known) == {"since": ["1-1"]}
        assert shared_controls(layout([LIVE], controls=[]), known) == {}

    def test_an_unknown_one_is_rejected(self):
        """The message lists those that there are."""
        with pytest.raises(InvalidInput, match="there are since"):
            shared_controls(layout([LIVE], controls=["when"]), {"1-1": Parameters((SINCE,))})


def test_texts_have_a_limit_together():
    """So that a page of many long texts is rendered in bounded time."""
    panel = {"kind": "text", "markdown": "x" * 50_000}
    assert Layout.from_json({"title": "Board", "rows": [[panel] * 4]})
    with pytest.raises(InvalidInput, match="200,001 characters together; the limit is 200,000"):
        Layout.from_json({"title": "Board", "rows": [[panel] * 4, [{"kind": "text", "markdown": "x"}]]})
