"""The pages of administrators: all owners, and one of them. Server process.

Lists, search and pages work without JavaScript; changes need it.
"""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....model.keys import ADMIN
from ....model.queries import DashboardQuery, FigureQuery
from ...services.links.listing import list_described
from .handlers import AdminHandler

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
        links = [] if text or cursor else (await list_described(store, "views", None, _TOP_LINKS, None))[0]
        self.write_page(
            "admin/owners.html",
            text=text,
            owners=found,
            default=store.limits.owner_quota,
            following=following,
            links=links,
            now=store.clock(),
            can_embed=bool(self.context.config.embed_origins),
        )

    async def _write_owner(self, owner: str, cursor: str | None) -> None:
        store = self.context.store
        figures, following = await store.figures.list_page(FigureQuery(owner), _FIGURES, cursor)
        dashboards, _ = await store.dashboards.list_page(DashboardQuery(owner), _DASHBOARDS)
        links, more_links = await list_described(store, "views", owner, _LINKS, None)
        self.write_page(
            "admin/owner.html",
            usage=await store.owners.describe(owner),
            default=store.limits.owner_quota,
            figures=figures,
            following=following,
            is_first=cursor is None,
            dashboards=dashboards,
            links=links,
            more_links=more_links is not None,
            now=store.clock(),
            can_embed=bool(self.context.config.embed_origins),
        )
