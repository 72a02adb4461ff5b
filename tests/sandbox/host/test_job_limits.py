"""Validation of jobs: malformed ones are refused before a child receives them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jupyter_figserve.errors import InvalidInput, TooLarge, UnsupportedType
from jupyter_figserve.model.rendering import DrawOptions, RenderJob
from jupyter_figserve.sandbox.host.job_limits import JobLimits, check_job

LIMITS = JobLimits(pixels=1_000_000, source_bytes=100, timeout=10.0)
JOB = RenderJob("code", b"x" * 100, DrawOptions(width=1_000, height=1_000), timeout=10.0)


@pytest.mark.parametrize("fields", [{}, {"seed": 0}, {"seed": 2**32 - 1}, {"figure": "all"}, {"figure": 0}])
def test_jobs_at_their_limits(fields: dict[str, Any]):
    """The limits themselves are allowed."""
    check_job(replace(JOB, **fields), LIMITS)


@pytest.mark.parametrize(
    "options",
    [{"width": 0}, {"height": -1}, {"width": 1.5}, {"width": True}, {"width": "9"}]
    + [{"dpi": 1e6}, {"dpi": float("nan")}, {"dpi": 0}, {"dpi": "9"}],
)
def test_R18_invalid_sizes(options: dict[str, Any]):
    """Sizes are positive integers, and resolutions are in a plausible range."""
    with pytest.raises(InvalidInput, match=next(iter(options))):
        check_job(replace(JOB, options=DrawOptions(**options)), LIMITS)


@pytest.mark.parametrize("name", ["../x", "svg\r\nX:", "PNG", "exe", ""])
def test_R35_invalid_formats(name: str):
    """A format is a name in the format table."""
    with pytest.raises(UnsupportedType):
        check_job(replace(JOB, options=DrawOptions(format=name)), LIMITS)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"timeout": 0}, "timeout"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": 10.1}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**32}, "seed"),
        ({"seed": 1.0}, "seed"),
        ({"figure": -1}, "figure"),
        ({"figure": "first"}, "figure"),
        ({"figure": True}, "figure"),
    ],
)
def test_invalid_fields(fields: dict[str, Any], name: str):
    """The message names the field and its allowed values."""
    with pytest.raises(InvalidInput, match=f"Invalid {name} .*; give"):
        check_job(replace(JOB, **fields), LIMITS)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"source": b"x" * 101}, "too_large"),
        ({"options": DrawOptions(width=1_000, height=1_001)}, "too_many_pixels"),
        ({"options": DrawOptions(width=10**9)}, "too_many_pixels"),
    ],
)
def test_R19_oversized_jobs(fields: dict[str, Any], code: str):
    """Sources and images over the limits are refused with the limit."""
    with pytest.raises(TooLarge, match="the limit is") as caught:
        check_job(replace(JOB, **fields), LIMITS)
    assert caught.value.code == code
