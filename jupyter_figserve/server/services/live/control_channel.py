"""Live calls over the kernel's control channel, for kernels that cannot connect to this server (Gateway). Server.

It is slower than the agent's connection, since each message makes the kernel report "busy" and "idle", and is used only
when there is none. A kernel without this package never answers an unknown message (jupyter_client's protocol has no
reply for it), so each request has a deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async

from ....errors import FigServeError
from ....model.live import LiveDeclaration, LiveRequest
from ....model.progress import ProgressListener
from . import gateway
from .backend import KernelUnavailable
from .image_cache import CachedImage
from .kernel_answer import parse_kernel_answer, parse_progress

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

logger = logging.getLogger("jupyter_figserve")
REQUEST, REPLY = "figserve_request", "figserve_reply"
_LIST_SECONDS = 1.5
_MAX_MESSAGE_BYTES = 128 * 2**20
_SILENCE_SECONDS = 10.0
"""Time for which a kernel that did not answer is not queried again."""


class ControlChannelBackend:
    """A ``LiveBackend`` over a control channel of its own."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._ids = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[tuple[dict[str, Any], bytes]]] = {}
        self._listeners: dict[str, ProgressListener] = {}
        self._reader = asyncio.ensure_future(self._read())

    async def list_offered(self) -> list[LiveDeclaration]:
        """Request the live figures that the kernel offers.

        Raises
        ------
        TimeoutError
            When it has not loaded this package, or is busy.
        InvalidInput
            When its answer is not valid.
        """
        content, _ = await asyncio.wait_for(self._ask({"op": "list"}), _LIST_SECONDS)
        return [LiveDeclaration.from_json(row) for row in content.get("live", ())]

    async def call(
        self, name: str, request: LiveRequest, known: tuple[str, ...], on_progress: ProgressListener
    ) -> CachedImage | None:
        question = {"op": "call", "rid": next(self._ids), "name": name, "known": list(known), **request.to_json()}
        return parse_kernel_answer(*await self._ask(question, on_progress), request, known)

    def close(self) -> None:
        self._reader.cancel()
        self._fail_all()
        self._client.stop_channels()

    def _fail_all(self) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(KernelUnavailable())

    async def _ask(
        self, content: dict[str, Any], on_progress: ProgressListener | None = None
    ) -> tuple[dict[str, Any], bytes]:
        message = self._client.session.msg(REQUEST, content)
        if on_progress is not None:
            self._listeners[message["header"]["msg_id"]] = on_progress
        future: asyncio.Future[tuple[dict[str, Any], bytes]] = asyncio.get_running_loop().create_future()
        self._waiting[message["header"]["msg_id"]] = future
        try:
            self._client.control_channel.send(message)
            return await future
        finally:
            self._waiting.pop(message["header"]["msg_id"], None)
            self._listeners.pop(message["header"]["msg_id"], None)

    async def _read(self) -> None:
        while True:
            try:
                message = await ensure_async(self._client.control_channel.get_msg(timeout=None))
            except KernelUnavailable:
                self._fail_all()
                return
            question = message["parent_header"].get("msg_id", "")
            if message["content"].get("op") == "progress":
                self._report(question, message["content"])
                continue
            future = self._waiting.get(question)
            if future is not None and not future.done():
                body = b"".join(bytes(part) for part in message.get("buffers") or ())
                future.set_result((message["content"], body))

    def _report(self, question: str, content: dict[str, Any]) -> None:
        listener, progress = self._listeners.get(question), parse_progress(content)
        if listener is not None and progress is not None:
            listener(*progress)


class ControlChannels:
    """The open control channels, one for each kernel that answers on it.

    Parameters
    ----------
    max_message_bytes
        Upper limit of one message from a Gateway.
    """

    def __init__(self, serverapp: ServerApp, max_message_bytes: int = _MAX_MESSAGE_BYTES) -> None:
        self._app = serverapp
        self._max_message_bytes = max_message_bytes
        self._backends: dict[str, ControlChannelBackend] = {}
        self._silent_until: dict[str, float] = {}

    def open(self) -> None:
        """Make Jupyter ignore our messages when it determines whether a kernel is active or idle."""
        manager: Any = getattr(self._app, "kernel_manager", None)
        if manager is not None and hasattr(manager, "untracked_message_types"):
            manager.untracked_message_types = [*manager.untracked_message_types, REQUEST]

    async def discover(self, kernel: str) -> tuple[ControlChannelBackend, list[LiveDeclaration]] | None:
        """Request the live figures of a kernel of this server; None when it does not answer."""
        manager: Any = getattr(self._app, "kernel_manager", None)
        if manager is None or kernel not in manager.list_kernel_ids():
            self.disconnect(kernel)
            return None
        if time.monotonic() < self._silent_until.get(kernel, 0):
            return None
        try:
            backend = self._backends.get(kernel) or await self._open(manager, kernel)
            return backend, await backend.list_offered()
        except (TimeoutError, FigServeError) as error:
            self.give_up(kernel, error)
            return None

    def give_up(self, kernel: str, error: Exception) -> None:
        """Close a kernel's channel, and do not query the kernel again for a while."""
        logger.debug("Kernel %s does not answer live calls on its control channel: %s", kernel, error)
        self._silent_until[kernel] = time.monotonic() + _SILENCE_SECONDS
        self.disconnect(kernel)

    def find(self, kernel: str) -> ControlChannelBackend | None:
        return self._backends.get(kernel)

    def owns(self, backend: object) -> bool:
        """Whether a backend is one of these channels, rather than an agent's connection."""
        return any(backend is own for own in self._backends.values())

    def disconnect(self, kernel: str) -> None:
        """Close a kernel's channel; its calls fail."""
        backend = self._backends.pop(kernel, None)
        if backend is not None:
            backend.close()

    def close(self) -> None:
        for kernel in list(self._backends):
            self.disconnect(kernel)

    async def _open(self, manager: Any, kernel: str) -> ControlChannelBackend:
        from jupyter_client.session import Session

        settings: Any = getattr(self._app, "gateway_config", None)
        if settings is not None and settings.gateway_enabled:
            self._backends[kernel] = ControlChannelBackend(
                await gateway.connect(kernel, REPLY, self._max_message_bytes)
            )
            return self._backends[kernel]
        kernel_manager = manager.get_kernel(kernel)
        # The manager's own session also identifies its sockets: two clients with it would take each other's answers.
        options = {}
        with contextlib.suppress(AttributeError):
            session = kernel_manager.session
            options["session"] = Session(key=session.key, signature_scheme=session.signature_scheme)
        client = kernel_manager.client(**options)
        await ensure_async(client.start_channels(shell=False, iopub=False, stdin=False, hb=False, control=True))
        self._backends[kernel] = ControlChannelBackend(client)
        return self._backends[kernel]
