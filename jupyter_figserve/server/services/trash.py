"""What an owner has deleted and can restore. Server process."""

from __future__ import annotations

from dataclasses import dataclass

from ...model.links import DASHBOARD, FIGURE
from ...store.store import Store


@dataclass(frozen=True)
class DeletedItem:
    """A figure or a dashboard that can be restored.

    Parameters
    ----------
    kind
        ``"figure"`` or ``"dashboard"``.
    deleted, expires
        When it was deleted, and until when it can be restored, in seconds since the epoch.
    """

    kind: str
    id: str
    name: str
    title: str
    notebook: str
    collection: str
    deleted: float
    expires: float


async def list_deleted(store: Store, owner: str, limit: int) -> list[DeletedItem]:
    """Return what the owner can restore, the newest deletion first; damaged entries are left out."""
    found = []
    for figure in await store.figures.list_deleted(owner, limit):
        if figure.manifest is not None:
            record = figure.manifest.record
            place, title = record.identity, record.version.title
            times = figure.deleted, figure.expires
            found.append(DeletedItem(FIGURE, record.id, place.name, title, place.notebook, place.collection, *times))
    for dashboard in await store.dashboards.list_deleted(owner, limit):
        if dashboard.manifest is not None:
            kept = dashboard.manifest.record
            place, title = kept.identity, kept.layout.title
            times = dashboard.deleted, dashboard.expires
            found.append(DeletedItem(DASHBOARD, kept.id, place.name, title, place.notebook, place.collection, *times))
    return sorted(found, key=lambda item: -item.deleted)[:limit]
