"""Whether this server can answer: its stores respond in time, and it is not about to stop. Server process."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

Check = Callable[[], Awaitable[object]]
CHECK_SECONDS = 1.0
"""Time within which all checks have to succeed."""
FRESH_SECONDS = 1.0
"""For how long a result holds, so that visitors cannot load the database."""
_log = logging.getLogger("jupyter_figserve")


class Readiness:
    """Runs the checks of a server, at most one round of them at a time.

    Parameters
    ----------
    checks
        Each raises when what it checks cannot be used.
    clock
        Returns the time in seconds.
    """

    def __init__(self, checks: Sequence[Check], clock: Callable[[], float] = time.monotonic) -> None:
        self._checks = tuple(checks)
        self._clock = clock
        self._began = 0.0
        self._round: asyncio.Task[bool] | None = None
        self._is_draining = False
        self._problem = ""

    def drain(self) -> None:
        """Be unready from now on, so that load balancers send no further requests."""
        self._is_draining = True

    async def is_ready(self) -> bool:
        """Return whether all checks succeeded, by the result of the last second or else of a new round.

        A round that does not end in time means no, and no other is begun before it ends.
        """
        if self._is_draining:
            return False
        now = self._clock()
        if self._round is None or (self._round.done() and now - self._began >= FRESH_SECONDS):
            self._began = now
            self._round = asyncio.ensure_future(self._check())
        await asyncio.wait([self._round], timeout=max(0.0, self._began + CHECK_SECONDS - now))
        return self._round.done() and self._round.result()

    async def close(self) -> None:
        self.drain()
        if self._round is not None:
            self._round.cancel()
            await asyncio.wait([self._round])

    async def _check(self) -> bool:
        try:
            await asyncio.gather(*(check() for check in self._checks))
        except Exception as error:
            self._report(f"{type(error).__name__}: {' '.join(str(error).split())}")
            return False
        self._report("")
        return True

    def _report(self, problem: str) -> None:
        """Log what has changed since the last round, of which there is one a second while something asks."""
        if problem != self._problem:
            _log.warning("figserve is not ready: %s" if problem else "figserve is ready again.%s", problem)
        self._problem = problem
