"""What an owner has deleted and can restore, over HTTP. Server process."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from ...model.keys import READ_OR_PUBLISH
from ...model.queries import MAX_LIMIT
from ...model.times import rfc3339
from ..services.trash import list_deleted
from .http.private_handler import AuthenticatedHandler


class TrashHandler(AuthenticatedHandler):
    """``/api/trash``."""

    scopes = {"GET": READ_OR_PUBLISH, "HEAD": READ_OR_PUBLISH}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        limit = self.limit_argument()
        found = await list_deleted(self.context.store, self.principal.owner, limit)
        rows = [
            {
                "kind": item.target.kind,
                "id": item.target.id,
                "name": item.identity.name,
                "title": item.title,
                "notebook": item.identity.notebook or None,
                "collection": item.identity.collection or None,
                "deleted": rfc3339(item.deleted),
                "expires": rfc3339(item.expires),
            }
            for item in found
        ]
        self.write_json({"trash": rows})

    head = get


class TrashPageHandler(AuthenticatedHandler):
    """``/trash``."""

    is_page = True
    scopes = {"GET": READ_OR_PUBLISH, "HEAD": READ_OR_PUBLISH}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        self.set_xsrf_cookie()
        items = await list_deleted(self.context.store, self.principal.owner, MAX_LIMIT)
        self.write_page("trash/trash.html", items=items)

    head = get
