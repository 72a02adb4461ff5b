"""Readers of request fields: one style of check and of message for query strings and JSON. Any process.

Text from a query and a typed value from JSON are read alike. A field that is missing or null has its default.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from ..errors import FigServeError, InvalidInput, TooLarge

T = TypeVar("T")
Default = TypeVar("Default")
TRUE_WORDS = ("true", "1", "yes", "on")
FALSE_WORDS = ("false", "0", "no", "off")
_INT = re.compile(r"[0-9]{1,10}")
_NUMBER = re.compile(r"[0-9]{1,6}(\.[0-9]{1,4})?")


def check_field_names(names: Iterable[str], allowed: Sequence[str]) -> None:
    """Refuse fields that are not in ``allowed``.

    Raises
    ------
    InvalidInput
        Naming the first unknown field and the allowed ones.
    """
    unknown = sorted(set(names) - set(allowed))
    if unknown:
        raise InvalidInput(f"Unknown field {unknown[0]!r:.60}. The fields are {', '.join(allowed)}.")


def read_field(values: Mapping[str, object], name: str, default: Default, parse: Callable[[Any], T]) -> T | Default:
    """Parse one field, or return ``default``.

    Raises
    ------
    InvalidInput
        The error of ``parse``, beginning with the name and the value.
    TooLarge
        The error of ``parse`` as it is: it names the limit already.
    """
    value = values.get(name)
    if value is None:
        return default
    try:
        return parse(value)
    except TooLarge:
        raise
    except FigServeError as error:
        code = error.code if isinstance(error, InvalidInput) else None
        raise InvalidInput(f"{name}={value!r:.60}: {error.message}", code=code) from error


def int_field(
    values: Mapping[str, object], name: str, default: Default, minimum: int, maximum: int, *, strict: bool = False
) -> int | Default:
    """Read a whole number; ``strict`` refuses text and floats, for fields that come as JSON only."""

    def parse(value: object) -> int:
        if strict and not isinstance(value, int):
            raise _not_int(minimum, maximum)
        return parse_int(value, minimum, maximum)

    return read_field(values, name, default, parse)


def number_field(
    values: Mapping[str, object], name: str, default: Default, minimum: float, maximum: float
) -> float | Default:
    """Read a decimal number."""
    return read_field(values, name, default, lambda value: parse_number(value, minimum, maximum))


def bool_field(values: Mapping[str, object], name: str, default: bool = False) -> bool:
    """Read a switch; a query's name without a value switches it on."""
    return read_field(values, name, default, _parse_bool)


def choice_field(values: Mapping[str, object], name: str, default: str, choices: Sequence[str]) -> str:
    """Read one of a few words."""

    def parse(value: object) -> str:
        if value not in choices:
            raise InvalidInput(f"expected one of {', '.join(choices)}.")
        return str(value)

    return read_field(values, name, default, parse)


def object_field(values: Mapping[str, object], name: str) -> dict[str, Any]:
    """Read a JSON object; empty when the field is missing."""

    def parse(value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise InvalidInput("expected a JSON object.")
        return value

    return read_field(values, name, {}, parse)


def parse_int(value: object, minimum: int, maximum: int) -> int:
    """Return a whole number from text in ASCII digits, an int, or a float without a fraction.

    Raises
    ------
    InvalidInput
        For anything else, and outside of the range.
    """
    number = int(value) if isinstance(value, str) and _INT.fullmatch(value) else value
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool) or not minimum <= number <= maximum:
        raise _not_int(minimum, maximum)
    return number


def parse_number(value: object, minimum: float, maximum: float) -> float:
    """Return a number from plain decimal text, an int or a float.

    Raises
    ------
    InvalidInput
        For anything else, and outside of the range.
    """
    is_plain = isinstance(value, (int, float)) or (isinstance(value, str) and _NUMBER.fullmatch(value))
    number = float(str(value)) if is_plain and not isinstance(value, bool) else math.nan
    if not minimum <= number <= maximum:
        raise InvalidInput(f"expected a number from {minimum:g} to {maximum:g}.")
    return number


def size_or_none(value: object) -> float | None:
    """Return a size that a program reports about its image, None when it cannot be one: it only describes."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < 10_000_000:
        return None
    return float(value)


def _parse_bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in (*TRUE_WORDS, "", *FALSE_WORDS):
        return value.lower() not in FALSE_WORDS
    raise InvalidInput("expected true or false.")


def _not_int(minimum: int, maximum: int) -> InvalidInput:
    return InvalidInput(f"expected a whole number from {minimum} to {maximum:,}.")
