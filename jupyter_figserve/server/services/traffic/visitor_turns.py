"""The share of the event loop that visitors' requests may take, so that the owner's come in between. Server process.

The event loop reads all sockets, and then runs all that was read before it reads again. With a hundred visitors an
owner's request would wait several times for a hundred others: for its connection, its head and each of its steps. Here
only as many visitors' requests begin in one round of the loop as take about ``slice_seconds``; the rest wait in line.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from .client_addresses import group_address

_MAX_AT_ONCE = 64


class VisitorTurns:
    """Gives out the turns in which visitors' requests begin; the clients' addresses take turns.

    Parameters
    ----------
    slice_seconds
        Time of one round of the event loop that visitors' requests may fill.
    clock
        Returns the time in seconds.
    """

    def __init__(self, slice_seconds: float, clock: Callable[[], float]) -> None:
        self._slice = slice_seconds
        self._clock = clock
        # In the order of the next turns.
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._is_round_open = False
        self._round_began = 0.0
        self._at_once = 1

    @property
    def waiting(self) -> int:
        """Number of requests that wait for their turn."""
        return sum(map(len, self._waiting.values()))

    def request(self, address: str) -> asyncio.Future[None] | None:
        """Return what to await until a request may begin, None when it may begin at once.

        A future that is cancelled gives up its place.
        """
        if self.is_free():
            return None
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(group_address(address), deque()).append(turn)
        return turn

    def is_free(self) -> bool:
        """Whether a request may begin at once."""
        if not self._is_round_open:
            self._open_round()
        return not self._waiting and self._clock() - self._round_began < self._slice

    def _open_round(self) -> None:
        self._is_round_open = True
        self._round_began = self._clock()
        # Runs in the next round, after the requests that have been given their turn.
        asyncio.get_running_loop().call_soon(self._close_round)

    def _close_round(self) -> None:
        self._is_round_open = False
        if not self._waiting:
            self._at_once = 1
            return
        self._adapt(self._clock() - self._round_began)
        for _ in range(self._at_once):
            self._start_next()
        self._open_round()

    def _adapt(self, seconds: float) -> None:
        """Let more or fewer requests begin at once, from what the last round took."""
        if seconds > self._slice:
            self._at_once = max(1, self._at_once // 2)
        elif seconds < self._slice / 2:
            self._at_once = min(_MAX_AT_ONCE, self._at_once * 2)

    def _start_next(self) -> None:
        while self._waiting:
            address = next(iter(self._waiting))
            turns = self._waiting.pop(address)
            turn = turns.popleft()
            if turns:
                # To the end: the other clients are next.
                self._waiting[address] = turns
            if not turn.done():
                turn.set_result(None)
                return
