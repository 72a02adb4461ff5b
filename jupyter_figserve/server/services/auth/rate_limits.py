"""Rate limits, counted in memory or in a storage that several servers share. Server process."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import limits

from ....errors import FigServeError, TooManyRequests
from ..traffic.client_addresses import group_address

_log = logging.getLogger(__name__)
_TIMEOUT_SECONDS = 0.25
RETRY_SECONDS = 10.0
"""How long a server counts in its own memory after the shared storage has failed."""


class RateStorage:
    """Counts actions by client within fixed windows.

    When the shared storage does not answer, each server counts in its own memory, and tries again after ten seconds: a
    rate then holds for each server rather than for all together.

    Parameters
    ----------
    uri
        Of the storage that several servers share, in the notation of the library ``limits``, such as
        ``"redis://127.0.0.1:6379"``; "" for the memory of this process.
    clock
        Returns seconds; it never goes back.

    Raises
    ------
    FigServeError
        When the address is malformed, or its client library is not installed.
    """

    def __init__(self, uri: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._memory = limits.strategies.FixedWindowRateLimiter(limits.storage.MemoryStorage())
        self._shared = limits.strategies.FixedWindowRateLimiter(_open_storage(uri)) if uri else None
        self._retry_at = 0.0

    def hit(self, item: limits.RateLimitItem, client: str) -> float | None:
        """Count an action; return the end of the window in seconds of the epoch if that exceeds the rate, else None."""
        if self._shared is not None and self._clock() >= self._retry_at:
            try:
                return _hit(self._shared, item, client)
            except Exception as error:  # each storage has its own errors
                self._retry_at = self._clock() + RETRY_SECONDS
                _log.warning(
                    "The storage of rates (FigServe.rate_storage) does not answer (%s). For %g seconds this server"
                    " counts alone.",
                    type(error).__name__,
                    RETRY_SECONDS,
                )
        return _hit(self._memory, item, client)


def _open_storage(uri: str) -> limits.storage.Storage:
    # Counting waits for the storage on the event loop, so it must not take long.
    timeouts: dict[str, Any] = (
        {"socket_timeout": _TIMEOUT_SECONDS, "socket_connect_timeout": _TIMEOUT_SECONDS}
        if uri.startswith(("redis", "valkey"))
        else {}
    )
    try:
        storage = limits.storage.storage_from_string(uri, **timeouts)
        if not isinstance(storage, limits.storage.Storage):
            raise limits.errors.ConfigurationError(f"{uri.partition(':')[0]}: is asynchronous.")
        return storage
    except limits.errors.ConfigurationError as error:
        raise FigServeError(
            f"FigServe.rate_storage cannot be used: {error} Install the client library, for redis:// by"
            ' pip install "jupyter_figserve[redis]".',
            code="wrong_setting",
        ) from error


def _hit(limiter: limits.strategies.RateLimiter, item: limits.RateLimitItem, client: str) -> float | None:
    return None if limiter.hit(item, client) else limiter.get_window_stats(item, client).reset_time


class RateLimiter:
    """Limits the rate of one action for each client.

    Parameters
    ----------
    rate
        In the notation of the library ``limits``, such as ``"300/minute"``; "" for no limit.
    message
        Beginning of the error message.
    code
        Code of the error, which also names the action in the storage.
    storage
        Counts the actions; that of this process by default.
    """

    def __init__(self, rate: str, message: str, code: str, storage: RateStorage | None = None) -> None:
        self._item = limits.parse(rate) if rate else None
        self._storage = storage or RateStorage()
        self._message = message
        self._code = code

    def count(self, client: str) -> None:
        """Count one action of a client, identified by a key, an IP address or a link.

        Raises
        ------
        TooManyRequests
            When the client exceeds the rate.
        """
        if self._item is None:
            return
        reset = self._storage.hit(self._item, f"{self._code} {client}")
        if reset is not None:
            wait = max(1, int(reset - time.time()) + 1)
            raise TooManyRequests(f"{self._message}. Try again in {wait} s.", code=self._code, retry_after=wait)


class FailedAttempts(RateLimiter):
    """Limits the rate of wrong keys and tokens from one IP address; valid ones are never rejected."""

    def __init__(self, rate: str, storage: RateStorage | None = None) -> None:
        super().__init__(rate, "Too many wrong keys or links from this address", "too_many_wrong_secrets", storage)

    def count(self, client: str) -> None:
        """Count a wrong secret of an address; those of one IPv6 network are one client's."""
        super().count(group_address(client))


class RateLimiters(NamedTuple):
    """The limits of a server.

    Parameters
    ----------
    failed_attempts
        By IP address.
    live_links
        Calls of live figures, by link.
    renders
        By key, login or link.
    """

    failed_attempts: FailedAttempts
    live_links: RateLimiter
    renders: RateLimiter
