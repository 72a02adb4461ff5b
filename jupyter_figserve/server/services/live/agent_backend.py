"""Calls to a kernel through the connection that its agent has opened. Server process."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ....errors import FigServeError
from ....model.live import LiveRequest
from ....model.progress import ProgressListener
from .backend import KernelUnavailable
from .image_cache import CachedImage
from .kernel_answer import parse_kernel_answer, parse_progress


@dataclass
class _PendingCall:
    future: asyncio.Future[CachedImage | None]
    request: LiveRequest
    known: tuple[str, ...]
    on_progress: ProgressListener


class AgentBackend:
    """A ``LiveBackend`` over one open connection.

    Parameters
    ----------
    send
        Sends a message to the kernel.
    max_bytes
        Size of the largest image that the connection carries.
    """

    def __init__(self, send: Callable[[dict[str, Any]], None], max_bytes: int) -> None:
        self._send = send
        self._max_bytes = max_bytes
        self._ids = itertools.count(1)
        self._pending: dict[int, _PendingCall] = {}
        self._is_closed = False

    async def call(
        self, name: str, request: LiveRequest, known: tuple[str, ...], on_progress: ProgressListener
    ) -> CachedImage | None:
        if self._is_closed:
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
        """Complete the call that a kernel's response belongs to, or report its progress; others are dropped."""
        pending = self._pending.get(head.get("rid", 0))
        if pending is None or pending.future.done():
            return
        if head.get("op") == "progress":
            progress = parse_progress(head)
            if progress is not None:
                pending.on_progress(*progress)
            return
        try:
            pending.future.set_result(parse_kernel_answer(head, body, pending.request, pending.known))
        except FigServeError as error:
            pending.future.set_exception(error)

    def close(self) -> None:
        """Fail the pending calls, and all later ones."""
        self._is_closed = True
        for pending in list(self._pending.values()):
            if not pending.future.done():
                pending.future.set_exception(KernelUnavailable())
