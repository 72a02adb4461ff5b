"""``figserve.progress``: progress of a live call, shown on the waiting page. Any process; only a kernel listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import InvalidInput
from .scalars import to_number

ProgressListener = Callable[[float, float], None]
"""Takes the work done and the total."""
_listener: ProgressListener | None = None


def progress(done: float, total: float) -> None:
    """Show the progress of a live call on its page; outside of a live call it does nothing.

    Parameters
    ----------
    done, total
        The work done, and all of it, in any unit: ``progress(i + 1, len(files))``. What exceeds ``total`` counts as
        finished; a ``total`` of 0 shows nothing.

    Raises
    ------
    InvalidInput
        A value is not a number of at least 0.
    """
    done, total = _number("done", done), _number("total", total)
    if _listener is not None and total > 0:
        _listener(min(done, total), total)


def set_listener(listener: ProgressListener | None) -> None:
    """Have ``progress`` call this function; None ends it."""
    global _listener
    _listener = listener


def _number(name: str, value: Any) -> float:
    number = to_number(value)
    if not number >= 0:
        raise InvalidInput(f"{name}={value!r:.60} is not a number of at least 0, as in figserve.progress(3, 10).")
    return number
