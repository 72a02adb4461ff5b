"""The gallery: a page of the owner's figures by notebook, with filters and search. Server process.

It works without JavaScript, too: filters and pages are links.
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
from ....model.formats import FORMATS, Format
from ....model.keys import READ
from ....model.places import strip_drive
from ....model.queries import DashboardQuery, FigureQuery
from ....model.sessions import Session
from ..context import AppContext
from ..http.private_handler import AuthenticatedHandler

PAGE_SIZE = 48
_MAX_NOTEBOOKS = 12
_MAX_COLLECTIONS = 24
_MAX_RUNNING = 100
_MAX_ENDED = 40
_MAX_DASHBOARDS = 12
_MAX_SHARP_BYTES = 128 * 1024
"""Size of an image that dense screens load instead of its thumbnail."""
_MAX_TILES = 3
"""Maximum number of rows in a dashboard's preview, and of panels in each."""
SHOWS = ("all", "shared", "running")


@dataclass(frozen=True)
class GalleryQuery:
    """Filters and page of the gallery, as in the query string."""

    q: str = ""
    notebook: str = ""
    scope: str = ""
    session: str = ""
    collection: str = ""
    show: str = "all"
    cursor: str = ""

    @property
    def is_filtered(self) -> bool:
        return replace(self, cursor="") != GalleryQuery()

    def address(self, **changes: str) -> str:
        """Return the relative URL of the first page with the same filters, except for ``changes``."""
        values = {**self.__dict__, "cursor": "", **changes}
        return "?" + urlencode({name: value for name, value in values.items() if value and value != "all"})

    def filter(self, owner: str, now: float) -> FigureQuery:
        return FigureQuery(
            owner,
            session=self.session or None,
            scope=self.scope or None,
            notebook=self.notebook or None,
            collection=self.collection or None,
            text=self.q or None,
            shared_at=now if self.show == "shared" else None,
            running=self.show == "running",
        )


@dataclass(frozen=True)
class GalleryCard:
    """A figure on the page, with its number of open links."""

    record: FigureRecord
    links: int

    @property
    def preview(self) -> Representation | None:
        """The thumbnail, else the image itself; None for documents."""
        version = self.record.version
        return version.thumbnail or version.inline_image

    @property
    def address(self) -> str:
        """URL of the preview relative to our prefix, pinned to the version so that browsers cache it forever."""
        assert self.preview is not None
        size = f"&width={self.preview.width}" if self.preview is self.record.version.thumbnail else ""
        return self._address_of(FORMATS["png"] if size else self.preview.format) + size

    @property
    def sharp(self) -> str | None:
        """URL of the whole image, for dense screens; None where it is moving, large, or no sharper than the preview."""
        thumbnail, image = self.record.version.thumbnail, self.record.version.inline_image
        if thumbnail is None or image is None or image is thumbnail or image.is_animation:
            return None
        is_sharper = image.format is FORMATS["svg"] or (image.width or 0) > (thumbnail.width or 0)
        return self._address_of(image.format) if is_sharper and image.size <= _MAX_SHARP_BYTES else None

    def _address_of(self, row: Format) -> str:
        return f"figures/{self.record.id}.{row.name}?version={self.record.version.number}"


@dataclass(frozen=True)
class NotebookSection:
    """The figures of a notebook or a collection on the page.

    Parameters
    ----------
    session
        The notebook's running session, else the one that made the newest figure.
    """

    scope: str
    notebook: str
    collection: str
    session: Session | None
    cards: list[GalleryCard] = field(default_factory=list)

    @property
    def is_running(self) -> bool:
        return self.session is not None and self.session.ended is None


@dataclass(frozen=True)
class Notebook:
    """A notebook in the sidebar, with its latest session and the number of figures of that session."""

    session: Session
    figures: int

    @property
    def is_running(self) -> bool:
        return self.session.ended is None


@dataclass(frozen=True)
class PreviewTile:
    """A panel in a dashboard's preview; ``card`` is None unless the panel shows an existing figure."""

    kind: str
    card: GalleryCard | None


