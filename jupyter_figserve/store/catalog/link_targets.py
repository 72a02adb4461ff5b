"""Whether a link's target is in the catalog. Server process."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.engine import Connection

from ...errors import Conflict
from ...model.links import DASHBOARD, FIGURE, LIVE, Link, Target
from . import dashboards, figures, live_figures
from .dialects import lock_owner_of
from .identities import TABLES

_NOUNS = {FIGURE: "figure, or that version of it,", LIVE: "live figure", DASHBOARD: "dashboard"}
_FINDERS: dict[str, Callable[[Connection, Link], object]] = {
    FIGURE: lambda connection, link: figures.find(connection, link.target.id, link.version),
    LIVE: lambda connection, link: live_figures.find(connection, link.target.id),
    DASHBOARD: lambda connection, link: dashboards.find(connection, link.target.id),
}


def lock(connection: Connection, target: Target) -> None:
    """Exclude the deletion of a target, and other changes of what its owner has, until the transaction ends."""
    lock_owner_of(connection, TABLES[target.kind], target.id)


def exists(connection: Connection, link: Link) -> bool:
    """Whether the target of a link exists, with the version that the link shows."""
    return _FINDERS[link.target.kind](connection, link) is not None


def check_exists(connection: Connection, link: Link) -> None:
    """Reject a link whose target has been deleted in the meantime.

    Raises
    ------
    Conflict
        When the target, or the version that the link shows, is gone.
    """
    kind = link.target.kind
    lock(connection, link.target)
    if not exists(connection, link):
        raise Conflict(f"The {_NOUNS[kind]} has just been deleted; publish it again.")
