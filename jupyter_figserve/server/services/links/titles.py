"""What a link shows, in words: its title and its owner. Server process."""

from __future__ import annotations

from ....model.dashboards import DashboardRecord
from ....model.figures import FigureRecord
from ....model.links import DASHBOARD, FIGURE, Link
from ....model.live import LiveFigureRecord
from ....store.store import Store


async def find_title_and_owner(store: Store, link: Link) -> tuple[str, str] | None:
    """Return the title and the owner of what a link shows; None when that is gone."""
    target = link.target
    record: FigureRecord | LiveFigureRecord | DashboardRecord | None
    if target.kind == FIGURE:
        record = await store.figures.find(target.id, link.version)
    else:
        record = await (store.dashboards if target.kind == DASHBOARD else store.live).find(target.id)
    return None if record is None else (record.heading, record.owner)
