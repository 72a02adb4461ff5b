"""The page of all links of an owner. Server process."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....model.keys import READ_OR_PUBLISH
from ...services.links.listing import list_own
from ..http.private_handler import AuthenticatedHandler

_PAGE_SIZE = 200


class LinksPageHandler(AuthenticatedHandler):
    """``/links``."""

    is_page = True
    scopes = {"GET": READ_OR_PUBLISH, "HEAD": READ_OR_PUBLISH}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        context, cursor = self.context, self.get_query_argument("cursor", None)
        await context.view_counter.flush()
        self.set_xsrf_cookie()
        links, following = await list_own(context.store, self.principal.owner, None, _PAGE_SIZE, cursor)
        self.write_page(
            "links/links.html",
            links=links,
            following=following,
            is_first=cursor is None,
            now=context.store.clock(),
        )

    head = get
