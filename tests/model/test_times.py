"""Durations, expiry times and timestamps as the interfaces write them."""

from __future__ import annotations

import math
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_figserve.errors import InvalidDuration
from jupyter_figserve.model.times import parse_duration, parse_expiry, rfc3339, system_clock

NOW = 1_800_000_000.0
YEAR = 365 * 86_400


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("20m", 1_200),
        ("12h", 43_200),
        ("7d", 604_800),
        ("2w", 1_209_600),
        (" 7 d ", 604_800),
        (1.5, 1.5),
        (90, 90),
    ],
)
def test_durations(text, seconds: float):
    """A number with a unit, or seconds."""
    assert parse_duration(text) == seconds
    assert isinstance(parse_duration(text), float)


@pytest.mark.parametrize(
    "text",
    ["", "7", "d", "7D", "-7d", "7.5d", "1e3s", "7d7h", "7 days", "٧d", "7d\x00", "0s", 0, -1, True, None, []]
    + [math.nan, math.inf, 10**400, "999999999d", f"{101 * 365}d", b"7d"],
)
def test_invalid_durations_are_rejected(text):
    """Zero, infinity, other spellings and other types; the message shows the accepted form."""
    with pytest.raises(InvalidDuration, match="7d"):
        parse_duration(text)


def test_expiry_of_a_duration_counts_from_now():
    """A duration is relative to now; ``never`` means no expiry."""
    assert parse_expiry("7d", NOW) == NOW + 604_800
    assert parse_expiry(60, NOW) == NOW + 60
    assert parse_expiry("never", NOW) is None


@pytest.mark.parametrize("text", ["2030-01-01T00:00:00Z", "2030-01-01T01:00:00+01:00", "2030-01-01T00:00:00"])
def test_expiry_at_a_time(text: str):
    """An RFC 3339 time is in its own zone, or in UTC without one."""
    assert parse_expiry(text, NOW) == datetime(2030, 1, 1, tzinfo=timezone.utc).timestamp()


@pytest.mark.parametrize(
    "value",
    ["2001-01-01T00:00:00Z", "2030-13-01", "20-30", "Never", "", None, True, {}, [], 0, -5, 10**400]
    + ["9999-12-31T23:59:59-23:59", "2999-01-01T00:00:00Z"],
)
def test_invalid_expiries_are_rejected(value):
    """Times in the past, times more than a hundred years ahead, and text that is not a time."""
    with pytest.raises(InvalidDuration):
        parse_expiry(value, NOW)


@given(st.floats(min_value=0, max_value=NOW + 100 * YEAR))
def test_timestamps_are_parsed_back(stamp: float):
    """RFC 3339 in UTC with milliseconds."""
    text = rfc3339(stamp)
    assert text.endswith("Z")
    assert abs(datetime.fromisoformat(text).timestamp() - stamp) <= 0.001


@given(st.integers(1, 100 * YEAR))
def test_every_accepted_expiry_can_be_formatted(seconds: int):
    """Every accepted expiry has a timestamp."""
    assert rfc3339(parse_expiry(seconds, NOW))


def test_no_timestamp():
    """An absent time stays null."""
    assert rfc3339(None) is None


def test_system_clock_counts_from_the_epoch():
    """The default clock counts seconds since 1970."""
    assert system_clock() > datetime(2024, 1, 1, tzinfo=timezone.utc).timestamp()
