"""The local time zone of the process, in which tick formatters of the user may write times. Kernel and jailed child."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

_LINK = "/etc/localtime"
_DATABASE = "zoneinfo/"
_VARIABLE = "TZ"
_UTC = ("UTC", "UTC0", "Etc/UTC", "Universal", "Zulu")


def current() -> str:
    """Return the name of the local zone as ``TZ`` takes it; ``""`` for UTC, and where it has no name."""
    name = os.environ.get(_VARIABLE)
    if name is None:
        # Where it is a copy and not a link, its path names no zone.
        name = os.path.realpath(_LINK)
    name = name.lstrip(":")
    if name.startswith("/"):
        name = name.partition(_DATABASE)[2]
    return "" if name in _UTC else name


@contextlib.contextmanager
def applied(name: str) -> Iterator[None]:
    """Temporarily make ``name`` the local zone; of a zone that is not installed, the times are those of UTC."""
    if name == current() or not hasattr(time, "tzset"):
        yield
        return
    before = os.environ.get(_VARIABLE)
    _set(name or _UTC[0])
    try:
        yield
    finally:
        _set(before)


def _set(value: str | None) -> None:
    if value is None:
        os.environ.pop(_VARIABLE, None)
    else:
        os.environ[_VARIABLE] = value
    time.tzset()
