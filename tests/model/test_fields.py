"""Readers of request fields from queries and JSON."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_figserve.errors import Conflict, InvalidInput, TooLarge
from jupyter_figserve.model.fields import (
    bool_field,
    check_field_names,
    choice_field,
    number_field,
    object_field,
    parse_int,
    parse_number,
    read_field,
    size_or_none,
)


def test_unknown_field_names_are_rejected():
    """The message has the first unknown name, shortened, and the allowed ones."""
    check_field_names({"a": 1}, ("a", "b"))
    with pytest.raises(InvalidInput, match=r"^Unknown field 'c'\. The fields are a, b\.$"):
        check_field_names(("d", "c", "a"), ("a", "b"))
    with pytest.raises(InvalidInput) as caught:
        check_field_names(("x" * 10_000,), ("a",))
    assert len(caught.value.message) < 120


@pytest.mark.parametrize("values", [{}, {"n": None}])
def test_missing_and_null_fields_have_the_default(values):
    """The parser does not see them."""
    assert read_field(values, "n", "default", pytest.fail) == "default"
    assert number_field(values, "n", 2.5, 0, 1) == 2.5
    assert bool_field(values, "n") is False
    assert choice_field(values, "n", "a", ("a", "b")) == "a"
    assert object_field(values, "n") == {}


def test_errors_name_the_field_and_its_value():
    """The value is shortened; the code of the error is kept."""

    def refuse(_value: object) -> None:
        raise InvalidInput("expected less.", code="too_much")

    with pytest.raises(InvalidInput, match=r"^n='5': expected less\.$") as caught:
        read_field({"n": "5"}, "n", None, refuse)
    assert caught.value.code == "too_much"
    with pytest.raises(InvalidInput) as caught:
        read_field({"n": "x" * 10_000}, "n", None, refuse)
    assert len(caught.value.message) < 100


def test_other_errors_become_invalid_input():
    """Only ``TooLarge`` keeps its class and message: it names the limit."""

    def conflict(_value: object) -> None:
        raise Conflict("taken.")

    def exceed(_value: object) -> None:
        raise TooLarge("At most 5.")

    with pytest.raises(InvalidInput, match=r"^n=1: taken\.$") as caught:
        read_field({"n": 1}, "n", None, conflict)
    assert caught.value.code == InvalidInput.code
    with pytest.raises(TooLarge, match=r"^At most 5\.$"):
        read_field({"n": 1}, "n", None, exceed)


@pytest.mark.parametrize(("value", "number"), [("0", 0), ("042", 42), (42, 42), (42.0, 42), ("100", 100)])
def test_whole_numbers(value, number):
    """ASCII digits, ints and floats without a fraction."""
    assert parse_int(value, 0, 100) == number
    assert type(parse_int(value, 0, 100)) is int


@pytest.mark.parametrize(
    "value",
    ["", "-1", "+1", " 1", "1.0", "1e2", "1_0", "٣", "9" * 11, "101", 101, -1, 1.5, math.inf, math.nan, True, [1]],
)
def test_other_values_are_no_whole_numbers(value):
    """The message has the range."""
    with pytest.raises(InvalidInput, match=r"^expected a whole number from 0 to 100\.$"):
        parse_int(value, 0, 100)


@pytest.mark.parametrize(("value", "number"), [("0.5", 0.5), ("96", 96), (96, 96), (0.25, 0.25)])
def test_numbers(value, number):
    """Plain decimal text, ints and floats."""
    assert parse_number(value, 0, 100) == number


@pytest.mark.parametrize("value", ["", "-1", "1e1", "nan", "inf", ".5", "5.", "100.1", math.nan, math.inf, True, None])
def test_other_values_are_no_numbers(value):
    """Neither text in another notation nor infinity passes the range."""
    with pytest.raises(InvalidInput, match=r"^expected a number from 0 to 100\.$"):
        parse_number(value, 0, 100)


@given(st.one_of(st.text(), st.floats(), st.integers(), st.booleans(), st.none()))
def test_numbers_are_within_the_range_or_rejected(value):
    """No value passes out of range, and none raises another error."""
    for parse in (parse_int, parse_number):
        with contextlib.suppress(InvalidInput):
            assert 1 <= parse(value, 1, 10) <= 10


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), (False, False), ("", True), ("TRUE", True), ("1", True), ("yes", True), ("on", True)]
    + [("False", False), ("0", False), ("no", False), ("off", False)],
)
def test_booleans(value, expected):
    """In any case, and true for a name without a value."""
    assert bool_field({"b": value}, "b") is expected


@pytest.mark.parametrize("value", ["maybe", 1, 0.0, []])
def test_other_values_are_no_booleans(value):
    """Numbers of JSON included."""
    with pytest.raises(InvalidInput, match=r"^b=.*: expected true or false\.$"):
        bool_field({"b": value}, "b")


def test_choices_and_objects():
    """A refused value is in the message."""
    assert choice_field({"c": "b"}, "c", "a", ("a", "b")) == "b"
    with pytest.raises(InvalidInput, match=r"^c='x': expected one of a, b\.$"):
        choice_field({"c": "x"}, "c", "a", ("a", "b"))
    assert object_field({"o": {"k": 1}}, "o") == {"k": 1}
    with pytest.raises(InvalidInput, match=r"^o=\[\]: expected a JSON object\.$"):
        object_field({"o": []}, "o")


@pytest.mark.parametrize(("value", "size"), [(640, 640.0), (0.5, 0.5), (9_999_999, 9_999_999.0)])
def test_sizes(value, size):
    """Positive numbers below ten million."""
    assert size_or_none(value) == size


@pytest.mark.parametrize("value", [0, -1, 10_000_000, math.nan, math.inf, True, "640", None, {}])
def test_other_values_are_no_sizes(value):
    """They are ignored, not refused."""
    assert size_or_none(value) is None
