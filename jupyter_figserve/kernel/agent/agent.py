"""The agent: a WebSocket to the server, opened from a daemon thread, that receives its requests. Kernel.

It works while a cell runs, since it does not use the kernel's own event loop. Requests arrive as JSON, or like a
response as a binary message: four bytes (length of the head, big-endian), the head as JSON, and a body.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import random
import ssl
import threading
import warnings
from collections.abc import Callable
from typing import Any

from ...errors import FigServeError, NotConnected
from ...model.kernel_protocol import AGENT_PROTOCOL, MAX_HEAD_BYTES
from ..client.connection import Connection
from ..client.discovery import find_connection
from ..client.front_end import find_shell
from ..client.tls import explain_certificate
from .agent_socket import THREAD, explain_failure, ignore_failure, mute_tornado, open_socket, split_message
from .offers import offers
from .switch_interval import short_switch_interval

_MIN_DELAY, _MAX_DELAY = 0.1, 5.0
_MIN_HEALTHY_SECONDS = 1.0
_REGISTRATION_TIMEOUT = 2.0
_log = logging.getLogger(__name__)


class Agent:
    """Keeps the WebSocket open, announces what this kernel offers, and passes requests on."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.last_error = ""
        self._addresses: dict[str, dict[str, str]] = {}
        self._announcement = 0
        self._sources_announced = self._sources_known = 0
        self._changed = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._socket: Any = None
        self._is_closed = False
        self._advice: str | None = None
        self._has_advised = False
        threading.Thread(target=self._run, name=THREAD, daemon=True).start()

    def announce(self) -> None:
        """Announce the current live functions to the server."""
        with self._changed:
            self._addresses.clear()
            self._announcement += 1
            if self._socket is not None:
                self.last_error = ""
        self._call_soon(self._send_hello)

    def close(self) -> None:
        """Close the connection for good, because another agent answers for this kernel."""
        self._is_closed = True
        self._call_soon(self._close_socket)

    def _call_soon(self, callback: Callable[[], None]) -> None:
        """Call back in the connection's thread, if that has begun, and has not ended with the kernel."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(callback)

    def _close_socket(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def wait_until_registered(self) -> None:
        """Wait until the server knows all live functions, so that they have URLs when the cell ends.

        Does not wait for an unavailable server; the agent announces them when it is back.
        """
        names = {function.name for function in offers.find_functions()}
        with self._changed:
            self._wait_until(lambda: names <= self._addresses.keys())

    def find_advice(self) -> str | None:
        """Return what the user must do so that the agent can connect; None if nothing, or if it was said before."""
        if self._has_advised or self._advice is None:
            return None
        self._has_advised = True
        return self._advice

    def address_of(self, name: str, timeout: float) -> dict[str, str]:
        """Return ``id``, ``url`` and ``lasting_url`` of a live figure.

        Raises
        ------
        NotConnected
            The server does not report them within ``timeout`` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: name in self._addresses, timeout):
                reason = self.last_error or "it does not respond; live figures are available as soon as it does"
                raise NotConnected(f"{self.connection.url} does not know this live figure yet: {reason}.")
            return self._addresses[name]

    def _run(self) -> None:
        mute_tornado()
        try:
            asyncio.run(self._stay_connected())
        except RuntimeError as error:
            # The interpreter is exiting, and starts no more threads.
            _log.debug("The thread of live figures ended: %s", error)

    async def _stay_connected(self) -> None:
        self._loop = loop = asyncio.get_running_loop()
        delay = _MIN_DELAY
        while not self._is_closed:
            began = loop.time()
            try:
                await self._run_connection()
            except Exception as error:
                # No failure here may disturb the user's cell: reconnect.
                if isinstance(error, ssl.SSLCertVerificationError):
                    self._advice = explain_certificate(self.connection.client.address, error)
                with self._changed:
                    self.last_error = explain_failure(error, self.connection.client.address)
                    self._changed.notify_all()
                _log.debug("The connection to %s failed: %s", self.connection.url, error)
            self._socket = None
            # After a healthy connection, the server may be back immediately.
            delay = _MIN_DELAY if loop.time() - began > _MIN_HEALTHY_SECONDS else min(2 * delay, _MAX_DELAY)
            await asyncio.sleep(delay * random.uniform(0.7, 1.3))  # many kernels may reconnect at once

    async def _run_connection(self) -> None:
        self._socket = await open_socket(self.connection.client)
        if self._is_closed:
            # Meanwhile, another agent has begun to answer: the server takes the one that says hello last.
            self._close_socket()
            return
        self.last_error = ""
        self._send_hello()
        while (message := await self._socket.read_message()) is not None:
            self._receive(*split_message(message))

    def _receive(self, message: dict[str, Any], body: bytes) -> None:
        if (answer := offers.answerers.get(message["op"])) is not None:
            origin = self._socket
            progress = {"op": "progress", "rid": message["rid"]}
            answer(
                message,
                body,
                lambda head, body: self._reply(origin, head, body),
                lambda done, total: self._reply(origin, progress | {"done": done, "total": total}, b""),
            )
        elif message["op"] == "welcome":
            with self._changed:
                # The response to an earlier hello lacks the functions registered since.
                if message["announcement"] == self._announcement:
                    self._addresses, self.last_error = message["live"], ""
                    self._changed.notify_all()
        elif message["op"] == "sources_known":
            with self._changed:
                self._sources_known = message["announcement"]
                self._changed.notify_all()
        elif message["op"] == "refused":
            with self._changed:
                if message["announcement"] == self._announcement:
                    self.last_error = f"it refuses the declarations ({message['reason']})"
                    self._changed.notify_all()
        elif message["op"] == "announce":
            self._send_hello()

    def _reply(self, origin: Any, head: dict[str, Any], body: bytes) -> None:
        """Send a response on the connection that the call came from, if it is still open; worker thread."""
        assert self._loop is not None

        def send() -> None:
            try:
                if self._socket is origin:
                    self._send(head, body)
            finally:
                short_switch_interval.__exit__()

        short_switch_interval.__enter__()
        try:
            self._loop.call_soon_threadsafe(send)
        except RuntimeError:
            # The loop has ended with the kernel.
            short_switch_interval.__exit__()

    def _send_hello(self) -> None:
        with self._changed:
            announcement = self._announcement
        functions = [function.as_json() for function in offers.find_functions()]
        self._send({"op": "hello", "protocol": AGENT_PROTOCOL, "announcement": announcement, "live": functions})
        self._send_sources()

    def announce_sources(self) -> None:
        """Announce the sources that this kernel can draw again, and wait until the server knows them."""
        with self._changed:
            self._sources_announced = announced = self._sources_announced + 1
        self._call_soon(self._send_sources)
        with self._changed:
            self._wait_until(lambda: self._sources_known >= announced)

    def _wait_until(self, is_known: Callable[[], bool]) -> None:
        """Wait, holding the lock, until the server knows an announcement or does not respond."""
        self._changed.wait_for(lambda: bool(self.last_error) or is_known(), _REGISTRATION_TIMEOUT)

    def _send_sources(self) -> None:
        with self._changed:
            announcement = self._sources_announced
        sources = offers.find_sources()
        if sources is not None:
            self._send({"op": "sources", "announcement": announcement, **sources})

    def _send(self, head: dict[str, Any], body: bytes = b"") -> None:
        from tornado.websocket import WebSocketClosedError

        text = json.dumps(head).encode()
        if len(text) > MAX_HEAD_BYTES:
            self._report_oversized(head, len(text))
        elif self._socket is not None:
            with contextlib.suppress(WebSocketClosedError):
                frame = len(text).to_bytes(4, "big") + text + body
                self._socket.write_message(frame, binary=True).add_done_callback(ignore_failure)

    def _report_oversized(self, head: dict[str, Any], size: int) -> None:
        """Say that a message is not sent, because the server would not read it."""
        message = f"has {size:,} bytes without its image; the limit is {MAX_HEAD_BYTES:,}"
        if head["op"] == "answer":
            error = {"type": "TooLarge", "code": "result_too_large", "message": f"The live figure's answer {message}."}
            self._send({"op": "answer", "rid": head["rid"], "error": error})
        elif head["op"] == "hello":
            with self._changed:
                self.last_error = f"the list of this kernel's live figures {message}"
                self._changed.notify_all()


