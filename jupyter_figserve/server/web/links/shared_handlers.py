"""What others share with this person: a page and its JSON. Server process."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....errors import NotFound
from ....model.keys import READ
from ....model.times import rfc3339
from ...services.links.shared import SharedItem, list_shared
from ..http.private_handler import AuthenticatedHandler


class SharedBase(AuthenticatedHandler):
    """Base of both handlers."""

    async def list_items(self) -> tuple[list[SharedItem], str | None]:
        """Return the page of the list that the query names, and the cursor of the next.

        Raises
        ------
        NotFound
            Without a JupyterHub, where there is nobody else.
        """
        context, limit = self.context, self.limit_argument()
        if not context.audiences.knows_people:
            raise NotFound("Only a JupyterHub has other people who share, and this server has none.", code="no_hub")
        cursor = self.get_query_argument("cursor", None)
        found, following = await list_shared(
            context.store, context.link_tokens, context.config.max_audience, self.principal, limit, cursor
        )
        return list(found), following


class SharedHandler(SharedBase):
    """``/api/shared``."""

    scopes = {"GET": READ, "HEAD": READ}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        items, following = await self.list_items()
        self.write_json({"shared": [self._item_json(item) for item in items], "next": following})

    head = get

    def _item_json(self, item: SharedItem) -> dict[str, Any]:
        link = item.link
        return {
            "id": link.id,
            "kind": link.target.kind,
            "title": item.title,
            "owner": item.owner,
            "audience": link.audience,
            "created": rfc3339(link.created),
            "expires": rfc3339(link.expires),
            "url": self.base.link(item.token) if item.token else None,
        }


class SharedPageHandler(SharedBase):
    """``/shared``."""

    is_page = True
    scopes = {"GET": READ, "HEAD": READ}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        items, following = await self.list_items()
        self.write_page("shared/shared.html", items=items, following=following)

    head = get
