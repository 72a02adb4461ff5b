"""Resolves the token of a link to the link and its figure. Server process."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cachetools import LRUCache

from ....errors import NotFound, Unavailable
from ....model.audiences import LINK, narrower
from ....model.figures import FigureRecord
from ....model.links import FIGURE, LIVE, Link
from ....store.databases import DataVersion
from ....store.store import Store

_MAX_CACHED = 4_096


class LinkNotFound(NotFound):
    """The same error for links that are unknown, expired, paused, revoked or used up."""

    def __init__(self) -> None:
        super().__init__("There is nothing at this address: the link may be mistyped, expired or revoked.")


@dataclass(frozen=True, eq=False)
class ResolvedLink:
    """A link and what it shows.

    Parameters
    ----------
    link
        The link, with an audience that the server allows.
    figure
        The figure that it shows; None for a link to a live figure or a dashboard.
    owner
        Of what it shows; "" for a link that is for anyone.
    """

    link: Link
    figure: FigureRecord | None = None
    owner: str = ""

    @property
    def is_for_anyone(self) -> bool:
        """Whether the address is all that a viewer needs."""
        return self.link.audience == LINK


class LinkResolver:
    """Finds links by token and caches them until any process writes to the catalog.

    Parameters
    ----------
    max_audience
        The widest audience that the server allows, which narrows links that were made for a wider one.
    outage_seconds
        How long after its last check a link is served while the database does not answer.
    """

    def __init__(self, store: Store, max_audience: str = LINK, outage_seconds: float = 60.0) -> None:
        self._store = store
        self._max_audience = max_audience
        self._data_version: DataVersion = -1
        self._cached: LRUCache[str, ResolvedLink | None] = LRUCache(_MAX_CACHED)
        self._outage_seconds = outage_seconds
        self._checked: LRUCache[str, tuple[float, ResolvedLink]] = LRUCache(_MAX_CACHED)
        self.hits = self.misses = 0

    async def find(self, token: str) -> ResolvedLink:
        """Return the open link of this token.

        Raises
        ------
        LinkNotFound
            When there is none, for any reason.
        Unavailable
            When the database does not answer, and the link was not checked shortly before.
        """
        try:
            found = await self._find(token)
        except Unavailable as error:
            found = self._recall(token, error)
        if found is None or not found.link.is_open(self._store.clock()):
            raise LinkNotFound
        return found

    async def _find(self, token: str) -> ResolvedLink | None:
        data_version = await self._store.data_version()
        if data_version != self._data_version:
            self._cached.clear()
            self._data_version = data_version
        if token in self._cached:
            found = self._cached[token]
            self.hits += 1
        else:
            self.misses += 1
            found = await self._read(token)
            if self._data_version == data_version:
                self._cached[token] = found
        if found is not None:
            self._checked[token] = (self._store.clock(), found)
        else:
            self._checked.pop(token, None)
        return found

    def peek(self, token: str) -> ResolvedLink | None:
        """Return the open link of this token if it is cached and nothing has changed since, without waiting."""
        version = self._store.peek_data_version()
        if version is None or version != self._data_version:
            return None
        found = self._cached.get(token)
        if found is None or not found.link.is_open(self._store.clock()):
            return None
        self.hits += 1
        return found

    def _recall(self, token: str, error: Unavailable) -> ResolvedLink:
        """Return a link as it was a moment ago, while the database does not answer, or raise the error."""
        when, found = self._checked.get(token, (0.0, None))
        is_recent = 0 <= self._store.clock() - when <= self._outage_seconds
        if found is None or not is_recent or self._store.catalog.has_changed_link(found.link.id):
            raise error
        return found

    async def check_id(self, link_id: str) -> None:
        """Raise ``LinkNotFound`` unless the link of this id is open."""
        link = await self._store.links.find(link_id)
        if link is None or not link.is_open(self._store.clock()):
            raise LinkNotFound

    async def _read(self, token: str) -> ResolvedLink | None:
        link, figure = await self._store.links.find_shown(token)
        if link is None:
            return None
        link = replace(link, audience=narrower(link.audience, self._max_audience))
        if link.target.kind == FIGURE:
            return ResolvedLink(link, figure, figure.owner) if figure is not None else None
        if link.audience == LINK:
            return ResolvedLink(link)
        repository = self._store.live if link.target.kind == LIVE else self._store.dashboards
        record = await repository.find(link.target.id)
        return ResolvedLink(link, owner=record.owner) if record is not None else None
