"""A detached function outside its kernel: called with JSON values, with the kernel's rcParams."""

from __future__ import annotations

from datetime import date
from enum import Enum

import cloudpickle
import matplotlib
import pytest

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.plotting.detached import DetachedFunction, changed_rcparams
from jupyter_figserve.plotting.signatures import read_signature


class Colour(Enum):
    RED = "r"
    BLUE = "b"


def draw(colour: Colour = Colour.RED, day: date = date(2024, 1, 1), n=(0, 10), x: list[float] = []):  # noqa: B006
    return colour, day, n, x


def travelled(function, looks=None) -> DetachedFunction:
    made = DetachedFunction(function, read_signature(function), looks or {})
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


def test_changed_rcparams_are_applied():
    """Only rcParams that affect the image are kept; those unknown to this matplotlib are ignored."""
    with matplotlib.rc_context({"lines.linewidth": 7, "toolbar": "None"}):
        looks = changed_rcparams()
    assert looks["lines.linewidth"] == 7
    assert not {"toolbar", "backend", "interactive"} & looks.keys()
    with matplotlib.rc_context():
        function = travelled(lambda: matplotlib.rcParams["lines.linewidth"], looks | {"no.such": 1})
        assert function() == 7
