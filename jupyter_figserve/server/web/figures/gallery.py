"""The gallery: a page of the owner's figures by notebook, with filters and search, as a browser without script may
ask for it too. Server process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....errors import InvalidInput
from ....model.dashboards import FIGURE, DashboardRecord, PanelSpec
from ....model.figures import FigureRecord, Representation
from ....model.formats import FORMATS
from ....model.keys import READ
from ....model.queries import DashboardQuery, FigureQuery
from ....model.sessions import Session
from ....store.store import Store
from ..http.private_handler import AuthenticatedHandler

PAGE = 48
_NOTEBOOKS = 12
_RUNNING = 100
_ENDED = 40
_DASHBOARDS = 12
_TILES = 3
"""Rows of a dashboard's plan, and panels in each."""
SHOWS = ("all", "shared", "running")


@dataclass(frozen=True)
class GalleryQuery:
    """What the address asks for."""

    q: str = ""
    notebook: str = ""
    scope: str = ""
    session: str = ""
    show: str = "all"
    cursor: str = ""

    @property
    def is_filtered(self) -> bool:
        return replace(self, cursor="") != GalleryQuery()

    def address(self, **changes: str) -> str:
        """A relative address of the gallery that asks for the same but for ``changes``, from its first page on."""
        asked = {**self.__dict__, "cursor": "", **changes}
        return "?" + urlencode({name: value for name, value in asked.items() if value and value != "all"})

    def filter(self, owner: str, now: float) -> FigureQuery:
        return FigureQuery(
            owner,
            session=self.session or None,
            scope=self.scope or None,
            notebook=self.notebook or None,
            text=self.q or None,
            shared_at=now if self.show == "shared" else None,
            running=self.show == "running",
        )


@dataclass(frozen=True)
class GalleryCard:
    """A figure on the page, with how many open links it has."""

    record: FigureRecord
    links: int

    @property
    def picture(self) -> Representation | None:
        """What is shown small: the thumbnail, else the picture itself; None for documents."""
        version = self.record.version
        return version.thumbnail or version.inline_image

    @property
    def address(self) -> str:
        """The picture's, pinned to its version, so that browsers keep it for ever; relative to our prefix."""
        assert self.picture is not None
        size = f"&width={self.picture.width}" if self.picture is self.record.version.thumbnail else ""
        row = FORMATS["png"] if size else self.picture.format
        return f"figures/{self.record.id}.{row.name}?version={self.record.version.number}{size}"


@dataclass(frozen=True)
class NotebookSection:
    """A notebook's figures on the page; ``session`` is the one that is alive, else the one that made the newest."""

    scope: str
    notebook: str
    session: Session | None
    cards: list[GalleryCard] = field(default_factory=list)

    @property
    def is_running(self) -> bool:
        return self.session is not None and self.session.ended is None


@dataclass(frozen=True)
class Notebook:
    """A notebook in the list beside the page, with its latest session and how many figures that made."""

    session: Session
    figures: int

    @property
    def is_running(self) -> bool:
        return self.session.ended is None


@dataclass(frozen=True)
class PreviewTile:
    """A panel in a dashboard's plan; ``card`` is the figure's that it shows, if it shows one that is there."""

    kind: str
    card: GalleryCard | None


@dataclass(frozen=True)
class DashboardCard:
    """A dashboard on the page: its first panels, as they are laid out."""

    record: DashboardRecord
    rows: list[list[PreviewTile]]


