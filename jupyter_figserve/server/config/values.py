"""Durations and rates in settings. Server process."""

from __future__ import annotations

import limits as rates
from traitlets import TraitError

from ...errors import InvalidDuration
from ...model.times import parse_duration


def seconds_of(duration: str) -> float | None:
    """Return a duration in seconds, None for ``""`` and ``"never"``."""
    return None if duration in ("", "never") else parse_duration(duration)


def check_rate(rate: str) -> str:
    """Return a rate unchanged.

    Raises
    ------
    TraitError
        When it is not written like ``"120/minute"``.
    """
    try:
        if rate:
            rates.parse(rate)
    except ValueError as error:
        raise TraitError(f"{rate!r} is not a rate; write it like '120/minute'.") from error
    return rate


def check_duration(duration: str) -> str:
    """Return a duration unchanged.

    Raises
    ------
    TraitError
        When it is neither a duration, ``""`` nor ``"never"``.
    """
    if duration not in ("", "never"):
        try:
            parse_duration(duration)
        except InvalidDuration as error:
            raise TraitError(error.message) from error
    return duration
