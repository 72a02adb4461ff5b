"""How often somebody may do something; counted in memory, by whatever names them. Server process."""

from __future__ import annotations

import time

import limits

from ....errors import TooManyRequests


class RateLimiter:
    """A bound on how often.

    Parameters
    ----------
    rate
        As ``limits`` writes it, such as ``"300/minute"``; "" for without limit.
    what
        What is too much, as the beginning of the sentence that refuses it.
    code
        Of that refusal.
    """

    def __init__(self, rate: str, what: str, code: str) -> None:
        self._item = limits.parse(rate) if rate else None
        self._strategy = limits.strategies.FixedWindowRateLimiter(limits.storage.MemoryStorage())
        self._what = what
        self._code = code

    def note(self, who: str) -> None:
        """Count one.

        Raises
        ------
        TooManyRequests
            When ``who`` has used up the rate.
        """
        if self._item is None or self._strategy.hit(self._item, who):
            return
        reset = self._strategy.get_window_stats(self._item, who).reset_time
        wait = max(1, int(reset - time.time()) + 1)
        raise TooManyRequests(f"{self._what}; try again in {wait} seconds.", code=self._code, retry_after=wait)
