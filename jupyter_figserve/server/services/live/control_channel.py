"""Live calls by the kernel's control channel, for kernels that cannot dial us: behind a Gateway, for instance. Server.

Slower than the agent's line (every message makes the kernel say "busy" and "idle"), and asked only when there is none.
A kernel without our helper never answers an unknown message, so that each question has a deadline (jupyter_client's
protocol has no answer for it).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async

from ....errors import FigServeError, InvalidInput
from ....model.live import LiveDeclaration, LiveRequest
from . import gateway
from .call_queue import KernelUnavailable, LiveResponse, read_answer

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

logger = logging.getLogger("jupyter_figserve")
REQUEST, REPLY = "figserve_request", "figserve_reply"
_LIST_SECONDS = 1.5
_LARGEST = 128 * 2**20
_SILENCE_SECONDS = 10.0
"""How long a kernel that did not answer is not asked again."""


class ControlChannelBackend:
    """A ``KernelLink`` over a control channel of our own."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._ids = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[tuple[dict[str, Any], bytes]]] = {}
        self._reader = asyncio.ensure_future(self._read())

    async def list(self) -> list[LiveDeclaration]:
        """What the kernel offers.

        Raises
        ------
        TimeoutError
            When it has no helper of ours, or is held up.
        """
        content, _ = await asyncio.wait_for(self._ask({"op": "list"}), _LIST_SECONDS)
        return [LiveDeclaration.from_json(row) for row in content.get("live", ())]

    async def call(self, name: str, request: LiveRequest, known: tuple[str, ...]) -> LiveResponse:
        question = {"op": "call", "rid": next(self._ids), "name": name, "known": list(known), **request.__dict__}
        return read_answer(*await self._ask(question), request)

    def close(self) -> None:
        self._reader.cancel()
        self._fail_all()
        self._client.stop_channels()

    def _fail_all(self) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(KernelUnavailable())

    async def _ask(self, content: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        message = self._client.session.msg(REQUEST, content)
        future: asyncio.Future[tuple[dict[str, Any], bytes]] = asyncio.get_running_loop().create_future()
        self._waiting[message["header"]["msg_id"]] = future
        try:
            self._client.control_channel.send(message)
            return await future
        finally:
            self._waiting.pop(message["header"]["msg_id"], None)

    async def _read(self) -> None:
        while True:
            try:
                message = await ensure_async(self._client.control_channel.get_msg(timeout=None))
            except KernelUnavailable:
                self._fail_all()
                return
            future = self._waiting.get(message["parent_header"].get("msg_id", ""))
            if future is not None and not future.done():
                body = b"".join(bytes(part) for part in message.get("buffers") or ())
                future.set_result((message["content"], body))


class ControlChannels:
    """The control channels that are open, one for each kernel that was found to answer on it.

    Parameters
    ----------
    largest
        Bytes of one message from a Gateway.
    """

    def __init__(self, serverapp: ServerApp, largest: int = _LARGEST) -> None:
        self._app = serverapp
        self._largest = largest
        self._links: dict[str, ControlChannelBackend] = {}
        self._silent: dict[str, float] = {}

    def open(self) -> None:
        """Have our messages count neither as a kernel's activity nor as its being idle."""
        manager: Any = getattr(self._app, "kernel_manager", None)
        if manager is not None and hasattr(manager, "untracked_message_types"):
            manager.untracked_message_types = [*manager.untracked_message_types, REQUEST]

    async def discover(
        self, kernel: str, take: Callable[[ControlChannelBackend, list[LiveDeclaration]], Awaitable[object]]
    ) -> None:
        """Ask a kernel of ours what it offers, and hand that on; nothing happens when it does not answer."""
        manager: Any = getattr(self._app, "kernel_manager", None)
        if manager is None or kernel not in manager.list_kernel_ids():
            self.end(kernel)
            return
        if time.monotonic() < self._silent.get(kernel, 0):
            return
        try:
            link = self._links.get(kernel) or await self._open(manager, kernel)
            await take(link, await link.list())
        except (TimeoutError, FigServeError, InvalidInput) as error:
            logger.debug("Kernel %s does not answer live calls on its control channel: %s", kernel, error)
            self._silent[kernel] = time.monotonic() + _SILENCE_SECONDS
            self.end(kernel)

    def holds(self, link: object) -> bool:
        return any(link is held for held in self._links.values())

    def end(self, kernel: str) -> None:
        link = self._links.pop(kernel, None)
        if link is not None:
            link.close()

    def close(self) -> None:
        for kernel in list(self._links):
            self.end(kernel)

    async def _open(self, manager: Any, kernel: str) -> ControlChannelBackend:
        from jupyter_client.session import Session

        settings: Any = getattr(self._app, "gateway_config", None)
        if settings is not None and settings.gateway_enabled:
            self._links[kernel] = ControlChannelBackend(await gateway.connect(kernel, REPLY, self._largest))
            return self._links[kernel]
        one = manager.get_kernel(kernel)
        # The manager's own session is also the identity of its sockets: two clients with it take each other's answers.
        more = {}
        with contextlib.suppress(AttributeError):
            more["session"] = Session(key=one.session.key, signature_scheme=one.session.signature_scheme)
        client = one.client(**more)
        await ensure_async(client.start_channels(shell=False, iopub=False, stdin=False, hb=False, control=True))
        self._links[kernel] = ControlChannelBackend(client)
        return self._links[kernel]
