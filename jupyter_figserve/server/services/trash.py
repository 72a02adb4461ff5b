"""What an owner has deleted and can restore. Server process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...model.figures import Identity
from ...model.links import DASHBOARD, FIGURE
from ...store.lifecycle.trash import TrashEntry
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
            found.append(_to_item(FIGURE, figure, record.identity, record.version.title))
    for dashboard in await store.dashboards.list_deleted(owner, limit):
        if dashboard.manifest is not None:
            found.append(
                _to_item(
                    DASHBOARD, dashboard, dashboard.manifest.record.identity, dashboard.manifest.record.layout.title
                )
            )
    return sorted(found, key=lambda item: -item.deleted)[:limit]


def _to_item(kind: str, entry: TrashEntry[Any], identity: Identity, title: str) -> DeletedItem:
    place = identity.notebook, identity.collection
    return DeletedItem(kind, entry.id, identity.name, title, *place, entry.deleted, entry.expires)
