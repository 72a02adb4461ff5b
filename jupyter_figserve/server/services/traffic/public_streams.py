"""The event streams of visitors: limited in number, as each holds a connection. Server process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ....errors import Unavailable
from ..callers import Caller
from ..events.subscriber import Subscriber
from .fair_shares import FairShares


class PublicStreams:
    """The open event streams of visitors, whose addresses share them; those of owners and keys are not limited."""

    def __init__(self, limit: int) -> None:
        self._streams: FairShares[Subscriber] = FairShares(limit, lambda subscriber: subscriber.close())

    @property
    def count(self) -> int:
        return self._streams.count

    @contextlib.contextmanager
    def opened(self, caller: Caller, address: str, subscriber: Subscriber) -> Iterator[None]:
        """Count a stream while it is open; it is closed when an address with fewer streams needs its place.

        Raises
        ------
        Unavailable
            When visitors have too many, and no other address has more than this one.
        """
        if not caller.is_visitor:
            yield
            return
        if not self._streams.add(address, subscriber):
            raise Unavailable("Too many pages are open. Reload this one to see changes.", code="too_many_streams")
        try:
            yield
        finally:
            self._streams.remove(address, subscriber)
