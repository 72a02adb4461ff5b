"""A session: one kernel's life. Any process."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Session:
    """The life of a kernel, identified by the kernel's id.

    Parameters
    ----------
    started, seen, ended
        Seconds since the epoch; ``ended`` is None while the kernel is alive.
    """

    id: str
    owner: str
    scope: str
    notebook: str
    started: float
    seen: float
    ended: float | None = None
