"""The response of a live figure that returns data: a value with an HTTP status of its own. Any process."""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidInput

MIN_STATUS, MAX_STATUS = 200, 599
_BODILESS = (204, 205, 206)
"""Statuses without a body of their own. Source: RFC 9110, section 15.3."""


@dataclass(frozen=True)
class Response:
    """Data with an HTTP status, for a live figure to return: ``Response({"error": "y is 0"}, status=422)``.

    Parameters
    ----------
    body
        What JSON and CSV can hold: a dict, a list, a number, a string, None, a NumPy array, a pandas DataFrame or
        Series, a dataclass.
    status
        From 200 to 299, or from 400 to 599. Only responses below 300 are cached and kept.

    Raises
    ------
    InvalidInput
        The status is not one of these.
    """

    body: Any
    status: int = 200

    def __post_init__(self) -> None:
        if not is_status(self.status):
            raise InvalidInput(
                f"The status {self.status!r:.40} is not a whole number from 200 to 299 or 400 to 599 of a response with"
                " a body. Use, for example, 200, 404 or 422."
            )
        object.__setattr__(self, "status", int(self.status))


def is_status(value: Any) -> bool:
    """Whether a live figure may respond with this status: no redirect, and not one without a body."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool):
        return False
    status = int(value)
    return MIN_STATUS <= status <= MAX_STATUS and not 300 <= status < 400 and status not in _BODILESS
