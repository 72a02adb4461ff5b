"""Live calls over the control channel, for kernels that cannot connect to this server. Server process.

It is slower than the agent's connection, since each message makes the kernel report "busy" and "idle", and is used only
when there is none. A kernel without this package logs an unknown message as an error and never answers it, so the
first request is one that all kernels know; those with the package announce it in the reply.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from typing import Any

from jupyter_core.utils import ensure_async

from .....errors import InvalidInput
from .....model.kernel_protocol import ANNOUNCEMENT, INFO_REQUEST, REQUEST
from .....model.live import LiveDeclaration, LiveRequest
from .....model.progress import ProgressListener
from ..image_cache import CachedImage
from .backend import KernelUnavailable, next_generation
from .kernel_answer import check_size, parse_kernel_answer, parse_progress, replace_surrogates

_log = logging.getLogger("jupyter_figserve")
_LIST_SECONDS = 1.5
_MAX_INVALID_MESSAGES = 100


class NotLoaded(Exception):
    """The kernel has not imported this package, or offers nothing."""


class ControlChannelBackend:
    """A ``KernelBackend`` over a control channel of its own, for as long as the kernel's agent is not connected.

    Parameters
    ----------
    client
        A started ``KernelClient`` of jupyter_client, or what stands in for it.
    max_bytes
        Upper limit of one image.
    on_close
        Called once, when it is closed.
    """

    is_stand_in = True

    def __init__(
        self, client: Any, max_bytes: int, on_close: Callable[[ControlChannelBackend], None] = lambda _: None
    ) -> None:
        self.generation = next_generation()
        self.is_closed = False
        self._client = client
        self._max_bytes = max_bytes
        self._on_close = on_close
        self._is_announced = False
        self._ids = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[tuple[dict[str, Any], bytes]]] = {}
        self._listeners: dict[str, ProgressListener] = {}
        self._reader = asyncio.ensure_future(self._read())

    async def list_offered(self) -> list[LiveDeclaration]:
        """Request the live figures that the kernel offers.

        Raises
        ------
        TimeoutError
            When it is busy, or does not answer for another reason.
        InvalidInput
            When its answer is not valid.
        KernelUnavailable
            When the channel is closed.
        NotLoaded
            When it has not loaded this package.
        """
        async with asyncio.timeout(_LIST_SECONDS):
            await self._check_announcement()
            content, _ = await self._ask({"op": "list"})
        rows = content.get("live")
        if not isinstance(rows, list):
            raise InvalidInput("The kernel's list of live figures is not a list.")
        return [LiveDeclaration.from_json(row) for row in rows]

    async def call(
        self, name: str, request: LiveRequest, known: tuple[str, ...], on_progress: ProgressListener
    ) -> CachedImage | None:
        call = {"op": "call", "rid": next(self._ids), "name": name, "known": list(known), "max_bytes": self._max_bytes}
        head, body = await self._ask(call | request.as_json(), on_progress)
        check_size(body, self._max_bytes)
        return parse_kernel_answer(head, body, request, known)

    def close(self) -> None:
        """Fail the calls under way and all later ones, and close the channel."""
        if self.is_closed:
            return
        self.is_closed = True
        self._reader.cancel()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(KernelUnavailable())
        try:
            self._client.stop_channels()
        except Exception as error:
            _log.debug("A control channel did not close cleanly: %r", error)
        self._on_close(self)

    async def _check_announcement(self) -> None:
        if not self._is_announced:
            info, _ = await self._ask({}, kind=INFO_REQUEST)
            if ANNOUNCEMENT not in info:
                raise NotLoaded
            self._is_announced = True

    async def _ask(
        self, content: dict[str, Any], on_progress: ProgressListener | None = None, *, kind: str = REQUEST
    ) -> tuple[dict[str, Any], bytes]:
        if self.is_closed:
            raise KernelUnavailable
        message = self._client.session.msg(kind, content)
        question: str = message["header"]["msg_id"]
        if on_progress is not None:
            self._listeners[question] = on_progress
        future: asyncio.Future[tuple[dict[str, Any], bytes]] = asyncio.get_running_loop().create_future()
        self._waiting[question] = future
        try:
            self._send(message)
            return await future
        finally:
            self._waiting.pop(question, None)
            self._listeners.pop(question, None)

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._client.control_channel.send(message)
        except Exception as error:
            # ZMQError; AssertionError of a channel that jupyter_client has closed with its kernel's manager.
            self.close()
            raise KernelUnavailable from error

    async def _read(self) -> None:
        """Pass on the kernel's answers until the channel is closed; messages that cannot be read are skipped."""
        remaining = _MAX_INVALID_MESSAGES
        while remaining:
            try:
                self._receive(await ensure_async(self._client.control_channel.get_msg(timeout=None)))
            except KernelUnavailable:
                break
            except Exception as error:
                remaining -= 1
                _log.debug("A message of a control channel cannot be read: %r", error)
            else:
                remaining = _MAX_INVALID_MESSAGES
        self.close()

    def _receive(self, message: dict[str, Any]) -> None:
        question, content = message["parent_header"].get("msg_id", ""), message["content"]
        if content.get("op") == "progress":
            self._report(question, content)
            return
        future = self._waiting.get(question)
        if future is not None and not future.done():
            body = b"".join(bytes(part) for part in message.get("buffers") or ())
            future.set_result((replace_surrogates(content), body))

    def _report(self, question: str, content: dict[str, Any]) -> None:
        listener, progress = self._listeners.get(question), parse_progress(content)
        if listener is not None and progress is not None:
            listener(*progress)
