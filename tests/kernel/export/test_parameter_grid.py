"""Parameter grids of exports: positions of controls, and thinning."""

from __future__ import annotations

import pytest

from jupyter_figserve.kernel.dashboards.controls import DashboardControl
from jupyter_figserve.kernel.dashboards.panels import LaidOutPanel
from jupyter_figserve.kernel.export.parameter_grid import MAX_POSITIONS, find_axis, make_grid
from jupyter_figserve.model.parameter import Parameter


def axis_of(**parameter):
    return find_axis(DashboardControl("x", Parameter("x", **parameter), ("1-1",), is_shared=False))


@pytest.mark.parametrize(
    ("parameter", "values"),
    [
        ({"kind": "choice", "choices": ("Bear", "Deer"), "default": "Deer"}, ["Bear", "Deer"]),
        ({"kind": "choice", "choices": ("Bear",), "is_optional": True}, [None, "Bear"]),
        ({"kind": "bool", "default": True}, [False, True]),
        ({"kind": "bool", "is_optional": True}, [None, False, True]),
        ({"kind": "int", "minimum": 2, "maximum": 5, "default": 3}, [2, 3, 4, 5]),
        ({"kind": "int", "minimum": 0, "maximum": 10, "step": 4, "default": 4}, [0, 4, 8]),
        ({"kind": "int", "minimum": 0, "maximum": 10, "step": 4, "default": 5}, [0, 4, 5, 8]),
        ({"kind": "float", "minimum": 0.0, "maximum": 0.3, "step": 0.1, "default": 0.1}, [0.0, 0.1, 0.2, 0.3]),
        (
            {"kind": "date", "minimum": "2024-02-28", "maximum": "2024-03-01", "default": "2024-02-28"},
            ["2024-02-28", "2024-02-29", "2024-03-01"],
        ),
    ],
)
def test_axis_positions(parameter, values):
    """All values are listed in order, including a default between two steps."""
    axis = axis_of(**parameter)
    assert list(axis.values) == values
    assert axis.values[axis.first] == parameter.get("default")
    assert axis.is_complete


@pytest.mark.parametrize(
    "parameter",
    [
        {"kind": "str", "default": ""},
        {"kind": "int", "default": 1},
        {"kind": "int", "minimum": 1, "default": 1},
        {"kind": "int", "minimum": 1, "maximum": 3, "many": True, "default": [1]},
        {"kind": "datetime", "default": "2024-01-01T00:00"},
    ],
)
def test_without_positions(parameter):
    """Free text, unbounded numbers and lists stay at their default."""
    assert axis_of(**parameter) is None


@pytest.mark.parametrize(("kind", "step"), [("int", None), ("float", 0.001), ("float", None)])
def test_a_long_line(kind, step):
    """A number with a million values is sampled, including both ends and the default."""
    axis = axis_of(kind=kind, minimum=0, maximum=1_000_000, default=333_333, step=step)
    assert 100 < len(axis.values) <= MAX_POSITIONS
    assert {0, 333_333, 1_000_000} <= set(axis.values)


def grid_of(max_states, **lengths):
    axes = {}
    for name, length in lengths.items():
        if name.startswith("number"):
            parameter = Parameter(name, kind="int", minimum=0, maximum=length - 1, default=length // 3)
        else:
            choices = tuple(f"{name}{number}" for number in range(length))
            parameter = Parameter(name, kind="choice", choices=choices, default=choices[-1])
        axes[name] = find_axis(DashboardControl(name, parameter, ("1-1",), is_shared=True))
    return make_grid(LaidOutPanel("1-1", "live", None), axes, max_states)


def test_a_small_grid_is_complete():
    """Every combination occurs once; the last axis varies fastest."""
    grid = grid_of(6, choice=2, number=3)
    assert grid.count == grid.total == len(list(grid.states())) == 6
    assert list(grid.states())[:2] == [{"choice": "choice0", "number": 0}, {"choice": "choice0", "number": 1}]
    assert list(grid.states())[grid.first] == {"choice": "choice1", "number": 1}


@pytest.mark.parametrize("max_states", [5, 12, 40, 99, 150])
def test_a_large_grid_is_thinned(max_states):
    """The limit is kept; ends and default of each number stay; the default state is rendered."""
    grid = grid_of(max_states, choice=4, number=40, number_two=50)
    states = list(grid.states())
    assert grid.count == len(states) <= max_states
    assert grid.total == 8000
    assert states[grid.first] == {"choice": "choice3", "number": 13, "number_two": 16}
    for axis, rendered in zip(grid.axes, grid.rendered, strict=True):
        assert axis.first in rendered
        assert {0, len(axis.values) - 1} <= set(rendered)


def test_numbers_are_thinned_before_choices():
    """Numbers are thinned before choices are dropped."""
    grid = grid_of(30, choice=8, number=100)
    assert list(map(len, grid.rendered)) == [8, 3]


def test_axes_that_cannot_be_thinned_stay_at_their_default():
    """Choices have no nearest value: such an axis is dropped as a whole."""
    grid = grid_of(10, choice=20, two=3)
    assert [axis.name for axis in grid.held] == ["choice"]
    assert {state["choice"] for state in grid.states()} == {"choice19"}
    assert grid.count == 3


def test_only_its_own_controls():
    """A panel is rendered only for the controls that affect it."""
    axis = axis_of(kind="bool", default=False)
    assert make_grid(LaidOutPanel("2-1", "live", None), {"x": axis}, 9).count == 1
