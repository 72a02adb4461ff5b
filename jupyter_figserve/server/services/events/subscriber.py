"""The queue of one open event stream. Server process."""

from __future__ import annotations

import asyncio

from ....model.events import Event

MAX_PENDING = 1_000


class Subscriber:
    """Pending events of one stream, which is closed when it falls ``MAX_PENDING`` events behind.

    A thousand idle streams are normal, so each holds little: ``asyncio.Event``, ``wait_for`` and a deque would cost
    another two kilobytes.
    """

    __slots__ = ("_pending", "_waiter", "is_closed")

    def __init__(self) -> None:
        self.is_closed = False
        self._pending: list[Event] = []
        self._waiter: asyncio.Future[None] | None = None

    @property
    def is_half_full(self) -> bool:
        """Whether to drop events that cannot be replayed, to keep room for those that can."""
        return len(self._pending) >= MAX_PENDING // 2

    def offer(self, event: Event) -> None:
        if len(self._pending) < MAX_PENDING:
            self._pending.append(event)
        else:
            self.is_closed = True
        self._wake()

    def close(self) -> None:
        """End the stream, after the pending events."""
        self.is_closed = True
        self._wake()

    def pop_all(self) -> list[Event]:
        """Remove and return the pending events."""
        pending, self._pending = self._pending, []
        return pending

    async def wait(self, seconds: float) -> None:
        """Return when there is an event to send, when the stream is closed, or after ``seconds``."""
        if self._pending or self.is_closed:
            return
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(seconds, self._wake)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
