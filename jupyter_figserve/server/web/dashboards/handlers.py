"""Dashboards over HTTP for their owners: publish, list, describe, delete and restore. Server process."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....errors import InvalidInput, NotFound
from ....model.dashboards import DashboardRecord, Layout
from ....model.figures import is_id
from ....model.keys import PUBLISH, READ
from ....model.places import check_collection, read_place
from ....model.queries import DashboardQuery
from ....model.texts import check_name, slug
from ...services.dashboards.resolver import ResolvedDashboard, resolve_dashboard, validate_layout
from ..http.private_handler import AuthenticatedHandler
from .json_views import dashboard_json

_FIELDS = ("name", "title", "theme", "controls", "rows", "collection", "notebook")
_MAX_JSON_BYTES = 2 * 2**20


class DashboardBase(AuthenticatedHandler):
    """Base of the handlers of dashboards."""

    async def get_owned_dashboard(self, dashboard_id: str) -> DashboardRecord:
        """Return the caller's dashboard; another owner's counts as missing.

        Raises
        ------
        NotFound
            When there is none.
        """
        record = await self.context.store.dashboards.find(dashboard_id) if is_id(dashboard_id) else None
        if record is None or not self.principal.may_see(record.owner):
            raise NotFound("There is no such dashboard.")
        return record

    async def resolve(self, record: DashboardRecord) -> ResolvedDashboard:
        return await resolve_dashboard(self.context.store, self.context.live, record)

    async def to_json(self, record: DashboardRecord) -> dict[str, Any]:
        return dashboard_json(await self.resolve(record), self.base)


class DashboardsHandler(DashboardBase):
    """``/api/dashboards``."""

    scopes = {"GET": READ, "HEAD": READ, "POST": PUBLISH}

    @property
    def body_limit(self) -> int:
        return _MAX_JSON_BYTES

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        query, limit = await self._read_query(), self.limit_argument()
        cursor = self.get_query_argument("cursor", None)
        found, next_cursor = await self.context.store.dashboards.list_page(query, limit, cursor)
        self.write_json({"dashboards": [await self.to_json(record) for record in found], "next": next_cursor})

    head = get

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def post(self) -> None:
        body = self.json_body(_FIELDS)
        layout = await validate_layout(
            self.context.store, self.context.live, Layout.from_json(body), self.principal.owner
        )
        identity = await self.make_identity(_read_name(body.get("name"), layout.title), read_place(body))
        record = await self.context.store.dashboards.publish(identity, layout, self.principal.kernel)
        await self.announce("dashboard.published", record.id)
        self.set_header("Location", self.base.dashboard(record.id))
        self.write_json(await self.to_json(record), 201)

    async def _read_query(self) -> DashboardQuery:
        name, text = (self.find_name(field) for field in ("name", "q"))
        collection = self.get_query_argument("collection", None)
        if self.get_query_argument("here", None) is not None:
            here = await self.make_identity("here")
            return DashboardQuery(here.owner, here.scope, here.notebook, here.maker, here.collection, name, text)
        checked = None if collection is None else check_collection(collection)
        return DashboardQuery(self.principal.owner_filter, collection=checked, name=name, text=text)


class DashboardHandler(DashboardBase):
    """``/api/dashboards/{id}``."""

    scopes = {"GET": READ, "HEAD": READ, "DELETE": PUBLISH}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, dashboard_id: str) -> None:
        self.write_json(await self.to_json(await self.get_owned_dashboard(dashboard_id)))

    head = get

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def delete(self, dashboard_id: str) -> None:
        record = await self.get_owned_dashboard(dashboard_id)
        await self.context.view_counter.flush()
        await self.context.store.dashboards.delete(record)
        await self.announce("dashboard.deleted", record.id)
        self.write_no_content()


class DashboardRestoreHandler(DashboardBase):
    """``/api/dashboards/{id}/restore``: undoes a deletion."""

    scopes = {"POST": PUBLISH}

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def post(self, dashboard_id: str) -> None:
        dashboards = self.context.store.dashboards
        await self.check_restorable(dashboards, dashboard_id, "dashboard")
        record = await dashboards.restore(dashboard_id)
        await self.announce("dashboard.restored", record.id)
        self.write_json(await self.to_json(record))


def _read_name(name: object, title: str) -> str:
    """Return the given name, or one made from the title."""
    if name is not None:
        return check_name(name)
    slugged = slug(title)
    if slugged is None:
        raise InvalidInput("This title has no letters or digits to make a name from. Give a name.")
    return slugged
