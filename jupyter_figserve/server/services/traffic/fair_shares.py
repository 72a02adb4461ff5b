"""A limited number of places, shared among clients' addresses: the one with the most gives way. Server process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from .client_addresses import group_address

T = TypeVar("T")


class FairShares(Generic[T]):
    """The holders of places by client address.

    When all places are taken, a client that holds fewer than another one gets the newest place of that one.

    Parameters
    ----------
    limit
        Number of places.
    close
        Ends a holder whose place is needed.
    """

    def __init__(self, limit: int, close: Callable[[T], None]) -> None:
        self._limit = limit
        self._close = close
        self._holders: dict[str, list[T]] = {}
        self.count = 0

    def add(self, address: str, holder: T) -> bool:
        """Give a place to a client; False when there is none for it."""
        client = group_address(address)
        if self.count >= self._limit:
            heaviest = max(self._holders, key=lambda one: len(self._holders[one]), default=client)
            if len(self._holders.get(heaviest, ())) <= len(self._holders.get(client, ())) + 1:
                return False
            displaced = self._holders[heaviest][-1]
            self._take(heaviest, displaced)
            self._close(displaced)
        self._holders.setdefault(client, []).append(holder)
        self.count += 1
        return True

    def remove(self, address: str, holder: T) -> None:
        """Free a place; one that was displaced has none."""
        client = group_address(address)
        if holder in self._holders.get(client, ()):
            self._take(client, holder)

    def remove_where(self, has_ended: Callable[[T], bool]) -> None:
        """Free the places of all holders that have ended."""
        kept = {client: [one for one in holders if not has_ended(one)] for client, holders in self._holders.items()}
        self._holders = {client: holders for client, holders in kept.items() if holders}
        self.count = sum(map(len, self._holders.values()))

    def _take(self, client: str, holder: T) -> None:
        holders = self._holders[client]
        holders.remove(holder)
        if not holders:
            del self._holders[client]
        self.count -= 1
