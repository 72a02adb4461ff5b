"""Resolve a link's token to the link and, for a figure, to the figure that it shows. Server process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ....errors import NotFound
from ....model.figures import FigureRecord, Representation
from ....model.links import FIGURE, Link
from ....store.catalog import links
from ....store.files.blob_cache import BlobCache
from ....store.store import Store

_MAX_CACHED = 4_096
_INLINE_FORMATS = ("png", "svg", "jpg", "webp")


class LinkNotFound(NotFound):
    """One answer for links that are unknown, expired, paused, revoked or used up."""

    def __init__(self) -> None:
        super().__init__("There is nothing at this address: the link may be mistyped, expired or revoked.")


@dataclass(frozen=True, eq=False)
class ResolvedLink:
    """A link and the figure that it shows; None for a link to a live figure or a dashboard."""

    link: Link
    figure: FigureRecord | None = None
    deliveries: dict[str, Any] = field(default_factory=dict)

    @property
    def record(self) -> FigureRecord:
        assert self.figure is not None
        return self.figure

    @property
    def main(self) -> Representation:
        return self.record.version.representations[0]

    @property
    def picture(self) -> Representation | None:
        """The image for an ``<img>``."""
        return self.record.version.inline_image


class LinkResolver:
    """Finds links by token and caches them until any process writes to the catalog."""

    def __init__(self, store: Store, blob_cache: BlobCache) -> None:
        self.blob_cache = blob_cache
        self._store = store
        self._data_version = -1
        self._cached: dict[str, ResolvedLink | None] = {}

    def find(self, token: str) -> ResolvedLink:
        """Return the open link of this token.

        Raises
        ------
        LinkNotFound
            When there is none, whatever the reason.
        """
        data_version = self._store.catalog.stamp()
        if data_version != self._data_version or len(self._cached) > _MAX_CACHED:
            self._cached.clear()
            self._data_version = data_version
        if token not in self._cached:
            self._cached[token] = self._read(token)
        found = self._cached[token]
        if found is None or not found.link.is_open(self._store.clock()):
            raise LinkNotFound
        return found

    def check_id(self, link_id: str) -> None:
        """Raise ``LinkNotFound`` unless the link of this id is open."""
        link = links.find(self._store.catalog.reader, link_id)
        if link is None or not link.is_open(self._store.clock()):
            raise LinkNotFound

    def _read(self, token: str) -> ResolvedLink | None:
        link = links.find_by_token(self._store.catalog.reader, token)
        if link is None:
            return None
        if link.target.kind != FIGURE:
            return ResolvedLink(link)
        figure = self._store.find_figure(link.target.id, link.version)
        return ResolvedLink(link, figure) if figure is not None else None


def find_inline_image(record: FigureRecord) -> Representation | None:
    """Return what an ``<img>`` can show: the main representation, else another one, else the thumbnail."""
    version = record.version
    parts = (*version.representations, version.thumbnail)
    return next((part for part in parts if part is not None and part.format.name in _INLINE_FORMATS), None)
