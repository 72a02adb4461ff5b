"""Time as the interfaces write it: RFC 3339 in UTC, and durations such as "30d". Any process."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime, timezone

from ..errors import InvalidDuration

Clock = Callable[[], float]
"""Seconds since the epoch; the seam that lets a test move time."""

NEVER = "never"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"([0-9]{1,9})\s*([smhdw])")
_LONGEST = 100 * 365 * 86_400

system_clock: Clock = time.time


def parse_duration(text: str | float) -> float:
    """Seconds of ``"90s"``, ``"20m"``, ``"12h"``, ``"7d"``, ``"2w"`` or of a plain number.

    Raises
    ------
    InvalidDuration
        For anything else, for zero and for more than a hundred years.
    """
    seconds: float | None = None
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        seconds = text
    elif isinstance(text, str) and (match := _DURATION.fullmatch(text.strip())):
        seconds = float(match[1]) * _UNITS[match[2]]
    if seconds is None or not 0 < seconds <= _LONGEST:
        raise InvalidDuration(f'{text!r:.60} is not a duration; write it like "90s", "20m", "12h" or "7d".')
    return float(seconds)


def parse_expiry(value: object, now: float) -> float | None:
    """The end, in seconds since the epoch, of a duration, an RFC 3339 time or ``"never"`` (None).

    Raises
    ------
    InvalidDuration
        For anything else, for a time that has passed and for one more than a hundred years ahead.
    """
    if value == NEVER:
        return None
    if isinstance(value, str) and "-" in value:
        try:
            end = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError as error:
            raise InvalidDuration(f"{value!r:.60} is not an RFC 3339 time.") from error
        stamp = (end if end.tzinfo else end.replace(tzinfo=timezone.utc)).timestamp()
        if stamp <= now:
            raise InvalidDuration(f"{value!r:.60} has passed; name a time to come.")
        if stamp > now + _LONGEST:
            raise InvalidDuration(f'{value!r:.60} is more than a hundred years ahead; "never" is for that.')
        return stamp
    if isinstance(value, (str, int, float)):
        return now + parse_duration(value)
    raise InvalidDuration(f'{value!r:.60} is not a duration; write it like "12h", "7d" or "never".')


def rfc3339(stamp: float | None) -> str | None:
    """``stamp`` (seconds since the epoch) in UTC with milliseconds, None for None."""
    if stamp is None:
        return None
    text = datetime.fromtimestamp(stamp, tz=timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
