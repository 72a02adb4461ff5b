"""The kernel's line to its server: one WebSocket, dialled from a daemon thread, on which live calls come. Kernel.

It works while a cell runs, because it needs nothing of the kernel's own loop. Calls come down as JSON; answers go up as
a frame of four bytes (the head's length, big-endian), the head in JSON, and the picture.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import random
import socket
import threading
from typing import Any

from ...errors import NotConnected
from ..client.address import UNIX, Address
from ..client.connection import Connection, find_connection
from ..figures.cell import find_shell
from .registry import worker

PROTOCOL = 1
_LARGEST_CALL = 2**20
_FIRST_DELAY, _MAX_DELAY = 0.1, 5.0
_CONNECT_SECONDS = 10.0
_LIVELY_SECONDS = 1.0
_SETTLE_SECONDS = 2.0
_log = logging.getLogger(__name__)


class Agent:
    """Keeps the line open, tells what the kernel offers, and hands calls to the worker."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.refusal = ""
        self._known: dict[str, dict[str, str]] = {}
        self._told = 0
        self._news = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._socket: Any = None
        threading.Thread(target=self._run, name="figserve-agent", daemon=True).start()

    def announce(self) -> None:
        """Tell the server what is offered now."""
        with self._news:
            self._known.clear()
            self._told += 1
            loop = self._loop
        if loop is not None:
            # RuntimeError: the loop has ended with the kernel.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._say_hello)

    def settle(self, seconds: float = _SETTLE_SECONDS) -> None:
        """Wait until the server knows what is offered, so that a cell's end means that its functions answer.

        Not for a server that is not there: it will hear when it is.
        """
        offered = {offer.name for offer in worker.offers()}
        with self._news:
            self._news.wait_for(lambda: bool(self.refusal) or offered <= self._known.keys(), seconds)

    def address_of(self, name: str, seconds: float) -> dict[str, str]:
        """Where the server has put a live figure: ``id``, ``url`` and ``lasting_url``.

        Raises
        ------
        NotConnected
            When the server does not say within ``seconds``.
        """
        with self._news:
            if not self._news.wait_for(lambda: name in self._known, seconds):
                why = self.refusal or "it does not answer; live figures will be there as soon as it does"
                raise NotConnected(f"{self.connection.url} does not know this live figure yet: {why}.")
            return self._known[name]

    def _run(self) -> None:
        with contextlib.suppress(RuntimeError):
            asyncio.run(self._stay_connected())

    async def _stay_connected(self) -> None:
        self._loop = loop = asyncio.get_running_loop()
        delay = _FIRST_DELAY
        while True:
            began = loop.time()
            try:
                await self._talk()
            except Exception as error:
                # Whatever it was, the user's cell has nothing to do with it: try again.
                with self._news:
                    self.refusal = _reason(error)
                    self._news.notify_all()
                _log.debug("figserve's line to %s: %s", self.connection.url, error)
            self._socket = None
            # A line that stood for a while was a good one: its server may be back at once.
            delay = _FIRST_DELAY if loop.time() - began > _LIVELY_SECONDS else min(2 * delay, _MAX_DELAY)
            await asyncio.sleep(delay * random.uniform(0.7, 1.3))  # many kernels may have lost the same server

    async def _talk(self) -> None:
        self._socket = await _dial(self.connection)
        self.refusal = ""
        self._say_hello()
        while (message := await self._socket.read_message()) is not None:
            self._take(json.loads(message))

    def _take(self, message: dict[str, Any]) -> None:
        if message["op"] == "call":
            origin = self._socket
            worker.submit(message, lambda head, body: self._reply(origin, head, body))
        elif message["op"] == "welcome":
            with self._news:
                # An answer to an earlier hello does not know what was offered since.
                if message["told"] == self._told:
                    self._known = message["live"]
                    self._news.notify_all()

    def _reply(self, origin: Any, head: dict[str, Any], body: bytes) -> None:
        """From the worker's thread: send on the line that the call came by, if it still stands."""
        assert self._loop is not None

        def send() -> None:
            if self._socket is origin:
                self._send(head, body)

        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(send)

    def _say_hello(self) -> None:
        with self._news:
            told = self._told
        offers = [offer.as_json() for offer in worker.offers()]
        self._send({"op": "hello", "protocol": PROTOCOL, "told": told, "live": offers})

    def _send(self, head: dict[str, Any], body: bytes = b"") -> None:
        from tornado.websocket import WebSocketClosedError

        text = json.dumps(head).encode()
        if self._socket is not None:
            with contextlib.suppress(WebSocketClosedError):
                self._socket.write_message(len(text).to_bytes(4, "big") + text + body, binary=True)


def _reason(error: Exception) -> str:
    code = getattr(error, "code", None)
    if code in (401, 403):
        return "it refuses this kernel's key, so that the kernel must be restarted"
    if code == 404:
        return "it has no live figures"
    return f"it cannot be reached ({error or type(error).__name__})"


async def _dial(connection: Connection) -> Any:
    from tornado.httpclient import HTTPRequest
    from tornado.websocket import websocket_connect

    address, client = connection.client.address, connection.client
    scheme = "wss" if address.scheme == "https" else "ws"
    host = f"[{address.host}]" if ":" in address.host else address.host
    where = "localhost" if address.scheme == UNIX else f"{host}:{address.port}"
    request = HTTPRequest(
        f"{scheme}://{where}{address.prefix}/api/agent",
        headers=client.credential,
        ca_certs=client.ca_file,
        connect_timeout=_CONNECT_SECONDS,
        request_timeout=_CONNECT_SECONDS,
    )
    return await websocket_connect(request, max_message_size=_LARGEST_CALL, resolver=_resolver(address))


def _resolver(address: Address) -> Any:
    """Finds the server in this very thread: tornado's own uses an executor, which Python waits for at its end."""
    from tornado.netutil import Resolver

    class InThread(Resolver):
        def initialize(self) -> None:
            """Nothing to set up."""

        async def resolve(
            self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
        ) -> list[tuple[int, Any]]:
            if address.scheme == UNIX:
                return [(socket.AF_UNIX, address.host)]
            found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
            return [(int(kind), place) for kind, _, _, _, place in found]

    return InThread()


_lock = threading.Lock()
_agent: Agent | None = None
_is_forked = False


def start_agent() -> Agent | None:
    """The line to the server that this kernel belongs to, dialled if it is not; None where there is no such server.

    Only a kernel's own key may answer live calls, so that a script or another server's key has no line.
    """
    global _agent
    # A subprocess has the kernel's environment too, and would push the kernel itself off its line.
    if _is_forked or find_shell() is None:
        return None
    connection = find_connection()
    if connection is None or not connection.is_own or not connection.client.has_key:
        return None
    with _lock:
        if _agent is None or _agent.connection is not connection:
            _agent = Agent(connection)
        return _agent


def flush_after_cell() -> None:
    """Have the running cell end when the server knows its functions; outside a cell, do it now."""
    shell = find_shell()
    agent = _agent
    if agent is None or shell is None:
        return

    def settle(*_args: object) -> None:
        shell.events.unregister("post_run_cell", settle)
        agent.settle()

    shell.events.register("post_run_cell", settle)


def _reset_after_fork() -> None:
    """The line is the parent's: the child neither answers on it nor closes it, and dials none of its own."""
    global _agent, _lock, _is_forked
    _agent, _lock, _is_forked = None, threading.Lock(), True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
