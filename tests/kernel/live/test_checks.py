"""What ``@figserve.live`` refuses at the declaration, in a sentence, so that nothing wrong is announced."""

from __future__ import annotations

import functools
import inspect
from typing import Annotated, Any

import numpy as np
import pytest

from jupyter_figserve import Range, live
from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.kernel.live.registry import live_functions


class Plot:
    def __call__(self, since: int = 3) -> None:
        """Draw nothing."""


async def frames(since: int = 3):
    yield since


@pytest.mark.parametrize("value", [None, 3, "sales", 1.5, [], {}, np.arange(3), Exception("x")], ids=repr)
def test_other_values_are_no_functions(value: Any):
    """Also None, as of a function that was to return one; options come without it."""
    with pytest.raises(InvalidInput, match="needs a function that draws a figure, not a value of type"):
        live(value)


@pytest.mark.parametrize("value", [int, Plot, Exception])
def test_classes_are_no_functions(value: Any):
    """Calling one makes an object."""
    with pytest.raises(InvalidInput, match="not the class"):
        live(value)


def test_asynchronous_generators_are_refused():
    """As coroutines are."""
    with pytest.raises(InvalidInput, match="frames is an async function"):
        live(frames)


@pytest.mark.parametrize("function", [lambda: 1, Plot(), functools.partial(len)])
def test_functions_without_a_name_need_one(function: Any):
    """The sentence says how to give it."""
    with pytest.raises(InvalidInput, match=r"no name\. Give one: figserve\.live\(name="):
        live(function)


def test_callable_objects_have_parameters():
    """With their annotations, under a given name."""
    assert live(name="plot")(Plot()).parameters.items[0].kind == "int"


def negative(a: Annotated[int, Range(0, 9, step=-1)] = 1): ...


def zero(a: Annotated[int, Range(0, 9, step=0)] = 1): ...


def text(a: Annotated[int, Range(0, 9, step="x")] = 1): ...  # type: ignore[arg-type]


def wide(a=(0, 10**400)): ...


def far(a=(0.0, 1e308, 1e-308)): ...


def surrogate(a="\ud800"): ...


def abbreviated(a=(0, 9, 0)): ...


def many(**_: Any): ...


many.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
    [inspect.Parameter(f"a{number}", inspect.Parameter.KEYWORD_ONLY, default=1) for number in range(101)]
)


@pytest.mark.parametrize("function", [negative, zero, text, wide, far, surrogate, abbreviated, many])
def test_parameters_that_the_server_refuses(function):
    """The server refuses an announcement as a whole: one of these took all live figures of its kernel away."""
    with pytest.raises(InvalidInput):
        live(function)
    assert live_functions.find(function.__name__) is None


@pytest.mark.parametrize("option", ["cache", "timeout", "refresh", "tight", "name"])
@pytest.mark.parametrize(
    "value", [np.arange(3), object(), {}, b"x", -1.5, 10**400], ids=lambda value: type(value).__name__
)
def test_options_of_wrong_types(option, value):
    """Each is refused in a sentence."""
    with pytest.raises(InvalidInput):
        live(**{option: value})(Plot().__call__)
