"""The pages of administrators: all owners, and one of them. Server process.

Lists, search and pages work without JavaScript; changes need it.
"""

from __future__ import annotations

import asyncio

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....model.keys import ADMIN
from ....model.queries import DashboardQuery, FigureQuery
from ...services.links.listing import list_described
from .handlers import AdminHandler

_HUB_SECONDS = 3.0
"""How long the pages wait for what the Hub says about their owners."""
_OWNERS, _FIGURES, _DASHBOARDS, _LINKS, _TOP_LINKS = 50, 50, 50, 100, 10


class AdminPageHandler(AdminHandler):
    """``/admin``; with ``?owner=`` the page of that owner."""

    is_page = True
    scopes = {"GET": ADMIN, "HEAD": ADMIN}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        await self.context.view_counter.flush()
        self.set_xsrf_cookie()
        owner, cursor = self.get_query_argument("owner", ""), self.get_query_argument("cursor", None)
        if owner:
            await self._write_owner(self.validate_owner(owner), cursor)
        else:
            await self._write_owners(self.get_query_argument("q", "").strip(), cursor)

    head = get

    async def _write_owners(self, text: str, cursor: str | None) -> None:
        store = self.context.store
        found, following = await store.owners.list_page(_OWNERS, cursor, text)
        standings = await self._find_standings([usage.owner for usage in found])
        links = [] if text or cursor else (await list_described(store, "views", None, _TOP_LINKS, None))[0]
        self.write_page(
            "admin/owners.html",
            text=text,
            owners=found,
            standings=standings,
            default=store.limits.owner_quota,
            following=following,
            links=links,
            now=store.clock(),
        )

    async def _find_standings(self, owners: list[str]) -> dict[str, str]:
        """Return who is no more the person who published, as far as the Hub tells in time."""
        guard = self.context.owner_guard
        asking = [asyncio.ensure_future(guard.find_standing(owner)) for owner in owners]
        if not asking:
            return {}
        _, late = await asyncio.wait(asking, timeout=_HUB_SECONDS)
        for task in late:
            task.cancel()
        done = zip(owners, asking, strict=True)
        return {owner: task.result().value for owner, task in done if task.done() and not task.cancelled()}

    async def _write_owner(self, owner: str, cursor: str | None) -> None:
        store = self.context.store
        figures, following = await store.figures.list_page(FigureQuery(owner), _FIGURES, cursor)
        dashboards, _ = await store.dashboards.list_page(DashboardQuery(owner), _DASHBOARDS)
        links, more_links = await list_described(store, "views", owner, _LINKS, None)
        self.write_page(
            "admin/owner.html",
            standing=(await self._find_standings([owner])).get(owner, ""),
            renamed_to=await store.owners.find_namesake(owner),
            usage=await store.owners.describe(owner),
            default=store.limits.owner_quota,
            figures=figures,
            following=following,
            is_first=cursor is None,
            dashboards=dashboards,
            links=links,
            more_links=more_links is not None,
            now=store.clock(),
        )
