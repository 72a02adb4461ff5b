"""Events, for streams that replay them. Server process."""

from __future__ import annotations

from collections.abc import Sequence

from ...model.events import Event
from ..catalog import events
from .repository import Repository


class EventRepository(Repository):
    """Reads events, which each change of the catalog adds."""

    async def find_newest_id(self) -> int:
        """Return the id of the newest event, 0 without any."""
        return await self._read(events.newest_id)

    async def list_after(self, event_id: int) -> Sequence[Event]:
        """Return events later than ``event_id``, in order."""
        return await self._read(events.after, event_id)
