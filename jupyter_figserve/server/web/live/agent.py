"""WebSocket of a kernel's agent: the kernel declares its live figures, the server sends calls. Server process.

Only a kernel's own key opens it: no browser, no login, no other key. A frame from the kernel is the length of the head
in four bytes (big-endian), the head as JSON, and a body.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web
from tornado.ioloop import PeriodicCallback
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from ....errors import Forbidden, InvalidInput
from ....model.keys import PUBLISH
from ....model.live import LiveDeclaration
from ...services.live.agent_backend import AgentBackend
from ...services.live.backend import KernelUnavailable
from ..http.private_handler import AuthenticatedHandler

logger = logging.getLogger("jupyter_figserve")
PROTOCOL = 1
_MAX_LIVE_FIGURES = 1_000
_MAX_HEAD_BYTES = 2**20
_PING_SECONDS = 30.0
_KEY_CHECK_MILLISECONDS = 15_000


class AgentHandler(WebSocketHandler, AuthenticatedHandler):
    """``/api/agent``."""

    scopes = {"GET": PUBLISH}
    _backend: AgentBackend | None = None

    @property
    def max_message_size(self) -> int:
        return self.context.config.live_bytes + _MAX_HEAD_BYTES

    @property
    def ping_interval(self) -> float:
        return _PING_SECONDS

    def check_origin(self, origin_to_satisfy_tornado: str = "") -> bool:
        """Refuse browsers, which alone send an Origin header."""
        if "Origin" in self.request.headers:
            raise Forbidden("Web pages may not open this address.", code="cross_site")
        return True

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def get(self, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        if not self.principal.kernel or self.principal.kernel == "starting":
            raise Forbidden("Only the key of a kernel that this server started opens this address.", code="no_kernel")
        # The handshake fails if JSON's headers are sent with it.
        self.clear_header("Content-Type")
        await WebSocketHandler.get(self, *args, **kwargs)

    def open(self, *_args: str, **_kwargs: str) -> None:
        self._backend = AgentBackend(self._send, self.context.config.live_bytes)
        self._key_check = PeriodicCallback(self._check_key, _KEY_CHECK_MILLISECONDS)
        self._key_check.start()

    async def on_message(self, message: str | bytes) -> None:
        """Handle one frame; tornado reads the next when this returns."""
        try:
            head, body = _parse_frame(message)
            if head.get("op") == "hello":
                await self._on_hello(head)
            elif head.get("op") in ("answer", "progress") and self._backend is not None:
                self._backend.receive(head, body)
        except InvalidInput as error:
            logger.warning("The agent of kernel %s: %s", self.principal.kernel, error.message)
            self.close(1008, error.message[:100])

    def on_close(self) -> None:
        if self._backend is None:
            return
        self._key_check.stop()
        self._backend.close()
        assert self.principal.kernel is not None
        self.context.live.unregister(self.principal.kernel, self._backend)

    def _send(self, message: dict[str, Any]) -> None:
        """Send a message to the kernel.

        Raises
        ------
        KernelUnavailable
            When the connection is closed.
        """
        try:
            self.write_message(json.dumps(message)).add_done_callback(_ignore_failure)
        except WebSocketClosedError as error:
            raise KernelUnavailable from error

    async def _on_hello(self, head: dict[str, Any]) -> None:
        rows = head.get("live")
        if head.get("protocol") != PROTOCOL or not isinstance(rows, list) or len(rows) > _MAX_LIVE_FIGURES:
            raise InvalidInput("The hello is not valid: kernel and server have different versions of figserve.")
        declarations = [LiveDeclaration.from_json(row) for row in rows]
        kernel, backend = self.principal.kernel, self._backend
        assert backend is not None
        assert kernel is not None
        records = await self.context.live.registry.register(self.principal.owner, kernel, backend, declarations)
        url = self.base.url
        addresses = {
            record.name: {
                "id": record.id,
                "url": f"{url}/live/{kernel}/{record.name}",
                "lasting_url": f"{url}/live/f/{record.id}",
            }
            for record in records
        }
        if self.ws_connection is not None:
            self._send({"op": "welcome", "announcement": head.get("announcement"), "live": addresses})

    async def _check_key(self) -> None:
        """Close the connection when its key has been revoked."""
        if not await self.context.authenticator.is_still_valid(self.principal):
            self.close(1008, "The key was revoked.")


def _parse_frame(message: str | bytes) -> tuple[dict[str, Any], bytes]:
    """Split a frame into head and body.

    Raises
    ------
    InvalidInput
        When it is not a valid frame.
    """
    if isinstance(message, str) or len(message) < 4:
        raise InvalidInput("The frame is not binary, or too short.")
    end = 4 + int.from_bytes(message[:4], "big")
    if end > min(len(message), 4 + _MAX_HEAD_BYTES):
        raise InvalidInput("The frame's head is too long.")
    try:
        head = json.loads(message[4:end])
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The frame's head is not JSON.") from error
    if not isinstance(head, dict):
        raise InvalidInput("The frame's head is not a JSON object.")
    return head, message[end:]


def _ignore_failure(future: Any) -> None:
    """Keep asyncio from logging the failure; ``on_close`` handles it."""
    if not future.cancelled():
        future.exception()
