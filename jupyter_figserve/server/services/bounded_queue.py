"""A bounded queue: fixed numbers of callers proceed and wait, and the rest are refused. Server process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from .callers import OWNER, Caller, Priority
from .timings import QUEUE, timed


class Claim:
    """A caller's place in a queue; it moves forward when a caller of higher priority waits for the same."""

    def __init__(self, caller: Caller = OWNER) -> None:
        self.caller = caller
        self.turn: asyncio.Future[None] | None = None
        self.queue: BoundedQueue | None = None

    def raise_to(self, caller: Caller) -> None:
        """Give the claim the priority of a further caller, if that is higher."""
        if caller.priority >= self.caller.priority:
            return
        if self.queue is None:
            self.caller = caller
        else:
            self.queue.move(self, caller)


class BoundedQueue:
    """Gives out turns: to higher classes of callers first, within a class to each share in turn.

    Parameters
    ----------
    max_running
        Turns held at once.
    max_waiting
        Callers of each class that may wait for a turn; background work may always wait.
    make_refusal
        Makes the exception for a caller beyond that.
    reserved
        Turns that visitors and background work cannot hold; they can always hold one.
    max_share
        Visitors of one share that may wait; None for as many as wait in all.
    """

    def __init__(
        self,
        max_running: int,
        max_waiting: int,
        make_refusal: Callable[[], Exception],
        *,
        reserved: int = 0,
        max_share: int | None = None,
    ) -> None:
        self.max_running = max_running
        self.max_waiting = max_waiting
        self._max_share = max_waiting if max_share is None else max_share
        self._reserved = reserved
        self._make_refusal = make_refusal
        self._running: set[Claim] = set()
        # In the order of the next turns.
        self._waiting: dict[Caller, deque[Claim]] = {}

    @property
    def running(self) -> int:
        """Number of turns held now."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Number of callers waiting now."""
        return sum(map(len, self._waiting.values()))

    def resize(self, max_running: int) -> None:
        """Change the number of turns held at once; turns that are held stay so."""
        self.max_running = max_running
        self._start_next()

    @asynccontextmanager
    async def turn(self, claim: Claim | None = None) -> AsyncIterator[None]:
        """Wait for a turn and hold it inside the ``with`` block; without a claim, as the owner."""
        claim = Claim() if claim is None else claim
        await self._wait(claim)
        try:
            yield
        finally:
            self._release(claim)

    def move(self, claim: Claim, caller: Caller) -> None:
        """Put a claim into the place of another caller."""
        is_waiting = claim.turn is not None and not claim.turn.done()
        if is_waiting:
            self._remove(claim)
        claim.caller = caller
        if is_waiting:
            self._waiting.setdefault(caller, deque()).append(claim)
        self._start_next()

    async def _wait(self, claim: Claim) -> None:
        claim.queue = self
        # No waiting caller could use this room: turns are given out as soon as there is any.
        if self._has_room(claim.caller):
            self._running.add(claim)
            return
        self._make_place(claim.caller)
        claim.turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(claim.caller, deque()).append(claim)
        try:
            with timed(QUEUE):
                await claim.turn
        except asyncio.CancelledError:
            if claim in self._running:
                # The turn came at the moment of leaving: pass it on.
                self._release(claim)
            elif claim in self._waiting.get(claim.caller, ()):
                self._remove(claim)
            raise

    def _has_room(self, caller: Caller) -> bool:
        if len(self._running) >= self.max_running:
            return False
        unreserved = sum(not claim.caller.uses_reserved for claim in self._running)
        return caller.uses_reserved or unreserved < max(1, self.max_running - self._reserved)

    def _make_place(self, caller: Caller) -> None:
        """Check that a caller may wait; a visitor with many calls makes place for one with fewer.

        Raises
        ------
        Exception
            From ``make_refusal``.
        """
        if caller.priority is Priority.BACKGROUND:
            return
        self._forget_cancelled()
        own = len(self._waiting.get(caller, ()))
        peers = {other: len(claims) for other, claims in self._waiting.items() if other.priority is caller.priority}
        if caller.is_visitor and own >= self._max_share:
            raise self._make_refusal()
        if sum(peers.values()) < self.max_waiting:
            return
        longest = max(peers, key=peers.__getitem__, default=caller)
        if not caller.is_visitor or peers.get(longest, 0) <= own + 1:
            raise self._make_refusal()
        last = self._waiting[longest][-1]
        self._remove(last)
        assert last.turn is not None
        last.turn.set_exception(self._make_refusal())

    def _remove(self, claim: Claim) -> None:
        claims = self._waiting[claim.caller]
        claims.remove(claim)
        if not claims:
            del self._waiting[claim.caller]

    def _release(self, claim: Claim) -> None:
        self._running.discard(claim)
        claim.queue = None
        self._start_next()

    def _forget_cancelled(self) -> None:
        """Remove the claims of callers that are leaving, but have not run since they were cancelled."""
        for caller, claims in list(self._waiting.items()):
            for claim in [each for each in claims if each.turn is not None and each.turn.done()]:
                claims.remove(claim)
            if not claims:
                del self._waiting[caller]

    def _start_next(self) -> None:
        self._forget_cancelled()
        while (candidates := [caller for caller in self._waiting if self._has_room(caller)]) != []:
            caller = min(candidates, key=lambda each: each.priority)
            claims = self._waiting.pop(caller)
            claim = claims.popleft()
            if claims:
                # To the end: the other shares are next.
                self._waiting[caller] = claims
            self._running.add(claim)
            assert claim.turn is not None
            claim.turn.set_result(None)
