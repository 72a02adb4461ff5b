"""Links of every kind in the catalog: made, changed and revoked alike, whatever they show. Server process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from ...errors import Conflict, NotFound
from ...model.dashboards import DashboardLink
from ...model.links import Link
from ...model.live import LiveLink
from . import dashboards, figures, links, live_figures
from .parameter_links import DASHBOARD_LINKS, LIVE_LINKS

AnyLink = Link | LiveLink | DashboardLink


@dataclass(frozen=True)
class _Kind:
    """Where the links of a kind are, and what they show.

    Parameters
    ----------
    is_there
        Whether what a link shows is still there.
    noun
        What it is, at the beginning of a sentence.
    """

    is_there: Callable[[Connection, Any], bool]
    noun: str
    add: Callable[[Connection, Any], None]
    change: Callable[[Connection, str, dict[str, Any]], bool]
    remove: Callable[[Connection, str], None]


_KINDS: dict[type, _Kind] = {
    Link: _Kind(
        lambda connection, link: figures.find(connection, link.figure, link.version) is not None,
        "The figure, or that version of it,",
        links.add,
        links.change,
        links.remove,
    ),
    LiveLink: _Kind(
        lambda connection, link: live_figures.find(connection, link.live) is not None,
        "The live figure",
        LIVE_LINKS.add,
        LIVE_LINKS.change,
        LIVE_LINKS.remove,
    ),
    DashboardLink: _Kind(
        lambda connection, link: dashboards.find(connection, link.dashboard) is not None,
        "The dashboard",
        DASHBOARD_LINKS.add,
        DASHBOARD_LINKS.change,
        DASHBOARD_LINKS.remove,
    ),
}


def add(connection: Connection, link: AnyLink) -> None:
    """Enter a link, unless what it is to show has gone meanwhile.

    Raises
    ------
    Conflict
        When it has.
    """
    kind = _KINDS[type(link)]
    if not kind.is_there(connection, link):
        raise Conflict(f"{kind.noun} has just gone; publish it again.")
    kind.add(connection, link)


def change(connection: Connection, link: AnyLink, changes: dict[str, Any]) -> None:
    """Change columns of a link.

    Raises
    ------
    NotFound
        When it is gone.
    """
    if not _KINDS[type(link)].change(connection, link.id, changes):
        raise NotFound("There is no such link.")


def remove(connection: Connection, link: AnyLink) -> None:
    """Revoke a link; one that is gone is no error."""
    _KINDS[type(link)].remove(connection, link.id)