class GalleryHandler(AuthenticatedHandler):
    """``/``: with and without the slash, as people type it."""

    is_page = True
    scopes = {"GET": READ, "HEAD": READ}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        if not self.request.path.endswith("/") or "token" in self.request.query_arguments:
            self._go_to_own_address()
            return
        query, store = self._read_query(), self.context.store
        which = query.filter(self.principal.owner, store.clock())
        found, following = await store.figures.list_page(which, PAGE, query.cursor or None)
        config = self.context.config
        self.set_xsrf_cookie()
        self.write_page(
            "gallery/gallery.html",
            query=query,
            following=following,
            scope=config.scope,
            can_embed=bool(config.embed_origins),
            now=store.clock(),
            dashboards=await _dashboards(store, self.principal.owner, query),
            **await _surroundings(store, self.principal.owner, query, found, following),
        )

    head = get

    def _go_to_own_address(self) -> None:
        """With the slash that relative addresses want, and without a token that would stay in the history."""
        kept = [(name, self.get_query_argument(name)) for name in self.request.query_arguments if name != "token"]
        self.set_status(302)
        self.set_header("Location", f"{self.context.addresses.prefix}/" + (f"?{urlencode(kept)}" if kept else ""))
        self.finish()

    def _read_query(self) -> GalleryQuery:
        query = GalleryQuery(**{name: self.get_query_argument(name, "") for name in GalleryQuery.__dataclass_fields__})
        if query.show not in (*SHOWS, ""):
            raise InvalidInput(f"There is no show={query.show[:40]}; write {', '.join(SHOWS)}.")
        scope = (query.scope or self.context.config.scope) if query.notebook else ""
        return replace(query, show=query.show or "all", scope=scope)


async def _surroundings(
    store: Store, owner: str, query: GalleryQuery, found: Sequence[FigureRecord], following: str | None
) -> dict[str, Any]:
    """What the page shows around its figures."""
    running = await store.sessions.list_running(owner, _RUNNING)
    return {
        "sections": await _sections(store, found, running),
        "notebooks": await _notebooks(store, owner, running),
        "used": await store.figures.find_usage(owner),
        "matching": await _count(store, owner, query, len(found), following),
    }


async def _dashboards(store: Store, owner: str, query: GalleryQuery) -> list[DashboardCard]:
    """The newest ones that match, before all figures."""
    if query.session or query.show != "all" or query.cursor:
        return []
    which = DashboardQuery(owner, query.scope or None, query.notebook or None, text=query.q or None)
    found, _ = await store.dashboards.list_page(which, _DASHBOARDS)
    return [DashboardCard(record, await _plan(store, record)) for record in found]


async def _plan(store: Store, record: DashboardRecord) -> list[list[PreviewTile]]:
    return [[await _tile(store, panel) for panel in row[:_TILES]] for row in record.layout.rows[:_TILES]]


async def _tile(store: Store, panel: PanelSpec) -> PreviewTile:
    figure = await store.figures.find(panel.target, panel.version) if panel.kind == FIGURE else None
    return PreviewTile(panel.kind, GalleryCard(figure, 0) if figure else None)


async def _sections(store: Store, found: Sequence[FigureRecord], running: Sequence[Session]) -> list[NotebookSection]:
    """The page's figures by notebook: those that run first, then as their newest figures are in time."""
    links = await store.links.count_open([record.id for record in found], store.clock())
    makers = {record.version.session for record in found if record.version.session}
    known = await store.sessions.find_many(makers)
    alive = {(session.scope, session.notebook): session for session in reversed(running) if session.notebook}
    sections: dict[tuple[str, str], NotebookSection] = {}
    for record in found:
        place = record.identity.scope, record.identity.notebook
        session = alive.get(place) or known.get(record.version.session or "")
        section = sections.setdefault(place, NotebookSection(*place, session if place[1] else None))
        section.cards.append(GalleryCard(record, links.get(record.id, 0)))
    return sorted(sections.values(), key=lambda section: not section.is_running)


async def _notebooks(store: Store, owner: str, running: Sequence[Session]) -> list[Notebook]:
    """What was worked on last, each once: running ones first."""
    ended = await store.sessions.list_ended(owner, _ENDED)
    latest: dict[tuple[str, str], Session] = {}
    for session in (*running, *ended):
        if session.notebook:
            latest.setdefault((session.scope, session.notebook), session)
    shown = list(latest.values())[:_NOTEBOOKS]
    made = await store.sessions.count_figures([session.id for session in shown])
    return [Notebook(session, made.get(session.id, 0)) for session in shown]


async def _count(store: Store, owner: str, query: GalleryQuery, here: int, following: str | None) -> int | None:
    """How many figures match, where that is quickly known; else None."""
    if not query.cursor and following is None:
        return here
    if query.notebook and query == GalleryQuery(notebook=query.notebook, scope=query.scope, cursor=query.cursor):
        return await store.figures.count_in_notebook(owner, query.scope, query.notebook)
    return None
