"""What a link shows, in words: its title and its owner. Server process."""

from __future__ import annotations

from ....model.links import DASHBOARD, FIGURE, Link
from ....store.store import Store


async def find_title_and_owner(store: Store, link: Link) -> tuple[str, str] | None:
    """Return the title and the owner of what a link shows; None when that is gone."""
    target = link.target.id
    if link.target.kind == FIGURE:
        figure = await store.figures.find(target, link.version)
        return (figure.heading, figure.owner) if figure else None
    if link.target.kind == DASHBOARD:
        dashboard = await store.dashboards.find(target)
        return (dashboard.layout.title, dashboard.owner) if dashboard else None
    live = await store.live.find(target)
    return (live.declaration.heading, live.owner) if live else None
