"""The page of what its owner has deleted and can restore, at the address of what it was. Server process."""

from __future__ import annotations

from ...model.figures import FigureRecord, is_id
from ...model.links import FIGURE
from .http.private_handler import AuthenticatedHandler


async def find_deleted_heading(handler: AuthenticatedHandler, kind: str, item_id: str) -> str | None:
    """Return the heading of the caller's deleted figure or dashboard; None when none can be restored."""
    if not is_id(item_id):
        return None
    store = handler.context.store
    deleted = await (store.figures if kind == FIGURE else store.dashboards).find_deleted(item_id)
    if deleted is None or deleted.owner != handler.principal.owner:
        return None
    return deleted.heading if isinstance(deleted, FigureRecord) else deleted.layout.title


async def write_deleted_page(handler: AuthenticatedHandler, kind: str, item_id: str) -> bool:
    """Write the page, with the status 404; return False when there is none to write."""
    heading = await find_deleted_heading(handler, kind, item_id) if handler.prefers_page() else None
    if heading is None:
        return False
    handler.set_status(404)
    handler.set_xsrf_cookie()
    handler.write_page("base/deleted.html", kind=kind, id=item_id, heading=heading)
    return True
