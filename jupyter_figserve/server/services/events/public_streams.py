"""The event streams of visitors: limited in number, as each holds a connection. Server process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ....errors import Unavailable
from ..callers import Caller


class PublicStreams:
    """Counts the open event streams of strangers; those of owners and keys are not limited."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.count = 0

    @contextlib.contextmanager
    def opened(self, caller: Caller) -> Iterator[None]:
        """Count a stream while it is open.

        Raises
        ------
        Unavailable
            When strangers have too many.
        """
        if not caller.is_stranger:
            yield
            return
        if self.count >= self._limit:
            raise Unavailable("Too many pages are open. Reload this one to see changes.", code="too_many_streams")
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1
