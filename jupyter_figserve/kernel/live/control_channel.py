"""Live calls over the kernel's control channel, for kernels that cannot connect to their server. Kernel.

The reply to a ``figserve_request`` message is a ``figserve_reply`` with the image as its buffer. The handler returns
immediately, since the channel also carries interrupt and shutdown requests; the worker thread renders.

A kernel logs an error for each type of message that it does not know, so the server first sends what every kernel
answers, ``kernel_info_request``; the handler is announced in the reply.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from ...model.kernel_protocol import ANNOUNCEMENT, INFO_REPLY, INFO_REQUEST, REPLY, REQUEST
from ..client.front_end import find_kernel
from .registry import live_functions


def install_handler() -> None:
    """Register the message handler with ipykernel; does nothing in other kernels."""
    kernel = find_kernel()
    handlers = getattr(kernel, "control_handlers", None)
    if isinstance(handlers, dict) and "ipykernel" in sys.modules:
        handlers[REQUEST] = _RequestHandler(kernel)
        handlers[INFO_REQUEST] = _InfoHandler(kernel)


class _InfoHandler:
    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel

    async def __call__(self, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        """Answer like ipykernel, and announce the other handler."""
        content = {"status": "ok", **self._kernel.kernel_info, ANNOUNCEMENT: {"control": 1}}
        self._kernel.session.send(stream, INFO_REPLY, content, parent=parent, ident=ident)


class _RequestHandler:
    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel

    async def __call__(self, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        """Handle a message, in the event loop of the control channel's thread."""
        content = parent.get("content") or {}
        if content.get("op") == "list":
            functions = [function.as_json() for function in live_functions.all()]
            self._send(stream, ident, parent, {"live": functions}, b"")
            return
        loop = asyncio.get_running_loop()

        def reply(head: dict[str, Any], body: bytes) -> None:
            loop.call_soon_threadsafe(self._send, stream, ident, parent, head, body)

        def report(done: float, total: float) -> None:
            reply({"op": "progress", "done": done, "total": total}, b"")

        live_functions.submit(content, reply, report)

    def _send(self, stream: Any, ident: Any, parent: dict[str, Any], head: dict[str, Any], body: bytes) -> None:
        buffers = [body] if body else None
        self._kernel.session.send(stream, REPLY, head, parent=parent, ident=ident, buffers=buffers)
