"""A detached function outside its kernel: called with JSON values, with the kernel's drawing state."""

from __future__ import annotations

from datetime import date
from enum import Enum

import cloudpickle
import matplotlib
import pytest

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.plotting.detached import DetachedFunction
from jupyter_figserve.plotting.drawing_state import DrawingState
from jupyter_figserve.plotting.signatures import read_signature


class Colour(Enum):
    RED = "r"
    BLUE = "b"


def draw(colour: Colour = Colour.RED, day: date = date(2024, 1, 1), n=(0, 10), x: list[float] = []):  # noqa: B006
    return colour, day, n, x


def travelled(function, state=None) -> DetachedFunction:
    made = DetachedFunction(function, read_signature(function), state or DrawingState())
    found: DetachedFunction = cloudpickle.loads(cloudpickle.dumps(made))
    return found


def test_json_values_are_converted():
    """As in its kernel: enumeration members, dates, abbreviated defaults."""
    function = travelled(draw)
    assert function(colour="BLUE", day="2024-02-03", x=[1]) == (Colour.BLUE, date(2024, 2, 3), 5, [1])
    assert function() == (Colour.RED, date(2024, 1, 1), 5, [])


def test_values_are_validated():
    """The function receives only values that it allows; a missing value is reported as missing."""
    with pytest.raises(InvalidInput, match="RED, BLUE"):
        travelled(draw)(colour="GREEN")
    with pytest.raises(InvalidInput, match="n is missing"):
        travelled(lambda n: n)()


def test_the_drawing_state_travels_with_the_function():
    """The process that calls it establishes the state first."""
    with matplotlib.rc_context({"lines.linewidth": 7}):
        function = travelled(lambda: matplotlib.rcParams["lines.linewidth"], DrawingState.capture(None))
    with function.state.applied():
        assert function() == 7
