"""Resolves a link's token to the link and what it shows. Server process."""

from __future__ import annotations

from dataclasses import dataclass, field

from ....errors import NotFound
from ....model.dashboards import DashboardLink
from ....model.figures import FigureRecord, Representation
from ....model.links import Link
from ....model.live import LiveLink
from ....store.catalog import links
from ....store.catalog.parameter_links import DASHBOARD_LINKS, LIVE_LINKS
from ....store.files.blob_cache import BlobCache
from ....store.store import Store
from ...web.http.representation import RepresentationResponse

GONE = "There is nothing at this address: the link may be mistyped, expired or revoked."


_CACHED_LINKS = 4_096


class LinkNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__(GONE)


@dataclass(frozen=True)
class ResolvedLink:
    """A link with what it shows."""

    link: Link
    record: FigureRecord
    deliveries: dict[str, RepresentationResponse] = field(default_factory=dict, compare=False)

    @property
    def main(self) -> Representation:
        return self.record.version.representations[0]

    @property
    def picture(self) -> Representation | None:
        """The image for an ``<img>``."""
        return self.record.version.inline_image


class LinkResolver:
    """Finds what a token shows; remembers it until anybody, another process too, writes to the catalog."""

    def __init__(self, store: Store, blob_cache: BlobCache) -> None:
        self.blob_cache = blob_cache
        self._store = store
        self._stamp = -1
        self._found: dict[str, ResolvedLink | LiveLink | DashboardLink | None] = {}

    def find(self, token: str) -> ResolvedLink | LiveLink | DashboardLink:
        """The open link of this token; one onto a figure comes with the figure.

        Raises
        ------
        LinkGone
            For every reason there can be.
        """
        stamp = self._store.catalog.stamp()
        if stamp != self._stamp or len(self._found) > _CACHED_LINKS:
            self._found.clear()
            self._stamp = stamp
        if token not in self._found:
            self._found[token] = self._read(token)
        found = self._found[token]
        link = found.link if isinstance(found, ResolvedLink) else found
        if found is None or link is None or not link.is_open(self._store.clock()):
            raise LinkNotFound
        return found

    def get(self, token: str) -> ResolvedLink:
        """The same for a link onto a figure, which is no other."""
        found = self.find(token)
        if not isinstance(found, ResolvedLink):
            raise LinkNotFound
        return found

    def check_id(self, link_id: str) -> None:
        """See that the link of this id is still open, or raise ``LinkNotFound``."""
        reader = self._store.catalog.reader
        kinds = (links, DASHBOARD_LINKS, LIVE_LINKS)
        link = next((found for kind in kinds if (found := kind.find(reader, link_id)) is not None), None)
        if link is None or not link.is_open(self._store.clock()):
            raise LinkNotFound

    def _read(self, token: str) -> ResolvedLink | LiveLink | DashboardLink | None:
        reader = self._store.catalog.reader
        link = links.find_by_token(reader, token)
        if link is None:
            return LIVE_LINKS.find_by_token(reader, token) or DASHBOARD_LINKS.find_by_token(reader, token)
        record = self._store.find_figure(link.figure, link.version)
        return ResolvedLink(link, record) if record is not None else None
