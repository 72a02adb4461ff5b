"""What administrators see of all owners, their quotas, and the transfer of ownership, as JSON. Server process.

They list and revoke everybody's links, keys and figures by the ordinary routes, with the scope ``admin``.
"""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....errors import InvalidInput
from ....model.keys import ADMIN
from ....model.owners import OwnQuota
from ....model.texts import validate_single_line
from ...services.links.listing import list_described
from ..http.private_handler import AuthenticatedHandler
from .json_views import described_link_json, owner_json

_MAX_NAME = 255


class AdminHandler(AuthenticatedHandler):
    """Base of the handlers for administrators."""

    def validate_owner(self, name: object, what: str = "owner") -> str:
        """Return the name of an owner.

        Raises
        ------
        InvalidInput
            When it cannot be one.
        """
        owner = validate_single_line(name, what, _MAX_NAME)
        if not owner:
            raise InvalidInput(f"{what} must be the name of an owner.")
        return owner


class OwnersHandler(AdminHandler):
    """``/api/admin/owners``."""

    scopes = {"GET": ADMIN, "HEAD": ADMIN}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        limit = self.limit_argument()
        cursor, text = (self.get_query_argument(name, None) for name in ("cursor", "q"))
        store = self.context.store
        found, following = await store.owners.list_page(limit, cursor, text)
        owners = [owner_json(usage, store.limits.owner_quota) for usage in found]
        self.write_json({"owners": owners, "next": following})

    head = get


class OwnerHandler(AdminHandler):
    """``/api/admin/owners/{owner}``."""

    scopes = {"GET": ADMIN, "HEAD": ADMIN, "PATCH": ADMIN}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, name: str) -> None:
        await self._respond(self.validate_owner(name))

    head = get

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def patch(self, name: str) -> None:
        owner, body = self.validate_owner(name), self.json_body(("quota", "same_person"))
        if body.get("same_person", True) is not True:
            raise InvalidInput(
                "same_person can only be true: the user who has the name now is the same person as before."
            )
        if "quota" in body:
            quota = OwnQuota.from_json(body["quota"])
            await self.context.store.owners.set_quota(owner, quota)
            self.audit("owner.limited", owner, quota={"figures": quota.figures, "bytes": quota.bytes})
        if "same_person" in body:
            await self.context.owner_guard.confirm(owner)
            self.audit("owner.confirmed", owner)
        await self._respond(owner)

    async def _respond(self, owner: str) -> None:
        context = self.context
        standing = await context.owner_guard.find_standing(owner)
        usage = await context.store.owners.describe(owner)
        found = owner_json(usage, context.store.limits.owner_quota)
        renamed_to = await context.store.owners.find_namesake(owner)
        self.write_json(found | {"standing": standing.value, "renamed_to": renamed_to})


class AdminLinksHandler(AdminHandler):
    """``/api/admin/links``."""

    scopes = {"GET": ADMIN, "HEAD": ADMIN}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        await self.context.view_counter.flush()
        limit = self.limit_argument()
        owner, cursor = (self.get_query_argument(name, None) for name in ("owner", "cursor"))
        order = self.get_query_argument("order", "views")
        found, following = await list_described(self.context.store, order, owner, limit, cursor)
        self.write_json({"links": [described_link_json(item) for item in found], "next": following})

    head = get


class TransferHandler(AdminHandler):
    """``/api/admin/transfer``."""

    scopes = {"POST": ADMIN}

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def post(self) -> None:
        body = self.json_body(("from", "to", "renamed"))
        old, new = (self.validate_owner(body.get(name), name) for name in ("from", "to"))
        is_renamed = body.get("renamed", False)
        if old == new:
            raise InvalidInput("from and to must be the names of two owners.")
        if not isinstance(is_renamed, bool):
            raise InvalidInput("renamed must be true or false.")
        done = await self.context.store.owners.transfer(old, new, is_renamed=is_renamed)
        for owner in (old, new):
            self.context.owner_guard.forget(owner)
        await self.context.live.registry.reload_owner(old)
        await self.announce("owner.transferred", old, target=new)
        self.write_json({"moved": dict(done.moved), "kept": list(done.kept)})
