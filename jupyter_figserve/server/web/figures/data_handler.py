"""The data of a figure for its owner, as JSON. Server process."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....model.keys import READ
from ..http.private_handler import AuthenticatedHandler
from .data_responses import json_response


class FigureDataHandler(AuthenticatedHandler):
    """``/api/figures/{id}/data``."""

    scopes = {"GET": READ, "HEAD": READ}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, figure_id: str) -> None:
        record = await self.get_owned_figure(figure_id, self.int_argument("version"))
        record = await self.context.source_checker.recheck_problem(record)
        rows = self.int_argument("rows")
        writing = self.context.figure_data.write_json(record, rows, self.caller, self.count_render)
        body = await self.run_until_disconnect(writing)
        await self.send_representation(json_response(body, record.name, "private, no-cache", is_public=False))

    head = get
