"""An event of the catalog or of a session, as streams send it. Any process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FIGURE_PUBLISHED, FIGURE_CHANGED, FIGURE_DELETED, FIGURE_RESTORED = (
    "figure.published",
    "figure.changed",
    "figure.deleted",
    "figure.restored",
)
DASHBOARD_PUBLISHED, DASHBOARD_DELETED, DASHBOARD_RESTORED = (
    "dashboard.published",
    "dashboard.deleted",
    "dashboard.restored",
)
LIVE_DELETED, LIVE_RESTORED = "live.deleted", "live.restored"


@dataclass(frozen=True)
class Event:
    """An event with its subject.

    Parameters
    ----------
    id
        Grows with each event of the catalog; 0 for events that are not stored (captured plots, sessions).
    kind
        For example ``figure.published``.
    data
        Names the figure, dashboard or session.
    """

    id: int
    created: float
    owner: str
    kind: str
    data: dict[str, Any]
