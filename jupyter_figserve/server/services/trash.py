"""What an owner has deleted and can restore. Server process."""

from __future__ import annotations

from dataclasses import dataclass

from ...model.dashboards import DashboardRecord
from ...model.figures import FigureRecord, Identity
from ...model.links import DASHBOARD, FIGURE, LIVE, Target
from ...model.live import LiveFigureRecord
from ...store.store import Store


@dataclass(frozen=True)
class DeletedItem:
    """A figure, a live figure or a dashboard that can be restored.

    Parameters
    ----------
    deleted, expires
        When it was deleted, and until when it can be restored, in seconds since the epoch.
    """

    target: Target
    identity: Identity
    title: str
    deleted: float
    expires: float


async def list_deleted(store: Store, owner: str, limit: int) -> list[DeletedItem]:
    """Return what the owner can restore, the newest deletion first; damaged entries are left out."""
    found = []
    for figure in await store.figures.list_deleted(owner, limit):
        if figure.manifest is not None:
            record = figure.manifest.record
            found.append(_item(FIGURE, record, record.version.title, figure.deleted, figure.expires))
    for live in await store.live.list_deleted(owner, limit):
        if live.manifest is not None:
            found.append(_item(LIVE, live.manifest.record, "", live.deleted, live.expires))
    for dashboard in await store.dashboards.list_deleted(owner, limit):
        if dashboard.manifest is not None:
            kept = dashboard.manifest.record
            found.append(_item(DASHBOARD, kept, kept.layout.title, dashboard.deleted, dashboard.expires))
    return sorted(found, key=lambda item: -item.deleted)[:limit]


async def find_deleted(
    store: Store, kind: str, item_id: str
) -> FigureRecord | LiveFigureRecord | DashboardRecord | None:
    """Return the record of this kind as it was when it was deleted, None when none can be restored."""
    if kind == FIGURE:
        return await store.figures.find_deleted(item_id)
    return await (store.live if kind == LIVE else store.dashboards).find_deleted(item_id)


def _item(
    kind: str, record: FigureRecord | LiveFigureRecord | DashboardRecord, title: str, deleted: float, expires: float
) -> DeletedItem:
    return DeletedItem(Target(kind, record.id), record.identity, title, deleted, expires)
