"""Limits of live calls. Server process."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LiveLimits:
    """Limits of live calls.

    Parameters
    ----------
    max_calls
        Calls running or waiting for one kernel at once.
    max_seconds
        Upper limit of a declaration's timeout.
    max_stale_seconds
        Age up to which a stale image is served; None for any age.
    max_detached_running
        Calls of one detached function running at once.
    max_share
        Calls of one kernel or detached function that may wait for one link.
    """

    max_calls: int = 16
    max_seconds: float = 60.0
    max_stale_seconds: float | None = None
    max_detached_running: int = 1
    max_share: int = 4
