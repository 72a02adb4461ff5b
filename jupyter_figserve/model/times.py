"""Times in RFC 3339 and UTC, and durations such as "30d". Any process."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from datetime import time as time_of_day

from ..errors import InvalidDuration

Clock = Callable[[], float]
"""Returns seconds since the epoch; tests inject their own."""
Expiry = str | timedelta | date
"""What ``write_expiry`` takes, as it is annotated."""

NEVER = "never"
TOMORROW = "tomorrow"
_UNITS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"\s*".join(rf"(?:([0-9]{{1,30}})\s*{unit})?" for unit in _UNITS))
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_END_OF_DAY = time_of_day(23, 59, 59)
_FIRST_YEAR, _LAST_YEAR = 1971, 9000
_MAX_SECONDS = 100 * 365 * 86_400
_HOW_TO_WRITE = 'write it like "12h", "7d", "1h30m", a date such as "2026-12-31", or "never"'

system_clock: Clock = time.time


def parse_duration(text: str | float) -> float:
    """Return the seconds of ``"90s"``, ``"20m"``, ``"12h"``, ``"7d"``, ``"2w"``, ``"1h30m"``, or of a number.

    Raises
    ------
    InvalidDuration
        The text is malformed, or the duration is zero or longer than a hundred years.
    """
    seconds = text if isinstance(text, (int, float)) and not isinstance(text, bool) else _sum_units(text)
    if seconds is None or (isinstance(seconds, float) and math.isnan(seconds)):
        problem = "is not a duration"
    elif seconds <= 0:
        problem = "is not longer than zero"
    elif seconds > _MAX_SECONDS:
        problem = "is longer than a hundred years"
    else:
        return float(seconds)
    raise InvalidDuration(f'{text!r:.60} {problem}; write it like "90s", "20m", "12h" or "7d".')


def _sum_units(text: object) -> int | None:
    """Return the seconds of text such as ``"1h30m"``, None if it is none."""
    match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) and text.strip() else None
    if match is None:
        return None
    return sum(int(count or 0) * unit for count, unit in zip(match.groups(), _UNITS.values(), strict=True))


def parse_expiry(value: object, now: float) -> float | None:
    """Return when something expires, in seconds since the epoch; None for never.

    Parameters
    ----------
    value
        A duration, a date (its end), an RFC 3339 time, or ``"never"``; dates and times without a zone are of this
        process's zone.

    Raises
    ------
    InvalidDuration
        The text is malformed, a number has no unit, or the time is in the past or more than a hundred years ahead.
    """
    if not isinstance(value, str):
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        raise _without_unit(value) if is_number else _not_an_expiry(value)
    text = value.strip()
    if text == NEVER:
        return None
    if _NUMBER.fullmatch(text):
        raise _without_unit(value)
    is_past = text.startswith("-") and _sum_units(text[1:]) is not None
    if is_past:
        raise _in_the_past(value)
    seconds = _sum_units(text)
    stamp = now + min(seconds, 2 * _MAX_SECONDS) if seconds is not None else _parse_moment(text)
    return _check_range(stamp, now, value)


def _check_range(stamp: float, now: float, value: object) -> float:
    """Return a time, if it is in the next hundred years."""
    if stamp == now:
        raise InvalidDuration(f'{value!r:.60} would end at once; give a longer time, such as "7d".')
    if stamp < now:
        raise _in_the_past(value)
    if stamp > now + _MAX_SECONDS:
        raise InvalidDuration(f'{value!r:.60} is more than a hundred years ahead; use "never".')
    return stamp


def write_expiry(value: object, now: float) -> str:
    """Return an expiry as text that means the same in every zone, for a server that may be in another.

    Parameters
    ----------
    value
        As for ``parse_expiry``, ``"tomorrow"`` (its end), a ``timedelta``, a ``datetime`` (without a zone, of this
        process's), or a ``date``.

    Raises
    ------
    InvalidDuration
        See ``parse_expiry``.
    """
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        _check_range(now + seconds, now, str(value))
        text = f"{math.ceil(seconds)}s"
    elif isinstance(value, date):
        text = value.isoformat()
    elif isinstance(value, str) and value.strip() == TOMORROW:
        text = (datetime.fromtimestamp(now).date() + timedelta(days=1)).isoformat()
    else:
        text = value  # type: ignore[assignment]  # another type is refused next
    stamp = parse_expiry(text, now)
    return text.strip() if stamp is None or "-" not in text else str(rfc3339(stamp))


def _parse_moment(text: str) -> float:
    """Return the time of a date or a time, those without a zone in this process's."""
    try:
        if _DAY.fullmatch(text):
            moment = datetime.combine(date.fromisoformat(text), _END_OF_DAY)
        else:
            moment = datetime.fromisoformat(text)
    except ValueError as error:
        if re.match(_DAY, text):
            raise InvalidDuration(f"{text!r:.60} is not a time of the calendar: {error}.") from error
        raise _not_an_expiry(text) from error
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        # Years near the first and the last that Python knows have no timestamp in every zone.
        moment = moment.replace(year=_FIRST_YEAR if moment.year < _FIRST_YEAR else _LAST_YEAR, day=1)
    return moment.astimezone().timestamp()


def _in_the_past(value: object) -> InvalidDuration:
    return InvalidDuration(f"{value!r:.60} is in the past; give a future time.")


def _without_unit(value: object) -> InvalidDuration:
    return InvalidDuration(f"{value!r:.60} has no unit; {_HOW_TO_WRITE}.")


def _not_an_expiry(value: object) -> InvalidDuration:
    return InvalidDuration(f"{value!r:.60} is not a duration or a time; {_HOW_TO_WRITE}.")


def rfc3339(stamp: float | None) -> str | None:
    """Format seconds since the epoch as RFC 3339 in UTC with milliseconds; None stays None."""
    if stamp is None:
        return None
    text = datetime.fromtimestamp(stamp, tz=timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
