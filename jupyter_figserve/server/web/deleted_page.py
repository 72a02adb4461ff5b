"""The page of what its owner has deleted and can restore, at the address of what it was. Server process."""

from __future__ import annotations

from ...model.figures import is_id
from ...model.links import Target
from ..services.trash import find_deleted
from .http.private_handler import AuthenticatedHandler


async def write_deleted_page(handler: AuthenticatedHandler, kind: str, item_id: str) -> bool:
    """Write the page, with the status 404; return False when there is none to write."""
    if not handler.prefers_page() or not is_id(item_id):
        return False
    record = await find_deleted(handler.context.store, kind, item_id)
    if record is None or record.owner != handler.principal.owner:
        return False
    target = Target(kind, record.id)
    handler.set_status(404)
    handler.set_xsrf_cookie()
    handler.write_page(
        "base/deleted.html",
        target=target,
        heading=record.heading,
    )
    return True
