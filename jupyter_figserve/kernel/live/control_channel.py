"""Live calls by the kernel's control channel, for where the kernel cannot dial its server. Kernel.

A message ``figserve_request`` is answered by ``figserve_reply`` with the picture as its buffer. The handler returns at
once, since the same channel brings interrupt and shutdown; the worker's thread draws.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from ..figures.cell import find_shell
from .registry import worker

REQUEST, REPLY = "figserve_request", "figserve_reply"


def install_handler() -> None:
    """Have this kernel answer; outside ipykernel there is nothing to install."""
    kernel = getattr(find_shell(), "kernel", None)
    handlers = getattr(kernel, "control_handlers", None)
    if isinstance(handlers, dict) and "ipykernel" in sys.modules:
        handlers[REQUEST] = _Answerer(kernel)


class _Answerer:
    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel

    async def __call__(self, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        """Runs in the loop of the control channel's thread."""
        content = parent.get("content") or {}
        if content.get("op") == "list":
            self._send(stream, ident, parent, {"live": [offer.as_json() for offer in worker.offers()]}, b"")
            return
        loop = asyncio.get_running_loop()

        def reply(head: dict[str, Any], body: bytes) -> None:
            loop.call_soon_threadsafe(self._send, stream, ident, parent, head, body)

        worker.submit(content, reply)

    def _send(self, stream: Any, ident: Any, parent: dict[str, Any], head: dict[str, Any], body: bytes) -> None:
        buffers = [body] if body else None
        self._kernel.session.send(stream, REPLY, head, parent=parent, ident=ident, buffers=buffers)
