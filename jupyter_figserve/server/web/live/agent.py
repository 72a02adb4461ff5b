"""WebSocket of a kernel's agent: the kernel declares what it offers, the server sends requests. Server process.

Only a kernel's own key opens it: no browser, no login, no other key. All live figures of the kernel share the
connection, so a frame that is not valid fails only the call under way, and one that is too large only its own.
"""

from __future__ import annotations

import contextlib
import json
import logging
from typing import Any
from urllib.parse import quote

from jupyter_server.auth.decorator import authorized
from tornado import web
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from ....errors import Forbidden, InvalidInput, OutputInvalid, TooLarge
from ....model.kernel_protocol import AGENT_PROTOCOL, MAX_HEAD_BYTES
from ....model.keys import PUBLISH
from ....model.live import LiveDeclaration
from ...services.live.backends.agent_backend import AgentBackend
from ...services.live.backends.agent_frames import make_frame, parse_frame
from ...services.live.backends.backend import KernelUnavailable
from ...services.sessions.kernel_start import check_started
from ..http.private_handler import AuthenticatedHandler

_log = logging.getLogger("jupyter_figserve")
_MAX_LIVE_FIGURES = 1_000
_MAX_CALL_BYTES = 2**20
_MARGIN_BYTES = 16 * 2**20
"""By how much twice ``live_bytes`` a frame may be larger before tornado closes the connection."""
_MIN_ASK_SECONDS, _MAX_ASK_SECONDS = 1.0, 60.0
_PING_SECONDS = 30.0
_KEY_CHECK_MILLISECONDS = 15_000


