"""Readers of request fields, from query strings and JSON alike. Any process.

A missing field, and one that is null, has its default.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from ..errors import FigServeError, InvalidInput, TooLarge
from .scalars import FALSE_WORDS, TRUE_WORDS

T = TypeVar("T")
Default = TypeVar("Default")
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
        The error of ``parse``, prefixed with the name and the value.
    TooLarge
        The error of ``parse`` unchanged, as it names the limit.
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


def int_field(values: Mapping[str, object], name: str, default: Default, minimum: int, maximum: int) -> int | Default:
    """Read a whole number."""
    return read_field(values, name, default, lambda value: parse_int(value, minimum, maximum))


def number_field(
    values: Mapping[str, object], name: str, default: Default, minimum: float, maximum: float
) -> float | Default:
    """Read a decimal number."""
    return read_field(values, name, default, lambda value: parse_number(value, minimum, maximum))


def bool_field(values: Mapping[str, object], name: str) -> bool:
    """Read a boolean, False when the field is missing; an empty text, as in a query with the name only, is true."""
    return read_field(values, name, False, _parse_bool)


def choice_field(values: Mapping[str, object], name: str, default: str, choices: Sequence[str]) -> str:
    """Read one of the ``choices``."""

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
        For any other value, and for a number out of range.
    """
    number = int(value) if isinstance(value, str) and _INT.fullmatch(value) else value
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool) or not minimum <= number <= maximum:
        raise InvalidInput(f"expected a whole number from {minimum} to {maximum:,}.")
    return number


def parse_number(value: object, minimum: float, maximum: float) -> float:
    """Return a number from plain decimal text, an int or a float.

    Raises
    ------
    InvalidInput
        For any other value, and for a number out of range.
    """
    is_plain = isinstance(value, (int, float)) or (isinstance(value, str) and _NUMBER.fullmatch(value))
    number = float(str(value)) if is_plain and not isinstance(value, bool) else math.nan
    if not minimum <= number <= maximum:
        raise InvalidInput(f"expected a number from {minimum:g} to {maximum:g}.")
    return number


def size_or_none(value: object) -> float | None:
    """Return the size that a client reports for its image; None where it is not valid, as it is only informative."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < 10_000_000:
        return None
    return float(value)


def _parse_bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in (*TRUE_WORDS, "", *FALSE_WORDS):
        return value.lower() not in FALSE_WORDS
    raise InvalidInput("expected true or false.")
