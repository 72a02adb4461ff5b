"""Counts views of links: one for the requests of a client in ten minutes, none for robots. Server process."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from cachetools import TTLCache
from tornado.httputil import HTTPServerRequest
from tornado.ioloop import IOLoop

from ....errors import FigServeError
from ....model.links import VIEW_SECONDS, Link
from ....store.store import Store

_MAX_REMEMBERED = 100_000
_FLUSH_SECONDS = 1.0
_RETRY_SECONDS = 5.0
# Programs that fetch a link to show a preview of it where it was pasted.
_ROBOTS = re.compile(
    r"bot\b|crawler|spider|slurp|facebookexternalhit|facebookcatalog|slack-img|whatsapp|telegram|embedly|iframely"
    r"|vkshare|pinterest|tumblr/|flipboard|preview|unfurl|onebox|metadata|opengraph|kakaotalk-scrap|cardyb|viber"
    r"|line-poker|google-pagerenderer|google-inspectiontool|feedfetcher|hubspot|rocket\.?chat|nextcloud"
    # Servers of the Fediverse, each of which fetches what its readers see.
    r"|mastodon|misskey|pleroma|akkoma|lemmy|friendica|peertube"
    # Mail and office programs, which look at a link before they open it in a browser.
    r"|ms-office|microsoft office|microsoft outlook",
    re.IGNORECASE,
)


def is_robot(request: HTTPServerRequest) -> bool:
    return _ROBOTS.search(request.headers.get("User-Agent", "")) is not None


class ViewCounter:
    """Counts the views of links: those with a limit durably at once, the others in memory until the next flush.

    A client whose view another server has counted does not count again.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._recent: TTLCache[int, float] = TTLCache(_MAX_REMEMBERED, VIEW_SECONDS, timer=lambda: store.clock())
        self._pending: list[tuple[str, str, float]] = []
        self._flush_call: Any = None

    def count(self, link: Link, request: HTTPServerRequest) -> None:
        """Count a view of a link without a limit; a repeated one costs one dictionary lookup."""
        # Python's hash of text is keyed by a secret of the process, and shorter than the text.
        client, now = hash((link.id, *_client(request))), self._store.clock()
        last = self._recent.get(client)
        if (last is not None and last <= now) or is_robot(request):
            return
        self._recent[client] = now
        self._pending.append((link.id, _client_hash(link, request), now))
        if self._store.read_only_because is None:
            self._flush_in(_FLUSH_SECONDS)

    async def use(self, link: Link, request: HTTPServerRequest) -> bool:
        """Use up a view of a link with a limit, durably; return False when none is left."""
        return await self._store.links.use_view(link, _client_hash(link, request), self._store.clock())

    async def has_left(self, link: Link, request: HTTPServerRequest) -> bool:
        """Whether the client may open the link: a view remains, or the client used one recently."""
        if link.views is None or link.seen < link.views:
            return True
        return await self._store.links.is_known_viewer(link.id, _client_hash(link, request), self._store.clock())

    async def flush(self) -> None:
        """Write the views counted in memory; they stay there while the database cannot be written."""
        if self._flush_call is not None:
            IOLoop.current().remove_timeout(self._flush_call)
            self._flush_call = None
        views, self._pending = self._pending, []
        if views and self._store.read_only_because is None:
            try:
                await self._store.links.add_views(views)
            except FigServeError:
                # The database does not answer, is locked, or its disk is full.
                self._pending = (views + self._pending)[-_MAX_REMEMBERED:]
                self._flush_in(_RETRY_SECONDS)

    def _flush_in(self, seconds: float) -> None:
        if self._flush_call is None:
            self._flush_call = IOLoop.current().call_later(seconds, self._start_flush)

    def _start_flush(self) -> None:
        self._flush_call = None
        IOLoop.current().spawn_callback(self.flush)


def _client_hash(link: Link, request: HTTPServerRequest) -> str:
    """Return a hash of the client's address and browser, which is kept instead of them."""
    return hashlib.sha256("|".join((link.id, *_client(request))).encode()).hexdigest()[:32]


def _client(request: HTTPServerRequest) -> tuple[str, str]:
    return str(request.remote_ip), request.headers.get("User-Agent", "")
