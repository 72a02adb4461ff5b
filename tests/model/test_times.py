"""Durations, expiry times and timestamps as the interfaces write them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_figserve.errors import InvalidDuration
from jupyter_figserve.model.times import parse_duration, parse_expiry, rfc3339, system_clock, write_expiry

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
        ("1h30m", 5_400),
        ("1d 12h", 129_600),
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
    ["", "7", "d", "7D", "-7d", "7.5d", "1e3s", "7h7d", "7 days", "٧d", "7d\x00", "0s", 0, -1, True, None, []]
    + [math.nan, math.inf, 10**400, "999999999d", f"{101 * 365}d", b"7d"],
)
def test_invalid_durations_are_rejected(text):
    """Zero, infinity, other spellings and other types; the message shows the accepted form."""
    with pytest.raises(InvalidDuration, match="7d"):
        parse_duration(text)


@pytest.fixture(autouse=True)
def zone(monkeypatch) -> Iterator[None]:
    """The owner is in New York, five hours behind UTC in winter."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_expiry_of_a_duration_counts_from_now():
    """A duration is relative to now; ``never`` means no expiry."""
    assert parse_expiry("7d", NOW) == NOW + 604_800
    assert parse_expiry(" 1h 30m ", NOW) == NOW + 5_400
    assert parse_expiry("never", NOW) is None


@pytest.mark.parametrize(
    "text", ["2030-01-01T05:00:00Z", "2030-01-01T06:00:00+01:00", "2030-01-01T00:00:00", "2030-01-01 00:00"]
)
def test_expiry_at_a_time(text: str):
    """A time is in its own zone, or in the owner's without one."""
    assert parse_expiry(text, NOW) == datetime(2030, 1, 1, 5, tzinfo=timezone.utc).timestamp()


def test_expiry_at_a_date():
    """A date is the end of that day in the owner's zone, also across a change of the clocks."""
    assert rfc3339(parse_expiry("2030-12-31", NOW)) == "2031-01-01T04:59:59.000Z"
    assert rfc3339(parse_expiry("2030-07-04", NOW)) == "2030-07-05T03:59:59.000Z"


@pytest.mark.parametrize(
    "value",
    ["2001-01-01T00:00:00Z", "2030-13-01", "20-30", "Never", "", None, True, {}, [], "0d", "7 days", "7d-"]
    + ["9999-12-31T23:59:59-23:59", "2999-01-01T00:00:00Z"],
)
def test_invalid_expiries_are_rejected(value):
    """Times in the past, times more than a hundred years ahead, and text that is not a time."""
    with pytest.raises(InvalidDuration):
        parse_expiry(value, NOW)


@pytest.mark.parametrize("value", [7, 7.5, 0, -5, 10**400, "7", " 30 ", "1.5"])
@pytest.mark.parametrize("read", [parse_expiry, write_expiry])
def test_numbers_need_a_unit(value, read):
    """Seven days or seven seconds? The sentence says how to write it."""
    with pytest.raises(InvalidDuration, match=r'has no unit; write it like "12h", "7d", .* or "never"'):
        read(value, NOW)


@pytest.mark.parametrize(
    "value",
    ["-1d", "- 1h30m", "2001-01-01", "2027-01-14", timedelta(days=-1), timedelta.min]
    + [datetime.min, datetime.min.replace(tzinfo=timezone.utc), datetime(1970, 1, 1), date.min],
)
def test_the_past_is_named(value):
    """A negative duration and a day that is over say so, also of years without a timestamp."""
    with pytest.raises(InvalidDuration, match="in the past"):
        write_expiry(value, NOW)


@pytest.mark.parametrize("value", ["0d", "0h0m", timedelta(0)])
def test_no_time_at_all_is_named(value):
    """A link that ends when it is made is a mistake."""
    with pytest.raises(InvalidDuration, match="would end at once"):
        write_expiry(value, NOW)


@pytest.mark.parametrize(
    "value",
    [timedelta(days=10**6), timedelta.max, "1000000d", f"{10**25}s", "9999-12-31", date.max, datetime.max]
    + [datetime.max.replace(tzinfo=timezone(timedelta(hours=hours))) for hours in (-12, 0, 12)],
)
def test_far_years_are_named(value):
    """More than a hundred years is a mistake or means never, in each way to write it."""
    with pytest.raises(InvalidDuration, match='more than a hundred years ahead; use "never"'):
        write_expiry(value, NOW)


@pytest.mark.parametrize("text", ["2030-13-01", "2030-02-30", "2030-01-01T25:00"])
def test_impossible_dates_are_named(text: str):
    """A date that the calendar does not have is written rightly, but wrong."""
    with pytest.raises(InvalidDuration, match=rf"'{text}' is not a time of the calendar: \w.* must be in|out of range"):
        write_expiry(text, NOW)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("0s", "longer than zero"),
        (-1, "longer than zero"),
        ("1000000d", "a hundred years"),
        (10**400, "a hundred years"),
    ],
)
def test_durations_out_of_range_are_named(value, problem: str):
    """What is written rightly but cannot be meant says which bound it passes."""
    with pytest.raises(InvalidDuration, match=problem):
        parse_duration(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("7d", "7d"),
        (" never ", "never"),
        (timedelta(hours=1, minutes=30), "5400s"),
        (timedelta(milliseconds=1), "1s"),
        (date(2030, 12, 31), "2031-01-01T04:59:59.000Z"),
        ("2030-12-31", "2031-01-01T04:59:59.000Z"),
        (datetime(2030, 12, 31, 12), "2030-12-31T17:00:00.000Z"),
        (datetime(2030, 12, 31, 12, tzinfo=timezone(timedelta(hours=9))), "2030-12-31T03:00:00.000Z"),
    ],
)
def test_expiry_for_a_server_in_another_zone(value, text: str):
    """What people write in Python and at the command line is sent in UTC."""
    assert write_expiry(value, NOW) == text


@given(st.floats(min_value=0, max_value=NOW + 100 * YEAR))
def test_timestamps_are_parsed_back(stamp: float):
    """RFC 3339 in UTC with milliseconds."""
    text = rfc3339(stamp)
    assert text.endswith("Z")
    assert abs(datetime.fromisoformat(text).timestamp() - stamp) <= 0.001


@given(st.integers(1, 100 * YEAR))
def test_every_accepted_expiry_can_be_formatted(seconds: int):
    """Every accepted expiry has a timestamp."""
    assert rfc3339(parse_expiry(f"{seconds}s", NOW))


def test_no_timestamp():
    """An absent time stays null."""
    assert rfc3339(None) is None


def test_system_clock_counts_from_the_epoch():
    """The default clock counts seconds since 1970."""
    assert system_clock() > datetime(2024, 1, 1, tzinfo=timezone.utc).timestamp()


def test_tomorrow_is_its_end_in_the_owners_zone():
    """It is written as a time, so that it is the same for a server in another zone; servers do not take the word."""
    now = datetime(2030, 1, 1, 4, tzinfo=timezone.utc).timestamp()
    assert write_expiry("tomorrow", now) == "2030-01-02T04:59:59.000Z"
    with pytest.raises(InvalidDuration):
        parse_expiry("tomorrow", now)
