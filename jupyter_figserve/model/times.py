"""Times in RFC 3339 and UTC, and durations such as "30d". Any process."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime, timezone

from ..errors import InvalidDuration

Clock = Callable[[], float]
"""Returns seconds since the epoch; tests inject their own."""

NEVER = "never"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"([0-9]{1,9})\s*([smhdw])")
_MAX_SECONDS = 100 * 365 * 86_400

system_clock: Clock = time.time


def parse_duration(text: str | float) -> float:
    """Return the seconds of ``"90s"``, ``"20m"``, ``"12h"``, ``"7d"``, ``"2w"``, or of a number.

    Raises
    ------
    InvalidDuration
        The text is malformed, or the duration is zero or longer than a hundred years.
    """
    seconds: float | None = None
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        seconds = text
    elif isinstance(text, str) and (match := _DURATION.fullmatch(text.strip())):
        seconds = float(match[1]) * _UNITS[match[2]]
    if seconds is None or not 0 < seconds <= _MAX_SECONDS:
        raise InvalidDuration(f'{text!r:.60} is not a duration; write it like "90s", "20m", "12h" or "7d".')
    return float(seconds)


def parse_expiry(value: object, now: float) -> float | None:
    """Return the time, in seconds since the epoch, of a duration, an RFC 3339 time or ``"never"`` (None).

    Raises
    ------
    InvalidDuration
        The text is malformed, or the time is in the past or more than a hundred years ahead.
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
            raise InvalidDuration(f"{value!r:.60} is in the past; give a future time.")
        if stamp > now + _MAX_SECONDS:
            raise InvalidDuration(f'{value!r:.60} is more than a hundred years ahead; use "never".')
        return stamp
    if isinstance(value, (str, int, float)):
        return now + parse_duration(value)
    raise InvalidDuration(f'{value!r:.60} is not a duration; write it like "12h", "7d" or "never".')


def rfc3339(stamp: float | None) -> str | None:
    """Format seconds since the epoch as RFC 3339 in UTC with milliseconds; None stays None."""
    if stamp is None:
        return None
    text = datetime.fromtimestamp(stamp, tz=timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
