"""Function signatures as parameters: annotations, abbreviations, refused signatures, and conversion of values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, Literal, Optional

import pytest

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.model.parameters import Range
from jupyter_figserve.plotting.signatures import read_signature


class Animal(Enum):
    BEAR = 1
    DEER = 2


def everything(
    type: Literal["Bear", "Deer"] = "Deer",
    level: Literal[1, 2] = 2,
    animal: Animal = Animal.DEER,
    since: Annotated[int, Range(2010, 2022)] = 2012,
    ratio: float = 1,
    log: bool = False,
    day: date = date(2024, 3, 31),
    at: datetime | None = None,
    x: list[float] = [1.0, 2.0],  # noqa: B006 - a live function's default is its own
    y: Sequence[int] = (),
    kinds: tuple[Animal, ...] = (Animal.BEAR,),
    who: Optional[str] = None,  # noqa: UP045 - the older form is used too
    free="text",
    whole=(0, 10),
    part=(0.0, 1.0, 0.25),
    pick=["red", "blue"],  # noqa: B006
    named={"low": object, "high": int},  # noqa: B006
):
    return locals()


NOTHING = object()
SIGNATURE = read_signature(everything)
DEFAULTS = {item.name: item.default for item in SIGNATURE.parameters.items}


def test_string_annotations_are_evaluated():
    """This module has ``from __future__ import annotations``: all annotations are strings."""
    kinds = {item.name: item.kind for item in SIGNATURE.parameters.items}
    assert kinds == {
        "type": "choice", "level": "choice", "animal": "choice", "since": "int", "ratio": "float", "log": "bool",
        "day": "date", "at": "datetime", "x": "float", "y": "int", "kinds": "choice", "who": "str", "free": "str",
        "whole": "int", "part": "float", "pick": "choice", "named": "choice",
    }  # fmt: skip
    assert {item.name for item in SIGNATURE.parameters.items if item.many} == {"x", "y", "kinds"}
    assert {item.name for item in SIGNATURE.parameters.items if item.is_optional} == {"at", "who"}


def test_defaults_and_bounds():
    """As JSON; the default of an abbreviation is its middle or first value."""
    assert DEFAULTS["day"] == "2024-03-31"
    assert (DEFAULTS["animal"], DEFAULTS["kinds"]) == ("DEER", ["BEAR"])
    assert (DEFAULTS["whole"], DEFAULTS["part"], DEFAULTS["pick"], DEFAULTS["named"]) == (5, 0.5, "red", "low")
    since, part = SIGNATURE.parameters.find("since"), SIGNATURE.parameters.find("part")
    assert (since.minimum, since.maximum) == (2010, 2022)
    assert (part.minimum, part.maximum, part.step) == (0.0, 1.0, 0.25)
    assert SIGNATURE.parameters.find("level").schema() == {"enum": [1, 2], "default": 2}


def test_function_receives_its_own_types():
    """Enumeration members, dates, containers and choices as the function declared them."""
    query = "type=Bear&level=1&animal=BEAR&day=2020-01-02&at=2020-01-02T03:04&x=3&y=1,2&kinds=DEER,BEAR&named=high"
    given = {name: [text] for name, text in (pair.split("=") for pair in query.split("&"))}
    got = everything(**SIGNATURE.to_python(SIGNATURE.parameters.parse(given)))
    assert (got["type"], got["level"], got["animal"], got["named"]) == ("Bear", 1, Animal.BEAR, int)
    assert (got["day"], got["at"]) == (date(2020, 1, 2), datetime(2020, 1, 2, 3, 4))
    assert (got["x"], got["y"], got["kinds"]) == ([3.0], [1, 2], (Animal.DEER, Animal.BEAR))
    assert (got["whole"], got["pick"], got["who"]) == (5, "red", None)


def test_python_values_become_json():
    """URLs and locks accept the values that the function accepts."""
    import numpy as np

    values = {
        "animal": Animal.BEAR,
        "day": date(2020, 1, 2),
        "x": np.array([1, 2]),
        "named": int,
        "since": np.int64(2011),
    }
    assert SIGNATURE.from_python(values) == {
        "animal": "BEAR", "day": "2020-01-02", "x": [1.0, 2.0], "named": "high", "since": 2011,
    }  # fmt: skip
    for wrong in ({"since": 1999}, {"animal": "Wolf"}, {"nothing": 1}, {"x": 3}, {"log": None}):
        with pytest.raises(InvalidInput):
            SIGNATURE.from_python(wrong)


def test_local_names_in_annotations():
    """Annotations of a nested function may use local names."""

    class Local(Enum):
        A = 1

    def inner(which: Local = Local.A): ...

    assert read_signature(inner, locals()).parameters.items[0].choices == ("A",)
    with pytest.raises(InvalidInput, match="names 'Local', which is not defined"):
        read_signature(inner)


@pytest.mark.parametrize("word", ["token", "download", "errors", "no_track_activity"])
def test_reserved_names_are_rejected(word):
    """They have a meaning in URLs of Jupyter."""
    namespace: dict[str, Any] = {}
    exec(f"def function({word}=1): ...", namespace)
    with pytest.raises(InvalidInput, match=f"parameter name '{word}' is reserved"):
        read_signature(namespace["function"])


def test_sizes_may_be_the_functions_own():
    """``width`` in a signature is an ordinary parameter."""
    assert read_signature(lambda width=3: None).sizes == ("width",)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda *args: None, r"\*args cannot be written in a URL"),
        (lambda **more: None, r"\*\*more cannot be written"),
        (lambda a, /: None, "a cannot be written"),
        (lambda _a=1: None, "starts with _"),
        (lambda a=NOTHING: None, "which cannot be written in a URL"),
        (lambda a=[]: None, "a needs at least one choice"),
        (lambda a=["x", ""]: None, "no choice may be empty"),
        (lambda a=(3, 1): None, "write the lower one first"),
    ],
)
def test_unsupported_parameters_are_rejected(function, message):
    """At declaration, with the name of the parameter."""
    with pytest.raises(InvalidInput, match=message):
        read_signature(function)


def test_invalid_annotations_are_rejected():
    """Unsupported types, bounds on values without an order, a default outside its bounds."""

    def mapping(a: dict[str, int]): ...
    def either(a: int | str = 1): ...
    def nested(a: list[list[int]]): ...
    def bounded(a: Annotated[str, Range(1, 2)] = "x"): ...
    def beyond(a: Annotated[int, Range(1, 2)] = 3): ...

    for function in (mapping, either, nested, bounded, beyond):
        with pytest.raises(InvalidInput, match=r"\ba\b"):
            read_signature(function)