_lock = threading.Lock()
_agent: Agent | None = None
_is_forked = False


def start_agent() -> Agent | None:
    """Return the agent of this kernel's own server, started if necessary; None if there is no such server.

    Only the kernel's own key may answer live calls, so a script or a key of another server has no agent.
    """
    global _agent
    # A forked child inherits the kernel's environment, and would replace the kernel's own connection.
    if _is_forked or find_shell() is None:
        return None
    try:
        connection = find_connection()
    except FigServeError:
        # Publishing reports this setting; the function can be called regardless.
        return None
    if connection is None or not connection.is_own or not connection.client.has_key:
        return None
    with _lock:
        if _agent is None or _agent.connection is not connection:
            if _agent is not None:
                _agent.close()
            _agent = Agent(connection)
        return _agent


def find_agent() -> Agent | None:
    """Return the agent if it was started."""
    return _agent


def flush_after_cell() -> None:
    """Delay the end of the running cell until the server knows its functions."""
    shell = find_shell()
    agent = _agent
    if agent is None or shell is None:
        return

    def wait(*_args: object) -> None:
        shell.events.unregister("post_run_cell", wait)
        agent.wait_until_registered()
        advice = agent.find_advice()
        if advice is not None:
            warnings.warn(advice, UserWarning, stacklevel=1)

    shell.events.register("post_run_cell", wait)


def _reset_after_fork() -> None:
    """Forget the agent in a forked child: the connection belongs to the parent, and the child opens none."""
    global _agent, _lock, _is_forked
    _agent, _lock, _is_forked = None, threading.Lock(), True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
