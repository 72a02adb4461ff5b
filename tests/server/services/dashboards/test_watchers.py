"""Watchers of dashboards on a store whose reads suspend: no change is lost, and none arrives out of order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from jupyter_figserve.model.dashboards import FIGURE, TEXT, Layout, PanelSpec
from jupyter_figserve.model.events import DASHBOARD_PUBLISHED, Event
from jupyter_figserve.model.figures import Identity
from jupyter_figserve.server.services.dashboards.watchers import DashboardWatcher, DashboardWatchers
from jupyter_figserve.server.services.events.event_broker import EventBroker
from jupyter_figserve.server.services.live.service import LiveService
from jupyter_figserve.store.admin.opening import open_store
from jupyter_figserve.store.store import Store

from ....store.making import draft

IDENTITY = Identity("ann", "", "a.ipynb", "", "board")


class SlowReads:
    """Holds the result of the next reads of a dashboard back, each until its gate is opened."""

    def __init__(self, store: Store) -> None:
        self._gates: list[asyncio.Event] = []
        self.waiting = 0
        find = store.dashboards.find

        async def slow(dashboard_id: str) -> Any:
            record = await find(dashboard_id)
            if self._gates:
                gate = self._gates.pop(0)
                self.waiting += 1
                await gate.wait()
                self.waiting -= 1
            return record

        store.dashboards.find = slow  # type: ignore[method-assign]

    def hold(self) -> asyncio.Event:
        gate = asyncio.Event()
        self._gates.append(gate)
        return gate

    async def begun(self) -> None:
        async with asyncio.timeout(10):
            while not self.waiting:
                await asyncio.sleep(0)


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    store = open_store(tmp_path / "figures", keep_deleted=60.0)
    yield store
    store.close()


@pytest.fixture
def reads(store) -> SlowReads:
    return SlowReads(store)


@pytest.fixture
def broker(store) -> EventBroker:
    return EventBroker(store)


@pytest.fixture
def watchers(store, broker) -> DashboardWatchers:
    # Only panels of live figures use the live service.
    return DashboardWatchers(store, cast(LiveService, None), broker)


async def publish(store, markdown: str) -> str:
    layout = Layout("Board", ((PanelSpec(TEXT, markdown=markdown),),))
    return (await store.dashboards.publish(IDENTITY, layout, None)).id


def make_watcher(
    dashboard_id: str, version: int | None = None, is_open: Callable[[], bool] = lambda: True
) -> DashboardWatcher:
    async def is_authorized() -> bool:
        return is_open()

    return DashboardWatcher(dashboard_id, is_authorized, lambda panel: "", version)


def versions(watcher: DashboardWatcher) -> list[object]:
    return [event.data["version"] for event in watcher.subscriber.pop_all() if event.kind == "dashboard"]


async def test_a_change_during_the_first_read_is_sent(store, broker, watchers, reads):
    """A version published after the dashboard was read, but before the read returned, reaches the stream."""
    watcher = make_watcher(await publish(store, "one"), 1)
    gate = reads.hold()
    adding = asyncio.create_task(watchers.add(watcher))
    await reads.begun()
    await publish(store, "two")
    waking = asyncio.create_task(broker.wake())
    gate.set()
    await asyncio.gather(adding, waking)
    assert versions(watcher) == [2]
    watchers.remove(watcher)


async def test_updates_are_sent_in_order(store, broker, watchers, reads):
    """A slow read of an old version does not replace a newer one."""
    watcher = make_watcher(await publish(store, "one"), 1)
    await watchers.add(watcher)
    old, published = reads.hold(), Event(0, 0.0, "ann", DASHBOARD_PUBLISHED, {"dashboard": watcher.target})
    await publish(store, "two")
    broker.announce("ann", published.kind, published.data)
    await reads.begun()
    await publish(store, "three")
    broker.announce("ann", published.kind, published.data)
    for _ in range(20):
        await asyncio.sleep(0)
    old.set()
    await broker.wake()
    assert versions(watcher)[:2] == [2, 3]
    later = make_watcher(watcher.target, 2)
    await watchers.add(later)
    assert versions(later) == [3]
    for one in (watcher, later):
        watchers.remove(one)


async def test_a_dashboard_without_watchers_is_not_kept(store, broker, watchers, reads):
    """When the last watcher leaves during an update, the next one reads the dashboard again."""
    watcher = make_watcher(await publish(store, "one"), 1)
    await watchers.add(watcher)
    await publish(store, "two")
    gate = reads.hold()
    waking = asyncio.create_task(broker.wake())
    await reads.begun()
    watchers.remove(watcher)
    gate.set()
    await waking
    await publish(store, "three")
    later = make_watcher(watcher.target, 2)
    await watchers.add(later)
    assert versions(later) == [3]
    watchers.remove(later)


async def test_a_deleted_dashboard_ends_its_streams(store, broker, watchers):
    """Those that are open, and one that is added afterwards."""
    watcher = make_watcher(await publish(store, "one"), 1)
    await watchers.add(watcher)
    record = await store.dashboards.find(watcher.target)
    await store.dashboards.delete(record)
    await broker.wake()
    late = make_watcher(watcher.target, 1)
    await watchers.add(late)
    for one in (watcher, late):
        assert [event.kind for event in one.subscriber.pop_all()] == ["gone"]
        assert one.subscriber.is_closed
        watchers.remove(one)


@pytest.mark.parametrize("change", ["dashboard", "panel"])
async def test_a_stream_that_is_over_hears_nothing_more(store, broker, watchers, change: str):
    """A link that has expired, which is no write, ends with the next change, and before it is told."""
    figure = await store.figures.publish(draft())
    layout = Layout("Board", ((PanelSpec(FIGURE, figure.id),),))
    dashboard = await store.dashboards.publish(IDENTITY, layout, None)
    is_open = True
    one, other = make_watcher(dashboard.id, 1, lambda: is_open), make_watcher(dashboard.id, 1)
    for each in (one, other):
        await watchers.add(each)
        each.subscriber.pop_all()
    is_open = False
    if change == "dashboard":
        await publish(store, "two")
    else:
        await store.figures.publish(draft(data=b"two"))
    await broker.wake()
    assert [event.kind for event in one.subscriber.pop_all()] == ["gone"]
    assert [event.kind for event in other.subscriber.pop_all()] == [change]
    for each in (one, other):
        watchers.remove(each)


async def test_a_client_that_leaves_while_it_is_added_leaves_nothing(store, broker, watchers, reads):
    """A cancelled ``add`` removes the watcher, and without watchers no timer runs."""
    watcher = make_watcher(await publish(store, "one"), 1)
    reads.hold()
    adding = asyncio.create_task(watchers.add(watcher))
    await reads.begun()
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    assert broker._timer is None
    assert watcher.subscriber.is_closed


async def test_watchers_added_together_share_one_listener(store, broker, watchers):
    """After all of them have left, the broker has no listener."""
    dashboard_id = await publish(store, "one")
    added = [make_watcher(dashboard_id, 1) for _ in range(5)]
    await asyncio.gather(*(watchers.add(one) for one in added))
    assert len(broker._listeners) == 1
    for one in added:
        watchers.remove(one)
    assert (broker._listeners, broker._timer) == ([], None)