class AgentHandler(WebSocketHandler, AuthenticatedHandler):
    """``/api/agent``."""

    scopes = {"GET": PUBLISH}
    _backend: AgentBackend | None = None
    _ask_seconds = _MIN_ASK_SECONDS
    _asking: object | None = None
    _has_warned = False

    @property
    def max_message_size(self) -> int:
        """Size up to which a frame is received; the kernel knows the limit, and a call beyond it is answered 413."""
        return 2 * self.context.config.live_bytes + MAX_HEAD_BYTES + _MARGIN_BYTES

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
        if self.principal.kernel:
            is_registered = self.context.registered_kernels is not None
            await check_started(self.context.store, self.principal.kernel, is_registered=is_registered)
        else:
            raise Forbidden("Only the key of a kernel that this server started opens this address.", code="no_kernel")
        # The handshake fails if JSON's headers are sent with it.
        self.clear_header("Content-Type")
        await WebSocketHandler.get(self, *args, **kwargs)

    def open(self, *_args: str, **_kwargs: str) -> None:
        self._backend = AgentBackend(self._send, self.context.config.live_bytes, self.close, self.principal.owner)
        self._key_check = PeriodicCallback(self._check_key, _KEY_CHECK_MILLISECONDS)
        self._key_check.start()

    async def on_message(self, message: str | bytes) -> None:
        """Handle one frame; tornado reads the next when this returns."""
        try:
            head, body = parse_frame(message)
            if head.get("op") == "hello":
                await self._on_hello(head)
            elif head.get("op") in ("answer", "progress") and self._backend is not None:
                self._backend.receive(head, body)
            elif head.get("op") == "sources" and self._backend is not None:
                self._receive_sources(self._backend, head)
                self._send_if_open({"op": "sources_known", "announcement": head.get("announcement")})
        except InvalidInput as error:
            # Once: a kernel may send any number of them.
            level = logging.DEBUG if self._has_warned else logging.WARNING
            self._has_warned = True
            _log.log(level, "A frame of the agent of kernel %s is ignored: %s", self.principal.kernel, error.message)
            if self._backend is not None:
                self._backend.fail_calls(OutputInvalid(f"The kernel's answer cannot be read. {error.message}"))

    def on_close(self) -> None:
        if self._backend is None:
            return
        self._key_check.stop()
        if self._asking is not None:
            IOLoop.current().remove_timeout(self._asking)
        self._backend.close()
        assert self.principal.kernel is not None
        self.context.live.unregister(self.principal.kernel, self._backend)

    def _send(self, message: dict[str, Any], body: bytes | None = None) -> None:
        """Send a message to the kernel; one with a body as a binary frame.

        Raises
        ------
        KernelUnavailable
            When the connection is closed.
        TooLarge
            When it is a call that the kernel would not receive.
        """
        text = json.dumps(message)
        if message["op"] == "call" and len(text) > _MAX_CALL_BYTES:
            raise TooLarge(
                f"The parameters have {len(text):,} bytes; a live figure is called with at most {_MAX_CALL_BYTES:,}."
            )
        try:
            frame = text if body is None else make_frame(message, body)
            self.write_message(frame, binary=body is not None).add_done_callback(_ignore_failure)
        except WebSocketClosedError as error:
            raise KernelUnavailable from error

    def _receive_sources(self, backend: AgentBackend, head: dict[str, Any]) -> None:
        """Take the sources that the kernel draws, and tell the other servers."""
        backend.receive_sources(head)
        registry, kernel = self.context.live.registry, self.principal.kernel
        if kernel is not None and registry.find_backend(kernel) is backend:
            registry.report_change(kernel)

    async def _on_hello(self, head: dict[str, Any]) -> None:
        """Register what the kernel offers; ask it to announce that again later if it cannot be stored now.

        When the declarations are not valid, the earlier ones stay, and the kernel receives the reason.
        """
        kernel, backend = self.principal.kernel, self._backend
        assert backend is not None
        assert kernel is not None
        try:
            declarations = _parse_hello(head)
            records = await self.context.live.registry.register(self.principal.owner, kernel, backend, declarations)
        except KernelUnavailable:
            # The kernel has a newer connection.
            self.close()
            return
        except InvalidInput as error:
            self._send_if_open({"op": "refused", "announcement": head.get("announcement"), "reason": error.message})
            return
        except Exception:
            _log.exception("The live figures of kernel %s cannot be registered.", kernel)
            self._ask_to_announce_later()
            return
        self._ask_seconds = _MIN_ASK_SECONDS
        url = self.base.url
        addresses = {
            record.name: {
                "id": record.id,
                "url": f"{url}/live/{kernel}/{quote(record.name)}",
                "lasting_url": f"{url}/live/f/{record.id}",
            }
            for record in records
        }
        self._send_if_open({"op": "welcome", "announcement": head.get("announcement"), "live": addresses})

    def _send_if_open(self, message: dict[str, Any]) -> None:
        if self.ws_connection is not None:
            with contextlib.suppress(KernelUnavailable):
                self._send(message)

    def _ask_to_announce_later(self) -> None:
        """Ask the kernel to say hello again, after a delay that doubles each time."""
        loop = IOLoop.current()
        if self._asking is not None:
            loop.remove_timeout(self._asking)
        self._asking = loop.call_later(self._ask_seconds, self._send_if_open, {"op": "announce"})
        self._ask_seconds = min(2 * self._ask_seconds, _MAX_ASK_SECONDS)

    async def _check_key(self) -> None:
        """Close the connection when its key has been revoked."""
        if not await self.context.authenticator.is_still_valid(self.principal):
            self.close(1008, "The key was revoked.")


def _parse_hello(head: dict[str, Any]) -> list[LiveDeclaration]:
    rows = head.get("live")
    if head.get("protocol") != AGENT_PROTOCOL or not isinstance(rows, list) or len(rows) > _MAX_LIVE_FIGURES:
        raise InvalidInput("The hello is not valid: kernel and server have different versions of figserve.")
    return [LiveDeclaration.from_json(row) for row in rows]


def _ignore_failure(future: Any) -> None:
    """Keep asyncio from logging the failure; ``on_close`` handles it."""
    if not future.cancelled():
        future.exception()
