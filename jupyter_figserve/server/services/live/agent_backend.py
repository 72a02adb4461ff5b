"""Calls to a kernel through the connection that its agent has opened. Server process."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ....errors import FigServeError, InvalidInput
from ....model.live import LiveRequest
from ....model.progress import ProgressListener
from .backend import KernelUnavailable, next_generation
from .image_cache import CachedImage
from .kernel_answer import check_size, parse_kernel_answer, parse_progress


@dataclass
class _PendingCall:
    future: asyncio.Future[CachedImage | None]
    request: LiveRequest
    known: tuple[str, ...]
    on_progress: ProgressListener


class AgentBackend:
    """A ``KernelBackend`` over one open connection.

    Parameters
    ----------
    send
        Sends a message to the kernel.
    max_bytes
        Upper limit of one image.
    disconnect
        Closes the connection.
    """

    is_stand_in = False

    def __init__(self, send: Callable[[dict[str, Any]], None], max_bytes: int, disconnect: Callable[[], None]) -> None:
        self.generation = next_generation()
        self.is_closed = False
        self._send = send
        self._disconnect = disconnect
        self._max_bytes = max_bytes
        self._ids = itertools.count(1)
        self._pending: dict[int, _PendingCall] = {}

    async def call(
        self, name: str, request: LiveRequest, known: tuple[str, ...], on_progress: ProgressListener
    ) -> CachedImage | None:
        if self.is_closed:
            raise KernelUnavailable
        rid = next(self._ids)
        pending = _PendingCall(asyncio.get_running_loop().create_future(), request, known, on_progress)
        self._pending[rid] = pending
        try:
            call = {"op": "call", "rid": rid, "name": name, "known": list(known), "max_bytes": self._max_bytes}
            self._send(call | request.to_json())
            return await pending.future
        finally:
            self._pending.pop(rid, None)

    def receive(self, head: dict[str, Any], body: bytes) -> None:
        """Complete the call that a kernel's response belongs to, or report its progress.

        What belongs to no call under way is dropped.

        Raises
        ------
        InvalidInput
            When the head does not say which call it belongs to.
        """
        rid = head.get("rid")
        if not isinstance(rid, int):
            raise InvalidInput("The frame's rid is not the number of a call.")
        pending = self._pending.get(rid)
        if pending is None or pending.future.done():
            return
        if head.get("op") == "progress":
            progress = parse_progress(head)
            if progress is not None:
                pending.on_progress(*progress)
            return
        try:
            check_size(body, self._max_bytes)
            pending.future.set_result(parse_kernel_answer(head, body, pending.request, pending.known))
        except FigServeError as error:
            pending.future.set_exception(error)

    def fail_calls(self, error: FigServeError) -> None:
        """Fail the calls under way, because what may be their answer cannot be read; they would wait for ever."""
        for pending in list(self._pending.values()):
            if not pending.future.done():
                pending.future.set_exception(error)

    def close(self) -> None:
        """Fail the calls under way and all later ones, and close the connection."""
        if self.is_closed:
            return
        self.is_closed = True
        self.fail_calls(KernelUnavailable())
        self._disconnect()
