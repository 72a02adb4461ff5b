"""The gallery: a page of the owner's figures by notebook, with filters and search. Server process.

It works without JavaScript, too: filters and pages are links.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....errors import InvalidInput
from ....model.figures import FigureRecord
from ....model.keys import READ
from ....model.places import strip_drive
from ....model.sessions import Session
from ..context import AppContext
from ..http.private_handler import AuthenticatedHandler
from .dashboard_cards import make_dashboard_section
from .figure_cards import make_sections
from .live_cards import make_live_section
from .query import ALL, SHOWS, GalleryQuery

PAGE_SIZE = 48
_MAX_NOTEBOOKS = 12
_MAX_COLLECTIONS = 24
_MAX_RUNNING = 100
_MAX_ENDED = 40


@dataclass(frozen=True)
class Notebook:
    """A notebook in the sidebar, with its latest session and its number of figures, up to a thousand."""

    session: Session
    figures: int

    @property
    def is_running(self) -> bool:
        return self.session.ended is None


class GalleryHandler(AuthenticatedHandler):
    """``/``, with or without the slash."""

    is_page = True
    scopes = {"GET": READ, "HEAD": READ}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        if not self.request.path.endswith("/") or "token" in self.request.query_arguments:
            self._redirect_to_canonical()
            return
        query, store = self._read_query(), self.context.store
        query = replace(query, session=await self.find_kernel_id(query.session) or "")
        found, following = await self._find_figures(query)
        config = self.context.config
        self.set_xsrf_cookie()
        self.write_page(
            "gallery/gallery.html",
            query=query,
            following=following,
            scope=config.scope,
            is_admin=self.principal.is_admin and config.host_kind != "extension",
            now=store.clock(),
            **await _page_values(self.context, self.principal.owner, query, found, following),
        )

    head = get

    async def _find_figures(self, query: GalleryQuery) -> tuple[Sequence[FigureRecord], str | None]:
        if not query.shows_figures:
            return [], None
        store = self.context.store
        figure_query = query.filter(self.principal.owner, store.clock())
        return await store.figures.list_page(figure_query, PAGE_SIZE, query.cursor or None)

    def _redirect_to_canonical(self) -> None:
        """Redirect to the URL with the slash that relative URLs need, and without a token, which the history keeps."""
        kept = [(name, self.get_query_argument(name)) for name in self.request.query_arguments if name != "token"]
        self.set_status(302)
        self.set_header("Location", f"{self.context.addresses.prefix}/" + (f"?{urlencode(kept)}" if kept else ""))
        self.finish()

    def _read_query(self) -> GalleryQuery:
        query = GalleryQuery(**{name: self.get_query_argument(name, "") for name in GalleryQuery.__dataclass_fields__})
        query = replace(query, notebook=strip_drive(query.notebook))
        if query.show not in (*SHOWS, ""):
            raise InvalidInput(f"show={query.show[:40]!r}: expected one of {', '.join(SHOWS)}.")
        scope = (query.scope or self.context.config.scope) if query.notebook else ""
        return replace(query, show=query.show or ALL, scope=scope)


async def _page_values(
    context: AppContext, owner: str, query: GalleryQuery, found: Sequence[FigureRecord], following: str | None
) -> dict[str, Any]:
    """Return the sections of the page and its sidebar for the template."""
    running = await context.store.sessions.list_running(owner, _MAX_RUNNING)
    return {
        "dashboards": await make_dashboard_section(context, owner, query),
        "live": await make_live_section(context, owner, query),
        "sections": await make_sections(context, found, running),
        "notebooks": await _make_notebooks(context, owner, running),
        "collections": await context.store.figures.list_collections(owner, _MAX_COLLECTIONS),
        "used": await context.store.figures.find_usage(owner),
        "matching": await _count_matches(context, owner, query, len(found), following),
    }


async def _make_notebooks(context: AppContext, owner: str, running: Sequence[Session]) -> list[Notebook]:
    """Return the latest notebooks, running ones first."""
    ended = await context.store.sessions.list_ended(owner, _MAX_ENDED)
    latest: dict[tuple[str, str], Session] = {}
    for session in (*running, *ended):
        if session.notebook:
            latest.setdefault((session.scope, session.notebook), session)
    selected = list(latest.values())[:_MAX_NOTEBOOKS]
    places = [(session.scope, session.notebook) for session in selected]
    counts = await context.store.figures.count_in_notebooks(owner, places)
    return [Notebook(session, count) for session, count in zip(selected, counts, strict=True)]


async def _count_matches(
    context: AppContext, owner: str, query: GalleryQuery, here: int, following: str | None
) -> int | None:
    """Return the number of matching figures; None where counting would be slow."""
    if not query.cursor and following is None:
        return here
    if query.notebook and query == GalleryQuery(notebook=query.notebook, scope=query.scope, cursor=query.cursor):
        return await context.store.figures.count_in_notebook(owner, query.scope, query.notebook)
    return None
