"""Live figures as records over HTTP for their owners: describe, delete and restore. Server process."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....model.keys import PUBLISH, READ
from .handlers import LiveHandler


class LiveFigureHandler(LiveHandler):
    """``/api/live/{id}``."""

    scopes = {"GET": READ, "HEAD": READ, "DELETE": PUBLISH}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, live_id: str) -> None:
        self.write_json(await self.describe(await self.get_owned_by_id(live_id)))

    head = get

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def delete(self, live_id: str) -> None:
        record = (await self.get_owned_by_id(live_id)).record
        await self.context.view_counter.flush()
        await self.context.live.images.flush()
        await self.context.store.live.delete(record)
        self.context.live.registry.hide(record)
        await self.announce("live.deleted", record.id)
        self.write_no_content()


class LiveRestoreHandler(LiveHandler):
    """``/api/live/{id}/restore``: undoes a deletion."""

    scopes = {"POST": PUBLISH}

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def post(self, live_id: str) -> None:
        live = self.context.store.live
        await self.check_restorable(live, live_id, "live figure")
        record = await live.restore(live_id)
        self.context.live.registry.show(record)
        await self.announce("live.restored", record.id)
        self.write_json(await self.describe(await self.get_owned_by_id(live_id)))
