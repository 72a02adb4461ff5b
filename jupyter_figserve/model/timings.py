"""Seconds that a drawing process reports: of the code or function, and of its encoder. Any process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REPORTED = ("queue", "draw", "encode")
_MAX_SECONDS = 86_400.0


def read_timings(reported: Any) -> Mapping[str, float]:
    """Return the valid entries of an untrusted report, as seconds by name."""
    if not isinstance(reported, dict):
        return {}
    found = {name: reported.get(name) for name in REPORTED}
    return {
        name: float(value)
        for name, value in found.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= _MAX_SECONDS
    }
