"""Cards of dashboards in the gallery, each with a preview of its layout. Server process."""

from __future__ import annotations

from dataclasses import dataclass

from ....model.dashboards import FIGURE, DashboardRecord, PanelSpec
from ....model.links import DASHBOARD
from ..context import AppContext
from .figure_cards import FigureCard
from .query import DASHBOARDS, GalleryQuery

_MAX_CARDS, _MAX_ALONE = 8, 200
"""Maximum number of cards: among figures, and on the page of dashboards alone."""
_MAX_TILES = 3
"""Maximum number of rows in a preview, and of panels in each."""


@dataclass(frozen=True)
class PreviewTile:
    """A panel in a dashboard's preview; ``card`` is None unless the panel shows an existing figure."""

    kind: str
    card: FigureCard | None


@dataclass(frozen=True)
class DashboardCard:
    """A dashboard on the page, with a preview of its layout and its number of open links."""

    record: DashboardRecord
    rows: list[list[PreviewTile]]
    links: int = 0


@dataclass(frozen=True)
class DashboardSection:
    """The newest dashboards that match; ``has_more`` when the page of dashboards has others."""

    cards: list[DashboardCard]
    has_more: bool = False


async def make_dashboard_section(context: AppContext, owner: str, query: GalleryQuery) -> DashboardSection:
    """Return the dashboards, which the page shows before the figures."""
    if not query.shows_dashboards:
        return DashboardSection([])
    store, now = context.store, context.store.clock()
    limit = _MAX_ALONE if query.show == DASHBOARDS else _MAX_CARDS
    found, following = await store.dashboards.list_page(query.filter_dashboards(owner, now), limit)
    links = await store.links.count_open([record.id for record in found], now, DASHBOARD) if found else {}
    cards = [DashboardCard(one, await _make_preview(context, one), links.get(one.id, 0)) for one in found]
    return DashboardSection(cards, following is not None)


async def _make_preview(context: AppContext, record: DashboardRecord) -> list[list[PreviewTile]]:
    return [[await _make_tile(context, panel) for panel in row[:_MAX_TILES]] for row in record.layout.rows[:_MAX_TILES]]


async def _make_tile(context: AppContext, panel: PanelSpec) -> PreviewTile:
    figure = await context.store.figures.find(panel.target, panel.version) if panel.kind == FIGURE else None
    return PreviewTile(panel.kind, FigureCard(figure) if figure else None)
