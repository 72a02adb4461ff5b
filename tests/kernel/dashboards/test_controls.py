"""The controls of a dashboard: keys, values and panels."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.kernel.dashboard import Dashboard
from jupyter_figserve.kernel.live.decorator import live
from jupyter_figserve.model.parameters import Range

Year = Annotated[int, Range(2000, 2020)]


@live
def creature(type: Literal["Bear", "Wolf"] = "Bear", since: Year = 2010):
    return None


@live
def plant(since: Year = 2005, log: bool = False):
    return None


@live
def stone(since: int = 1):
    return None


def keys(dashboard: Dashboard) -> dict[str, tuple[str, ...]]:
    return {control.key: control.places for control in dashboard.controls.items}


def test_identical_parameters_are_shared():
    """Shared controls come first; bound parameters have none; the first panel's default applies."""
    dashboard = Dashboard("x", [["text", creature, plant], [creature.bind(type="Wolf")]])
    assert keys(dashboard) == {
        "since": ("1-2", "1-3", "2-1"),
        "1-2.type": ("1-2",),
        "1-3.log": ("1-3",),
    }
    assert dashboard.shared_controls() == {"since": ["1-2", "1-3", "2-1"]}
    assert dashboard.controls.defaults() == {"since": 2010, "1-2.type": "Bear", "1-3.log": False}
    assert dashboard.controls.arguments("1-3", {"since": 2003, "1-3.log": True, "1-2.type": "Wolf"}) == {
        "since": 2003,
        "log": True,
    }


def test_controls_can_be_chosen():
    """Sharing can be disabled or limited to named parameters; incompatible ones are rejected."""
    assert list(keys(Dashboard("x", [[creature, plant]], controls=[]))) == [
        "1-1.type",
        "1-1.since",
        "1-2.since",
        "1-2.log",
    ]
    assert keys(Dashboard("x", [[creature]], controls=["type"]))["type"] == ("1-1",)
    assert list(keys(Dashboard("x", [[creature, stone]]))) == ["1-1.type", "1-1.since", "1-2.since"]
    with pytest.raises(InvalidInput, match="since differs between panels 1-1 and 1-2"):
        Dashboard("x", [[creature, stone]], controls=["since"])
    with pytest.raises(InvalidInput, match="No live panel has a parameter 'nothing'"):
        Dashboard("x", [[creature]], controls=["nothing"])
    with pytest.raises(InvalidInput, match=r"list of names, such as \['since'\]"):
        Dashboard("x", [[creature]], controls="since")


def test_values_are_checked():
    """Text is parsed, missing values get defaults, invalid and unknown ones are rejected."""
    controls = Dashboard("x", [[creature, plant]]).controls
    assert controls.complete({"since": "2001"}) == {"since": 2001, "1-1.type": "Bear", "1-2.log": False}
    with pytest.raises(InvalidInput, match="from 2000 to 2020"):
        controls.complete({"since": 1999})
    with pytest.raises(InvalidInput, match=r"no control 'type'. Its controls are: since, 1-1.type, 1-2.log"):
        controls.complete({"type": "Wolf"})
    with pytest.raises(InvalidInput, match="none"):
        Dashboard("x", [["text"]]).controls.complete({"a": 1})
