"""The event broker: which events reach which subscribers."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_figserve.model.events import Event
from jupyter_figserve.server.services.events.event_broker import LIVE_PROGRESS, SESSION_STARTED, EventBroker
from jupyter_figserve.server.services.events.subscriber import MAX_PENDING
from jupyter_figserve.server.services.live.registry import OFFERED
from jupyter_figserve.store.admin.opening import open_store
from jupyter_figserve.store.catalog import events
from jupyter_figserve.store.databases import PostgresSettings
from tests.store.conftest import create_tables

from ....waiting import until


@pytest.fixture
def store(tmp_path):
    store = open_store(tmp_path / "figures")
    yield store
    store.close()


async def test_L3_a_flood_of_captured_plots_closes_no_stream(store):
    """Events that are not stored are left out for a stream that is half full, so that stored ones still fit."""
    broker = EventBroker(store)
    subscriber = await broker.subscribe("local")
    for number in range(10 * MAX_PENDING):
        broker.announce("local", "plot.captured", {"session": "k", "path": f"{number}.png"})
    for number in range(MAX_PENDING // 2):
        subscriber.offer(Event(number + 1, 0.0, "local", "figure.published", {}))
    assert not subscriber.is_closed
    broker.unsubscribe(subscriber)


async def test_a_burst_of_anothers_events_hides_none(store):
    """After more events of another owner than one query returns, an own one is still forwarded at once."""
    broker = EventBroker(store)
    subscriber = await broker.subscribe("local")

    def burst(connection) -> None:
        for _ in range(1_500):
            events.add(connection, 0.0, "somebody", "figure.published", {})
        events.add(connection, 0.0, "local", "figure.published", {"name": "mine"})

    store.catalog.write(burst).result()
    await broker.wake()
    assert [event.data["name"] for event in subscriber.pop_all()] == ["mine"]
    broker.unsubscribe(subscriber)


async def test_a_listener_gets_the_events_of_every_owner(store):
    """And is called after each write, until it is removed; then no timer runs."""
    broker = EventBroker(store)
    received, commits = [], []

    async def on_event(event: Event) -> None:
        received.append(event)

    async def on_commit() -> None:
        commits.append(1)

    stop = await broker.listen(on_event, on_commit)
    store.catalog.write(lambda connection: events.add(connection, 0.0, "somebody", "figure.published", {})).result()
    await broker.wake()
    broker.announce("another", "session.started", {})
    await until(lambda: len(received) == 2)
    assert ([event.owner for event in received], len(commits)) == (["somebody", "another"], 1)
    stop()
    assert broker._timer is None


async def test_the_end_of_the_server_closes_all_streams(store):
    """So that none keeps the server from stopping."""
    broker = EventBroker(store)
    subscribers = [await broker.subscribe("local") for _ in range(2)]
    broker.close()
    assert all(subscriber.is_closed for subscriber in subscribers)
    for subscriber in subscribers:
        broker.unsubscribe(subscriber)


class TestSeveralServers:
    """Brokers of two servers on one PostgreSQL."""

    @pytest.fixture
    def stores(self, databases, tmp_path):
        name = databases.take(create_tables)
        settings = PostgresSettings(databases.cluster.url(name), 20.0, 4)
        made = [open_store(tmp_path / part, postgres=settings) for part in ("one", "two")]
        yield made
        for store in made:
            store.close()
        databases.give_back(name)

    async def test_announcements_reach_the_others(self, stores):
        """Each once, with its text; what each server announces itself, and what is too long, stays where it is."""
        one, two = (EventBroker(store) for store in stores)
        here, there = await one.subscribe("ann"), await two.subscribe("ann")
        other = await two.subscribe("bob")
        # An announcement before the other server listens is lost.
        heard: list[Event] = []
        async with asyncio.timeout(20):
            while not heard:
                one.announce("ann", SESSION_STARTED, {"session": "k"})
                await asyncio.sleep(0.01)
                heard = there.pop_all()
        one.announce("ann", OFFERED, {"name": "local"})
        one.announce("ann", LIVE_PROGRESS, {"text": "x" * 9_000})
        one.announce("ann", LIVE_PROGRESS, {"text": "\u00e9\u0000"})
        async with asyncio.timeout(20):
            while not any(event.kind == LIVE_PROGRESS for event in heard):
                await asyncio.sleep(0.01)
                heard += there.pop_all()
        assert {event.kind for event in heard} == {SESSION_STARTED, LIVE_PROGRESS}
        assert [event.data for event in heard if event.kind == LIVE_PROGRESS] == [{"text": "\u00e9\u0000"}]
        assert other.pop_all() == []
        assert [event.kind for event in here.pop_all()][-3:] == [OFFERED, LIVE_PROGRESS, LIVE_PROGRESS]
        one.close()
        two.close()


async def test_listeners_may_leave_after_the_broker_was_closed(store, monkeypatch):
    """As a server ends them: what watches the database ends once."""
    watches = ["watch"]
    monkeypatch.setattr(store, "watch", lambda *_: lambda: watches.remove("watch"))
    broker = EventBroker(store)

    async def ignore(*_: object) -> None: ...

    stop = await broker.listen(ignore, ignore)
    broker.close()
    assert watches == []
    stop()
