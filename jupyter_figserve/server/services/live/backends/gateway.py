"""Control channel of a kernel behind a Gateway, over a WebSocket of our own. Server process.

jupyter_server's client for such kernels (``gateway.managers.GatewayKernelClient``) does not deliver our answers: its
reader ends at the first message of a channel that nobody opened, and at the first binary one; and it polls without
pause. This module has what ``ControlChannelBackend`` needs of a client.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from .....errors import Unavailable
from .backend import KernelUnavailable

_CONNECT_SECONDS = 10.0


class GatewayClient:
    """Stands in for jupyter_client's ``KernelClient``; its only channel is its own ``control_channel``."""

    def __init__(self, socket: Any, replies: Collection[str]) -> None:
        from jupyter_client.session import Session

        self._socket = socket
        self._replies = replies
        # It only makes messages; the Gateway signs them with the kernel's key.
        self.session = Session(key=b"")
        self.control_channel = self

    def send(self, message: dict[str, Any]) -> None:
        """Send a message.

        Raises
        ------
        KernelUnavailable
            When the connection is closed.
        """
        from jupyter_client.jsonutil import json_default
        from tornado.websocket import WebSocketClosedError

        try:
            text = json.dumps({**message, "channel": "control", "buffers": []}, default=json_default)
            self._socket.write_message(text).add_done_callback(_ignore_failure)
        except WebSocketClosedError as error:
            raise KernelUnavailable from error

    async def get_msg(self, timeout: None = None) -> dict[str, Any]:
        """Return the next answer to us; other messages of the kernel are skipped.

        Raises
        ------
        KernelUnavailable
            When the connection is closed.
        """
        from jupyter_server.services.kernels.connection import base

        read_binary: Any = base.deserialize_binary_message
        while (frame := await self._socket.read_message()) is not None:
            message: dict[str, Any] = json.loads(frame) if isinstance(frame, str) else read_binary(frame)
            if message.get("channel") == "control" and message["header"]["msg_type"] in self._replies:
                return message
        raise KernelUnavailable

    def stop_channels(self) -> None:
        self._socket.close()


async def connect(kernel: str, replies: Collection[str], max_message_bytes: int) -> GatewayClient:
    """Connect to a kernel of the Gateway that this server is configured for.

    Parameters
    ----------
    replies
        Types of the messages that it receives.
    max_message_bytes
        Upper limit of one message.

    Raises
    ------
    Unavailable
        When the Gateway does not answer.
    """
    from jupyter_server.gateway.gateway_client import GatewayClient as Settings
    from jupyter_server.utils import url_path_join
    from tornado.escape import url_escape
    from tornado.httpclient import HTTPRequest
    from tornado.websocket import websocket_connect

    gateway: Any = Settings.instance()
    url = url_path_join(gateway.ws_url or "", gateway.kernels_endpoint, url_escape(kernel), "channels")
    request = HTTPRequest(url, **{**gateway.load_connection_args(), "connect_timeout": _CONNECT_SECONDS})
    try:
        return GatewayClient(await websocket_connect(request, max_message_size=max_message_bytes), replies)
    except Exception as error:
        raise Unavailable(f"The Gateway does not open the channels of its kernel: {error}", retry_after=5) from error


def _ignore_failure(future: Any) -> None:
    """Keep asyncio from logging the failure; ``get_msg`` reports the closed connection."""
    if not future.cancelled():
        future.exception()
