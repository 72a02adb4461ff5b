"""Streams of links to live figures: the events that visitors receive, and those that they do not."""

from __future__ import annotations

import pytest

from jupyter_figserve.errors import Unavailable
from jupyter_figserve.model.events import Event
from jupyter_figserve.server.services.events.event_broker import LIVE_PROGRESS
from jupyter_figserve.server.services.live.registry import CHANGED, GONE, REFRESHED
from jupyter_figserve.server.services.live.watchers import LiveWatcher, LiveWatchers


class Broker:
    """An event broker that is driven by hand."""

    def __init__(self) -> None:
        self.listening = 0

    async def listen(self, on_event, on_commit):
        self.listening += 1
        self.send, self.commit = on_event, on_commit

        def stop() -> None:
            self.listening -= 1

        return stop


@pytest.fixture
def broker():
    return Broker()


def event(kind: str, **data) -> Event:
    return Event(0, 0.0, "ada", kind, {"live": "l1", "session": "k1", "name": "animal", "notebook": "a.ipynb", **data})


def watcher(is_open=lambda: True, **fixed) -> LiveWatcher:
    async def is_authorized() -> bool:
        return is_open()

    return LiveWatcher("l1", is_authorized, fixed)


async def test_visitors_hear_no_names(broker):
    """Only what happened is sent, to the watchers of this live figure."""
    watchers, one, other = LiveWatchers(broker), watcher(), watcher()
    other.target = "l2"
    await watchers.add(one)
    await watchers.add(other)
    for kind in (REFRESHED, CHANGED, GONE, "figure.published"):
        await broker.send(event(kind))
    sent = one.subscriber.pop_all()
    assert [(e.kind, e.data) for e in sent] == [
        ("live", {"state": "refreshed"}),
        ("live", {"state": "changed"}),
        ("live", {"state": "offline"}),
    ]
    assert other.subscriber.pop_all() == []


async def test_progress_of_calls_that_the_link_allows(broker):
    """Calls with other values are not reported; for the rest, only the numbers are sent."""
    watchers, one = LiveWatchers(broker), watcher(type="Deer")
    await watchers.add(one)
    await broker.send(event(LIVE_PROGRESS, done=1.0, total=2.0, arguments={"type": "Wolf", "since": 2010}))
    assert one.subscriber.pop_all() == []
    await broker.send(event(LIVE_PROGRESS, done=1.0, total=2.0, arguments={"type": "Deer", "since": 2015}))
    assert [(e.kind, e.data) for e in one.subscriber.pop_all()] == [("progress", {"done": 1.0, "total": 2.0})]


async def test_stream_that_is_over_hears_nothing_more(broker):
    """A link that has expired, which is no write, ends with the next change, and before it is told."""
    is_open = True
    watchers, one, other = LiveWatchers(broker), watcher(lambda: is_open), watcher()
    for each in (one, other):
        await watchers.add(each)
    is_open = False
    await broker.send(event(REFRESHED))
    assert [e.kind for e in one.subscriber.pop_all()] == ["gone"]
    assert [e.kind for e in other.subscriber.pop_all()] == ["live"]
    await broker.send(event(LIVE_PROGRESS, done=1.0, total=2.0, arguments={}))
    assert one.subscriber.pop_all() == []


async def test_database_that_does_not_answer_ends_no_stream(broker):
    """What happens meanwhile is not told, as nobody knows who may hear it."""
    is_down = True

    def check() -> bool:
        if is_down:
            raise Unavailable("The database does not answer.")
        return True

    watchers, one = LiveWatchers(broker), watcher(check)
    await watchers.add(one)
    await broker.send(event(REFRESHED))
    assert (one.subscriber.pop_all(), one.subscriber.is_closed) == ([], False)
    is_down = False
    await broker.send(event(REFRESHED))
    assert [e.kind for e in one.subscriber.pop_all()] == ["live"]


async def test_streams_of_one_link_are_authorized_together(broker):
    """A thousand viewers of a link for anyone cost one look at it; others have their own."""
    asked: list[str] = []
    watchers = LiveWatchers(broker)

    def make(name: str, authority: str | None) -> LiveWatcher:
        async def is_authorized() -> bool:
            asked.append(name)
            return name != "closed"

        return LiveWatcher("l1", is_authorized, {}, authority=authority)

    added = [make(name, authority) for name, authority in (("open", "a"), ("closed", "b"), ("viewer", None)) * 3]
    for one in added:
        await watchers.add(one)
    await broker.commit()
    assert sorted(asked) == ["closed", "open", *["viewer"] * 3]
    assert [one.subscriber.is_closed for one in added] == [False, True, False] * 3


async def test_revoked_link_ends_its_stream(broker):
    """After a write to the catalog, authorization is checked again."""
    is_open = True
    watchers, one = LiveWatchers(broker), watcher(lambda: is_open)
    await watchers.add(one)
    await broker.commit()
    assert not one.subscriber.is_closed
    is_open = False
    await broker.commit()
    assert one.subscriber.is_closed
    assert [e.kind for e in one.subscriber.pop_all()] == ["gone"]
    watchers.remove(one)
    assert broker.listening == 0
