"""Page model of a live figure: the control of each kind of parameter, the image's query, and errors."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Annotated, Literal

import pytest

from jupyter_figserve.model.figures import Identity
from jupyter_figserve.model.live import LiveDeclaration, LiveFigureRecord
from jupyter_figserve.model.parameters import Range
from jupyter_figserve.plotting.signatures import read_signature
from jupyter_figserve.server.services.live.registry import LiveTarget
from jupyter_figserve.server.web.live.form import build_page, make_control


def animal(
    type: Literal["Bear", "Deer"] = "Deer",
    since: Annotated[int, Range(2000, 2022)] = 2010,
    share: Annotated[float, Range(0.0, 1.0)] = 0.5,
    log: bool = False,
    grid: bool | None = None,
    x: list[float] = [1, 2],  # noqa: B006
    both: list[Literal["a,b", "c"]] = ["c"],  # noqa: B006
    day: date = date(2024, 2, 29),
    at: datetime = datetime(2024, 2, 29, 12, 30, 15),
    note: str | None = None,
    size: float = 1.5,
):
    """A parameter of every kind."""


def needy(n: int, width: int = 3):
    """A parameter without a default."""


def target_of(function, **fields) -> LiveTarget:
    declaration = LiveDeclaration(function.__name__, read_signature(function).parameters, **fields)
    return LiveTarget(
        LiveFigureRecord("l1", Identity("me", "", "", "k1", function.__name__), declaration, 0.0, 0.0), declaration
    )


def view_of(function, query=None, **fields):
    target = target_of(function, **fields)
    return build_page(target, target.declaration.parameters, query or {}, address="live/l1")


@pytest.fixture
def controls():
    """The controls of a page without a query, by name."""
    return {one.name: one for one in view_of(animal).controls}


@pytest.mark.parametrize(
    ("name", "kind", "texts", "is_range"),
    [
        ("type", "select", ("Deer",), False),
        ("since", "number", ("2010",), True),
        ("share", "number", ("0.5",), True),
        ("log", "box", ("false",), False),
        ("grid", "select", ("",), False),
        ("x", "text", ("1,2",), False),
        ("both", "select", ("c",), False),
        ("day", "date", ("2024-02-29",), False),
        ("at", "datetime-local", ("2024-02-29T12:30",), False),
        ("note", "text", ("",), False),
        ("size", "number", ("1.5",), False),
    ],
)
def test_each_kind_has_its_control(controls, name, kind, texts, is_range):
    """It shows the default at first."""
    control = controls[name]
    assert (control.kind, control.texts, control.is_range) == (kind, texts, is_range)


def test_step_follows_the_declaration(controls):
    """Whole numbers step by one, a bounded slider has 200 steps, other fields take any number."""
    assert [controls[name].step for name in ("since", "share", "size")] == [1, 0.005, "any"]


def test_options_of_optional_parameters_and_of_lists(controls):
    """None is an option of its own; a comma within a choice is escaped."""
    assert controls["grid"].options == (("", "none"), ("true", "yes"), ("false", "no"))
    assert [label for _, label in controls["both"].options] == ["a,b", "c"]
    assert controls["both"].options[0][0] != "a,b"


def test_query_leaves_defaults_out():
    """The image's query is canonical, even if the page's query has defaults."""
    view = view_of(animal, {"type": ["Bear"], "since": ["2010"]})
    assert (view.query, view.image(), view.image("svg")) == (
        "type=Bear",
        "live/l1.png?type=Bear",
        "live/l1.svg?type=Bear",
    )
    assert json.loads(view.defaults)["type"] == "Deer"
    assert view_of(animal).image() == "live/l1.png"


def test_sizes_are_kept_unless_they_are_parameters():
    """A size that is not a number is dropped."""
    assert view_of(animal, {"width": ["300"], "height": ["x"]}).query == "width=300"
    assert view_of(needy, {"n": ["1"], "width": ["300"]}, sizes=("height", "dpi")).query == "n=1&width=300"


def test_invalid_value_is_shown_to_be_corrected():
    """There is no image, and the error names the parameter."""
    view = view_of(animal, {"since": ["1066"]})
    assert (view.query, "since" in view.error) == (None, True)
    assert {one.name: one.texts for one in view.controls}["since"] == ("1066",)


def test_missing_value_is_not_a_fault_at_first():
    """A required parameter is reported only after the form was filled in."""
    first, later = view_of(needy), view_of(needy, {"width": ["3"]}, sizes=())
    assert (first.query, first.error, bool(later.error)) == (None, "", True)


def test_frame_has_the_query_of_the_image():
    """It is shown without our script."""
    assert view_of(animal).frame == "live/l1.html?_frame=1"
    assert view_of(animal, {"log": ["true"]}).frame == "live/l1.html?log=true&_frame=1"


def test_control_of_several_figures_has_a_prefix():
    """The field has it, the label does not; an invalid value stays as given."""
    item = target_of(animal).declaration.parameters.find("since")
    moved, wrong = make_control(item, ["2004"], prefix="2-1."), make_control(item, ["x"], prefix="2-1.")
    assert (moved.field, moved.label, moved.texts, wrong.texts) == ("2-1.since", "Since", ("2004",), ("x",))
