"""Rate limits, counted in memory. Server process."""

from __future__ import annotations

import time

import limits

from ....errors import TooManyRequests


class RateLimiter:
    """Limits the rate of one action for each client.

    Parameters
    ----------
    rate
        In the notation of the library ``limits``, such as ``"300/minute"``; "" for no limit.
    message
        Beginning of the error message.
    code
        Code of the error.
    """

    def __init__(self, rate: str, message: str, code: str) -> None:
        self._item = limits.parse(rate) if rate else None
        self._strategy = limits.strategies.FixedWindowRateLimiter(limits.storage.MemoryStorage())
        self._message = message
        self._code = code

    def count(self, client: str) -> None:
        """Count one action of a client, identified by a key, an IP address or a link.

        Raises
        ------
        TooManyRequests
            When the client exceeds the rate.
        """
        if self._item is None or self._strategy.hit(self._item, client):
            return
        reset = self._strategy.get_window_stats(self._item, client).reset_time
        wait = max(1, int(reset - time.time()) + 1)
        raise TooManyRequests(f"{self._message}. Try again in {wait} seconds.", code=self._code, retry_after=wait)
