"""Filters of the gallery as its query string states them. Server process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlencode

from ....model.queries import DashboardQuery, FigureQuery

ALL, SHARED, RUNNING, DASHBOARDS, LIVE = SHOWS = ("all", "shared", "running", "dashboards", "live")


@dataclass(frozen=True)
class GalleryQuery:
    """Filters and page of the gallery, as in the query string."""

    q: str = ""
    notebook: str = ""
    scope: str = ""
    session: str = ""
    collection: str = ""
    show: str = ALL
    cursor: str = ""

    @property
    def is_filtered(self) -> bool:
        return replace(self, cursor="") != GalleryQuery()

    @property
    def shows_figures(self) -> bool:
        return self.show in (ALL, SHARED, RUNNING)

    @property
    def shows_dashboards(self) -> bool:
        """Whether the first page has dashboards, which belong to no session."""
        return self.show in (ALL, SHARED, DASHBOARDS) and not self.session and not self.cursor

    @property
    def shows_live(self) -> bool:
        """Whether the first page has live figures, which belong to no collection."""
        return self.show in (ALL, SHARED, RUNNING, LIVE) and not self.collection and not self.cursor

    @property
    def shows_captured(self) -> bool:
        """Whether the page has captured plots, which have no links and belong to no collection."""
        return self.show in (ALL, RUNNING) and not self.collection and not self.cursor

    def address(self, **changes: str) -> str:
        """Return the relative URL of the first page with the same filters, except for ``changes``."""
        values = {**self.__dict__, "cursor": "", **changes}
        return "?" + urlencode({name: value for name, value in values.items() if value and value != ALL})

    def filter(self, owner: str, now: float) -> FigureQuery:
        return FigureQuery(
            owner,
            session=self.session or None,
            scope=self.scope or None,
            notebook=self.notebook or None,
            collection=self.collection or None,
            text=self.q or None,
            shared_at=now if self.show == SHARED else None,
            running=self.show == RUNNING,
        )

    def filter_dashboards(self, owner: str, now: float) -> DashboardQuery:
        return DashboardQuery(
            owner,
            scope=self.scope or None,
            notebook=self.notebook or None,
            collection=self.collection or None,
            text=self.q or None,
            shared_at=now if self.show == SHARED else None,
        )
