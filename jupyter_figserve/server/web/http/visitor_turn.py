"""Requests of visitors, who wait for their turn. Server process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from tornado import web


class VisitorTurnMixin(JupyterHandler):
    """Adds the wait for a turn to a handler; see ``VisitorTurns``."""

    def wait_for_turn(self) -> Awaitable[None] | None:
        """Return what to await until a visitor's request may go on, None when it may at once.

        Awaiting it raises ``web.Finish`` when the client disconnects.
        """
        turn = self.settings["figserve"].traffic.visitor_turns.request(self.request.remote_ip or "")
        return None if turn is None else self._wait(turn)

    async def _wait(self, turn: asyncio.Future[None]) -> None:
        # tornado calls on_connection_close only once the request has been read.
        stream: Any = self.request.connection.stream  # type: ignore[union-attr]
        stream.set_close_callback(turn.cancel)
        try:
            await turn
        except asyncio.CancelledError:
            raise web.Finish from None
        finally:
            stream.set_close_callback(None)
