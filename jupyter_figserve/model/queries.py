"""Filters of lists of figures and dashboards, and their pages. Any process."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_LIMIT = 50
MAX_LIMIT = 1_000


@dataclass(frozen=True)
class FigureQuery:
    """Filters of a list of figures; a field that is None does not filter.

    Parameters
    ----------
    notebook, scope, maker, collection
        Exact.
    text
        Part of a name, title or notebook path, ignoring the case of ASCII letters (all that SQLite can).
    shared_at
        Only figures with a link that is open at this time (seconds since the epoch).
    running
        Only figures made by a session that is still alive.
    ids
        Only these figures.
    """

    owner: str | None = None
    session: str | None = None
    scope: str | None = None
    notebook: str | None = None
    maker: str | None = None
    collection: str | None = None
    name: str | None = None
    text: str | None = None
    shared_at: float | None = None
    running: bool = False
    ids: tuple[str, ...] | None = None

    @property
    def is_narrow(self) -> bool:
        """Whether an index finds the matches, few among all figures of an owner."""
        is_placed = None not in (self.scope, self.notebook) or bool(self.collection)
        return self.running or self.session is not None or self.ids is not None or is_placed

    @property
    def is_slow(self) -> bool:
        """Whether no index applies, so that the query takes a second among a million figures."""
        is_indexed = self.owner is not None or self.session is not None
        return bool(self.text) or not is_indexed or self.shared_at is not None


@dataclass(frozen=True)
class DashboardQuery:
    """Filters of a list of dashboards; a field that is None does not filter.

    Parameters
    ----------
    text
        Part of a name, title or notebook path.
    shared_at
        Only dashboards with a link that is open at this time (seconds since the epoch).
    """

    owner: str | None = None
    scope: str | None = None
    notebook: str | None = None
    maker: str | None = None
    collection: str | None = None
    name: str | None = None
    text: str | None = None
    shared_at: float | None = None


@dataclass(frozen=True)
class Collection:
    """A named collection and how many figures it has, counted up to a bound."""

    name: str
    figures: int


@dataclass(frozen=True)
class Neighbour:
    """Name and title of another figure, for a link to it."""

    id: str
    heading: str
