"""A buffer with a limit, which stops a library that would write more. Kernel."""

from __future__ import annotations

import io
from typing import Any


class LimitExceeded(Exception):
    """More was written than allowed."""


class BoundedBuffer(io.BytesIO):
    """Raises ``LimitExceeded`` before more than ``limit`` bytes fill the memory."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def write(self, data: Any) -> int:
        if self.tell() + memoryview(data).nbytes > self._limit:
            raise LimitExceeded
        return super().write(data)
