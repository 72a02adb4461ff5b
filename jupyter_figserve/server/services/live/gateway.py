"""The channels of a kernel behind a Gateway, by a WebSocket of our own. Server process.

jupyter_server's client for such kernels (``gateway.managers.GatewayKernelClient``) cannot bring our answers: its reader
ends at the first message of a channel that nobody opened, and at the first binary one; and it polls without pause. Here
is what ``ControlLink`` needs of a client, and no more.
"""

from __future__ import annotations

import json
from typing import Any

from ....errors import Unavailable
from .call_queue import KernelUnavailable

_CONNECT_SECONDS = 10.0


class GatewayClient:
    """What ``KernelClient`` is for other kernels; its only channel is its own ``control_channel``."""

    def __init__(self, socket: Any, reply: str) -> None:
        from jupyter_client.session import Session

        self._socket = socket
        self._reply = reply
        # It makes messages; the Gateway signs them with the kernel's own key.
        self.session = Session(key=b"")
        self.control_channel = self

    def send(self, message: dict[str, Any]) -> None:
        """Raises
        ------
        KernelGone
            When the line is down.
        """
        from jupyter_client.jsonutil import json_default
        from tornado.websocket import WebSocketClosedError

        try:
            text = json.dumps({**message, "channel": "control", "buffers": []}, default=json_default)
            self._socket.write_message(text).add_done_callback(_ignore)
        except WebSocketClosedError as error:
            raise KernelUnavailable from error

    async def get_msg(self, timeout: None = None) -> dict[str, Any]:
        """The next answer to us; all else that the kernel says is passed by.

        Raises
        ------
        KernelGone
            When the line is down.
        """
        from jupyter_server.services.kernels.connection import base

        read_binary: Any = base.deserialize_binary_message
        while (frame := await self._socket.read_message()) is not None:
            message: dict[str, Any] = json.loads(frame) if isinstance(frame, str) else read_binary(frame)
            if message.get("channel") == "control" and message["header"]["msg_type"] == self._reply:
                return message
        raise KernelUnavailable

    def stop_channels(self) -> None:
        self._socket.close()


async def connect(kernel: str, reply: str, largest: int) -> GatewayClient:
    """The client of a kernel of the Gateway that this server has been configured for.

    Parameters
    ----------
    reply
        The type of the messages that it hears.
    largest
        Bytes of one message.

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
        return GatewayClient(await websocket_connect(request, max_message_size=largest), reply)
    except Exception as error:
        raise Unavailable(f"The Gateway does not give its kernel's channels: {error}", retry_after=5) from error


def _ignore(future: Any) -> None:
    if not future.cancelled():
        future.exception()
