"""What administrators see of all owners, and the transfer of ownership. Server process.

They list and revoke everybody's links, keys and figures by the ordinary routes, with the scope ``admin``.
"""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from ...errors import InvalidInput
from ...model.keys import ADMIN
from ...model.queries import DEFAULT_LIMIT
from ...model.texts import validate_single_line
from .http.private_handler import AuthenticatedHandler

_MAX_NAME = 255


class OwnersHandler(AuthenticatedHandler):
    """``/api/admin/owners``."""

    scopes = {"GET": ADMIN, "HEAD": ADMIN}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        limit = self.int_argument("limit", DEFAULT_LIMIT) or DEFAULT_LIMIT
        found = await self.context.store.owners.list(limit)
        self.write_json({"owners": [dict(usage.__dict__) for usage in found]})

    head = get


class TransferHandler(AuthenticatedHandler):
    """``/api/admin/transfer``."""

    scopes = {"POST": ADMIN}

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def post(self) -> None:
        body = self.json_body(("from", "to", "renamed"))
        old, new = (validate_single_line(body.get(name), name, _MAX_NAME) for name in ("from", "to"))
        is_renamed = body.get("renamed", False)
        if not old or not new or old == new:
            raise InvalidInput("from and to must be the names of two owners.")
        if not isinstance(is_renamed, bool):
            raise InvalidInput("renamed must be true or false.")
        done = await self.context.store.owners.transfer(old, new, is_renamed=is_renamed)
        self.audit("owner.transferred", old, target=new)
        await self.context.events.wake()
        self.write_json({"moved": dict(done.moved), "kept": list(done.kept)})
