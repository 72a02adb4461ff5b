"""Base of upload handlers: their bodies are figures. Server process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from .private_handler import AuthenticatedHandler

T = TypeVar("T")
_QUICK_BYTES = 256 * 1024


class UploadHandler(AuthenticatedHandler):
    """Takes bodies of the size of a figure with all its parts."""

    body_trait: ClassVar[str | None] = "figure_bytes"

    async def parse(self, parser: Callable[..., T], body: bytes, *args: Any) -> T:
        """Return what ``parser`` makes of a body, in a thread if it is a large one."""
        if len(body) <= _QUICK_BYTES:
            return parser(body, *args)
        return await asyncio.to_thread(parser, body, *args)

    @property
    def body_limit(self) -> int:
        return self.context.config.figure_bytes