@dataclass(frozen=True)
class DashboardCard:
    """A dashboard on the page, with a preview of its layout."""

    record: DashboardRecord
    rows: list[list[PreviewTile]]


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
        figure_query = query.filter(self.principal.owner, store.clock())
        found, following = await store.figures.list_page(figure_query, PAGE_SIZE, query.cursor or None)
        config = self.context.config
        self.set_xsrf_cookie()
        self.write_page(
            "gallery/gallery.html",
            query=query,
            following=following,
            scope=config.scope,
            is_admin=self.principal.is_admin and config.host_kind != "extension",
            can_embed=bool(config.embed_origins),
            now=store.clock(),
            dashboards=await _make_dashboards(self.context, self.principal.owner, query),
            **await _page_values(self.context, self.principal.owner, query, found, following),
        )

    head = get

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
        return replace(query, show=query.show or "all", scope=scope)


async def _page_values(
    context: AppContext, owner: str, query: GalleryQuery, found: Sequence[FigureRecord], following: str | None
) -> dict[str, Any]:
    """Return the template's values besides the dashboards."""
    running = await context.store.sessions.list_running(owner, _MAX_RUNNING)
    return {
        "sections": await _make_sections(context, found, running),
        "notebooks": await _make_notebooks(context, owner, running),
        "collections": await context.store.figures.list_collections(owner, _MAX_COLLECTIONS),
        "used": await context.store.figures.find_usage(owner),
        "matching": await _count_matches(context, owner, query, len(found), following),
    }


async def _make_dashboards(context: AppContext, owner: str, query: GalleryQuery) -> list[DashboardCard]:
    """Return the newest dashboards that match; the page shows them before the figures."""
    if query.session or query.show != "all" or query.cursor:
        return []
    places = {"scope": query.scope or None, "notebook": query.notebook or None, "collection": query.collection or None}
    dashboard_query = DashboardQuery(owner, **places, text=query.q or None)
    found, _ = await context.store.dashboards.list_page(dashboard_query, _MAX_DASHBOARDS)
    return [DashboardCard(record, await _make_preview(context, record)) for record in found]


async def _make_preview(context: AppContext, record: DashboardRecord) -> list[list[PreviewTile]]:
    return [[await _make_tile(context, panel) for panel in row[:_MAX_TILES]] for row in record.layout.rows[:_MAX_TILES]]


async def _make_tile(context: AppContext, panel: PanelSpec) -> PreviewTile:
    figure = await context.store.figures.find(panel.target, panel.version) if panel.kind == FIGURE else None
    return PreviewTile(panel.kind, GalleryCard(figure, 0) if figure else None)


async def _make_sections(
    context: AppContext, found: Sequence[FigureRecord], running: Sequence[Session]
) -> list[NotebookSection]:
    """Group the figures by notebook or collection: running notebooks first, then by their newest figure."""
    links = await context.store.links.count_open([record.id for record in found], context.store.clock())
    makers = {record.version.session for record in found if record.version.session}
    known = await context.store.sessions.find_many(makers)
    alive = {(session.scope, session.notebook): session for session in reversed(running) if session.notebook}
    sections: dict[tuple[str, str, str], NotebookSection] = {}
    for record in found:
        identity = record.identity
        place = identity.scope, identity.notebook, identity.collection
        session = alive.get(place[:2]) or known.get(record.version.session or "")
        section = sections.setdefault(place, NotebookSection(*place, session if place[1] else None))
        section.cards.append(GalleryCard(record, links.get(record.id, 0)))
    return sorted(sections.values(), key=lambda section: not section.is_running)


async def _make_notebooks(context: AppContext, owner: str, running: Sequence[Session]) -> list[Notebook]:
    """Return the latest notebooks, running ones first."""
    ended = await context.store.sessions.list_ended(owner, _MAX_ENDED)
    latest: dict[tuple[str, str], Session] = {}
    for session in (*running, *ended):
        if session.notebook:
            latest.setdefault((session.scope, session.notebook), session)
    selected = list(latest.values())[:_MAX_NOTEBOOKS]
    made = await context.store.sessions.count_figures([session.id for session in selected])
    return [Notebook(session, made.get(session.id, 0)) for session in selected]


async def _count_matches(
    context: AppContext, owner: str, query: GalleryQuery, here: int, following: str | None
) -> int | None:
    """Return the number of matching figures; None where counting would be slow."""
    if not query.cursor and following is None:
        return here
    if query.notebook and query == GalleryQuery(notebook=query.notebook, scope=query.scope, cursor=query.cursor):
        return await context.store.figures.count_in_notebook(owner, query.scope, query.notebook)
    return None
