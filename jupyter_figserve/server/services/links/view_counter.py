"""How often links are seen: one client's requests within ten minutes count once, robots not at all. Server process."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import OrderedDict
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.ioloop import IOLoop

from ....model.dashboards import DashboardLink
from ....model.links import VIEW_SECONDS, Link
from ....model.live import LiveLink
from ....store.catalog import links
from ....store.catalog.parameter_links import DASHBOARD_LINKS, LIVE_LINKS
from ....store.store import Store

_REMEMBERED = 100_000
_FLUSH_SECONDS = 1.0
# Programs that fetch a link to show a preview of it where somebody pasted it.
_ROBOTS = re.compile(
    r"bot\b|crawler|spider|slurp|facebookexternalhit|slack-img|whatsapp|telegram|skypeuripreview|embedly|iframely"
    r"|mastodon|vkshare|pinterest|preview|unfurl",
    re.IGNORECASE,
)


def is_robot(request: HTTPServerRequest) -> bool:
    return _ROBOTS.search(request.headers.get("User-Agent", "")) is not None


class ViewCounter:
    """Counts views: at once and durably for links with a limit, in memory and written soon for the others."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._recent: OrderedDict[tuple[str, str, str], float] = OrderedDict()
        self._pending: dict[str, int] = {}
        self._flush_call: Any = None

    def note(self, link: Link | LiveLink | DashboardLink, request: HTTPServerRequest) -> None:
        """Count a view of a link without limit; costs a look into a dictionary."""
        who = (link.id, request.remote_ip or "", request.headers.get("User-Agent", ""))
        now = self._store.clock()
        last = self._recent.get(who)
        if (last is not None and 0 <= now - last < VIEW_SECONDS) or is_robot(request):
            return
        self._recent[who] = now
        self._recent.move_to_end(who)
        if len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)
        self._pending[link.id] = self._pending.get(link.id, 0) + 1
        if self._flush_call is None and self._store.read_only_because is None:
            self._flush_call = IOLoop.current().call_later(_FLUSH_SECONDS, self._flush_soon)

    async def use(self, link: Link, request: HTTPServerRequest) -> bool:
        """Use up a view of a link with a limit; False when none is left. On the disk before it is true."""
        client, now = _client(link, request), self._store.clock()
        future = self._store.write(lambda connection: links.count_view(connection, link.id, client, now))
        return await asyncio.wrap_future(future)

    def has_left(self, link: Link, request: HTTPServerRequest) -> bool:
        """Whether a request that uses up nothing may see a link with a limit."""
        if link.views is None or link.seen < link.views:
            return True
        reader = self._store.catalog.reader
        return links.is_known_viewer(reader, link.id, _client(link, request), self._store.clock())

    async def flush(self) -> None:
        """Write what was counted in memory."""
        if self._flush_call is not None:
            IOLoop.current().remove_timeout(self._flush_call)
            self._flush_call = None
        counts, self._pending = self._pending, {}
        if counts and self._store.read_only_because is None:
            now = self._store.clock()

            def add(connection: Any) -> None:
                # Ids are of one alphabet and never equal: each is a row of one of the three.
                links.add_views(connection, counts, now)
                DASHBOARD_LINKS.add_views(connection, counts, now)
                LIVE_LINKS.add_views(connection, counts, now)

            await asyncio.wrap_future(self._store.write(add))

    def _flush_soon(self) -> None:
        self._flush_call = None
        IOLoop.current().spawn_callback(self.flush)


def _client(link: Link, request: HTTPServerRequest) -> str:
    """A client as the store remembers it: address and browser, hashed so that nobody can be looked up by it."""
    text = f"{link.id}|{request.remote_ip}|{request.headers.get('User-Agent', '')}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
