"""As many at once as there are slots, the others in a line of bounded length. Sandbox, parent side."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

from ...errors import Unavailable


class BoundedSemaphore:
    """Slots that are taken in the order of asking.

    Parameters
    ----------
    count
        At once.
    line_length
        How many may wait; who comes then is refused.
    on_idle
        Called when a slot is free and nobody waits for it.
    """

    def __init__(self, count: int, line_length: int, on_idle: Callable[[], None]) -> None:
        self._count = count
        self._free, self._line_length, self._on_idle = count, line_length, on_idle
        self._line: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        return len(self._line)

    @property
    def is_idle(self) -> bool:
        """Whether nobody has a slot, nor waits for one."""
        return self._free == self._count and not self._line

    async def take(self) -> None:
        """Wait for a slot; whoever gets one frees it.

        Raises
        ------
        Unavailable
            At once, when the line is full.
        """
        if self._free and not self._line:
            self._free -= 1
            return
        if len(self._line) >= self._line_length:
            raise Unavailable(
                f"{self._line_length} figures wait to be drawn already; try again soon.", code="busy", retry_after=2
            )
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                # Its turn came while it went away.
                self.free()
            else:
                with contextlib.suppress(ValueError):
                    self._line.remove(turn)
            raise

    def free(self) -> None:
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
        self._on_idle()

    def close(self) -> None:
        """Send everybody away."""
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_exception(Unavailable("The server is closing."))
