"""Watchers of live figures: the open streams of links, which send changes to their pages. Server process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ....errors import Unavailable
from ....model.events import Event
from ..events.event_broker import LIVE_PROGRESS
from ..events.watchers import Watcher, Watchers
from .registry import CHANGED, GONE, OFFERED, REFRESHED

_STATES = {OFFERED: "offered", CHANGED: "changed", GONE: "offline", REFRESHED: "refreshed"}


@dataclass(eq=False, slots=True)
class LiveWatcher(Watcher):
    """An open stream of a link.

    Parameters
    ----------
    fixed
        Values of the parameters that the link's visitors cannot change.
    """

    fixed: Mapping[str, Any]

    def may_request(self, arguments: Mapping[str, Any]) -> bool:
        """Whether a call with these arguments may be one of this link's; its visitors learn nothing of others."""
        return all(arguments.get(name) == value for name, value in self.fixed.items())


class LiveWatchers(Watchers[LiveWatcher]):
    """The watchers of live figures; their events contain no names and no sessions."""

    async def _on_event(self, event: Event) -> None:
        target = event.data.get("live")
        if event.kind in _STATES:
            try:
                await self._end_unauthorized(target)
            except Unavailable:
                # While the database does not answer, pages go on showing what they show.
                return
        watchers = self._watchers_of(target)
        if event.kind == LIVE_PROGRESS:
            sent = Event(0, 0.0, "", "progress", {name: event.data[name] for name in ("done", "total")})
            watchers = [
                one for one in watchers if one.may_request(event.data["arguments"]) and not one.subscriber.is_half_full
            ]
        elif event.kind in _STATES:
            sent = Event(0, 0.0, "", "live", {"state": _STATES[event.kind]})
        else:
            return
        for watcher in watchers:
            watcher.subscriber.offer(sent)
