"""The WebSocket of a kernel's agent: what the kernel offers comes up, calls go down. Server process.

Only a kernel's own key opens it: no browser, no login, no other key. A frame from the kernel is four bytes (the length
of the head, big-endian), the head in JSON, and a body.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from ....errors import FigServeError, Forbidden, InvalidInput
from ....model.keys import PUBLISH
from ....model.live import LiveDeclaration, LiveRequest
from ...services.live.call_queue import KernelUnavailable, LiveResponse, read_answer
from ..http.private_handler import AuthenticatedHandler

logger = logging.getLogger("jupyter_figserve")
PROTOCOL = 1
_MAX_OFFERS = 1_000
_HEAD_LIMIT = 2**20
_PING_SECONDS = 30.0


class AgentBackend:
    """A ``KernelLink`` over one open WebSocket."""

    def __init__(self, handler: AgentHandler) -> None:
        self._handler = handler
        self._ids = itertools.count(1)
        self._waiting: dict[int, tuple[asyncio.Future[LiveResponse], LiveRequest]] = {}
        self._is_closed = False

    async def call(self, name: str, request: LiveRequest, known: tuple[str, ...]) -> LiveResponse:
        if self._is_closed:
            raise KernelUnavailable
        rid = next(self._ids)
        future: asyncio.Future[LiveResponse] = asyncio.get_running_loop().create_future()
        self._waiting[rid] = (future, request)
        try:
            self._handler.send({"op": "call", "rid": rid, "name": name, "known": list(known), **request.__dict__})
            return await future
        finally:
            self._waiting.pop(rid, None)

    def take(self, head: dict[str, Any], body: bytes) -> None:
        """An answer of the kernel's; one that nobody waits for is dropped."""
        future, request = self._waiting.get(head.get("rid", 0), (None, None))
        if future is None or request is None or future.done():
            return
        try:
            future.set_result(read_answer(head, body, request))
        except FigServeError as error:
            future.set_exception(error)

    def close(self) -> None:
        self._is_closed = True
        for future, _ in list(self._waiting.values()):
            if not future.done():
                future.set_exception(KernelUnavailable())


class AgentHandler(WebSocketHandler, AuthenticatedHandler):
    """``/api/agent``."""

    scopes = {"GET": PUBLISH}
    _link: AgentBackend | None = None

    @property
    def max_message_size(self) -> int:
        return self.context.config.live_bytes + _HEAD_LIMIT

    @property
    def ping_interval(self) -> float:
        return _PING_SECONDS

    def check_origin(self, origin_to_satisfy_tornado: str = "") -> bool:
        """A browser says where its page is from, and no browser has anything to do here."""
        if "Origin" in self.request.headers:
            raise Forbidden("No web page may open this.", code="cross_site")
        return True

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def get(self, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        if not self.principal.kernel or self.principal.kernel == "starting":
            raise Forbidden("Only a kernel that this server started opens this, with its own key.", code="no_kernel")
        # JSON's headers would be refused beside those of the handshake.
        self.clear_header("Content-Type")
        await WebSocketHandler.get(self, *args, **kwargs)

    def open(self, *_args: str, **_kwargs: str) -> None:
        self._link = AgentBackend(self)
        self._timer = self.context.live.watch(self._check_key)

    async def on_message(self, message: str | bytes) -> None:
        """In order: the next frame is read when this one is done with."""
        try:
            head, body = _split(message)
            if head.get("op") == "hello":
                await self._take_hello(head)
            elif head.get("op") == "answer" and self._link is not None:
                self._link.take(head, body)
        except InvalidInput as error:
            logger.warning("The agent of kernel %s: %s", self.principal.kernel, error.message)
            self.close(1008, error.message[:100])

    def on_close(self) -> None:
        if self._link is None:
            return
        self._timer()
        self._link.close()
        assert self.principal.kernel is not None
        self.context.live.lose(self.principal.kernel, self._link)

    def send(self, message: dict[str, Any]) -> None:
        """Raises
        ------
        KernelGone
            When the line is down.
        """
        try:
            self.write_message(json.dumps(message)).add_done_callback(_ignore)
        except WebSocketClosedError as error:
            raise KernelUnavailable from error

    async def _take_hello(self, head: dict[str, Any]) -> None:
        rows = head.get("live")
        if head.get("protocol") != PROTOCOL or not isinstance(rows, list) or len(rows) > _MAX_OFFERS:
            raise InvalidInput("This is no hello of ours: kernel and server have different versions of figserve.")
        declared = [LiveDeclaration.from_json(row) for row in rows]
        assert self._link is not None
        assert self.principal.kernel is not None
        records = await self.context.live.take_offers(self.principal.owner, self.principal.kernel, self._link, declared)
        url = self.base.url
        addresses = {
            record.name: {
                "id": record.id,
                "url": f"{url}/live/{self.principal.kernel}/{record.name}",
                "lasting_url": f"{url}/live/f/{record.id}",
            }
            for record in records
        }
        if self.ws_connection is not None:
            self.send({"op": "welcome", "told": head.get("told"), "live": addresses})

    def _check_key(self) -> None:
        """A key that was revoked meanwhile ends the line."""
        if not self.context.authenticator.is_still_valid(self.principal):
            self.close(1008, "The key was revoked.")


def _split(message: str | bytes) -> tuple[dict[str, Any], bytes]:
    if isinstance(message, str) or len(message) < 4:
        raise InvalidInput("A frame of another kind.")
    end = 4 + int.from_bytes(message[:4], "big")
    if end > min(len(message), 4 + _HEAD_LIMIT):
        raise InvalidInput("A frame with too long a head.")
    try:
        head = json.loads(message[4:end])
    except (ValueError, RecursionError) as error:
        raise InvalidInput("A frame whose head is no JSON.") from error
    if not isinstance(head, dict):
        raise InvalidInput("A frame whose head is no object.")
    return head, message[end:]


def _ignore(future: Any) -> None:
    if not future.cancelled():
        future.exception()
