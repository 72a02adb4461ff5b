"""The catalog in PostgreSQL: two servers at once, what its text and numbers may be, and the order of events."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from jupyter_figserve.errors import Conflict, InvalidInput, QuotaExceeded
from jupyter_figserve.model.links import FIGURE, Target
from jupyter_figserve.model.queries import FigureQuery
from jupyter_figserve.model.quotas import UNLIMITED, PublishLimits, Quota
from jupyter_figserve.store.catalog import events, keys
from jupyter_figserve.store.catalog.dialects import lock
from jupyter_figserve.store.catalog.transactions import begin
from jupyter_figserve.store.lifecycle.garbage_collection import GcReport
from jupyter_figserve.store.store import Store

from ....waiting import wait_until
from ...making import START, assert_sound, draft, link_to, publish, run, session, share

# SQLite's one writer leaves nothing to race for.
pytestmark = pytest.mark.postgresql


@pytest.fixture
def stores(open_here) -> list[Store]:
    """Two servers on one database and one directory."""
    return [open_here(), open_here()]


def race(*works: Callable[[], object]) -> list[object]:
    """Run functions at the same time, each in a thread; return what each returned or raised."""
    start, results = threading.Barrier(len(works)), [None] * len(works)

    def one(number: int) -> None:
        start.wait()
        try:
            results[number] = works[number]()
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=one, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_versions_are_numbered_once(stores):
    """Two servers publish one figure, ten times each: one figure with all versions, and sound books."""

    def publishing(store: Store, first: int) -> Callable[[], object]:
        async def ten() -> list[int]:
            drafts = [draft(data=b"%d" % n, thumbnail=b"same") for n in range(first, first + 10)]
            return [record.version.number for record in await asyncio.gather(*map(store.figures.publish, drafts))]

        return lambda: run(ten())

    numbers = race(publishing(stores[0], 0), publishing(stores[1], 10))
    assert sorted(number for ten in numbers for number in ten) == list(range(1, 21))
    [record] = run(stores[0].figures.list_page(FigureQuery("ann")))[0]
    for store in stores:
        run(store.flush())
    assert_sound(stores[1])
    [told] = stores[0].manifests.figures.read_all()
    assert [version.number for version in told.versions] == list(range(20, 0, -1))
    assert told.record.id == record.id


def test_quota_holds_over_servers(open_here):
    """Of twelve new figures that two servers publish at once, the quota's three are stored."""
    limits = PublishLimits(Quota(figures=3), UNLIMITED, 0)
    stores = [open_here(limits=limits), open_here(limits=limits)]
    works = [lambda n=n: run(stores[n % 2].figures.publish(draft(f"f{n}", b"%d" % n))) for n in range(12)]
    results = race(*works)
    assert sum(isinstance(result, QuotaExceeded) for result in results) == 9, results
    assert len(run(stores[0].figures.list_ids(FigureQuery("ann")))) == 3
    assert_sound(stores[0])


def test_views_are_used_once(stores):
    """Two servers, each with five clients for four views; a client that asks both at once uses one."""
    record = publish(stores[0])
    link, other = share(stores[0], record.id, views=4), share(stores[0], record.id, views=2)

    def use(n: int, client: str, which=link) -> Callable[[], object]:
        return lambda: run(stores[n % 2].links.use_view(which, client, START))

    assert sorted(race(*(use(n, f"client {n}") for n in range(10)))) == [False] * 6 + [True] * 4
    assert race(*(use(n, "the same", other) for n in range(4))) == [True] * 4
    assert [run(stores[1].links.find(one.id)).seen for one in (link, other)] == [4, 1]


def test_figure_is_deleted_once_and_shared_or_not(stores):
    """Two servers delete a figure while a third request shares it: its books stay sound, and no link is left over."""
    record = publish(stores[0])
    link = link_to(Target(FIGURE, record.id))
    deleted = race(
        lambda: run(stores[0].figures.delete([record.id])),
        lambda: run(stores[1].figures.delete([record.id])),
        lambda: run(stores[1].links.add(link)),
    )
    assert sorted(deleted[:2]) == [0, 1]
    assert deleted[2] is None or isinstance(deleted[2], Conflict)
    assert run(stores[0].links.find(link.id)) is None
    assert_sound(stores[0])


def test_event_ids_follow_the_commits(stores):
    """Between its events and its commit, a transaction makes others with events wait: no stream skips an event."""
    reached, go_on = threading.Event(), threading.Event()

    def slow(connection) -> None:
        events.add(connection, START, "ann", "first", {})
        events.write_pending(connection)
        reached.set()
        assert go_on.wait(20)
        begin(connection)

    pending = stores[0].catalog.write(slow)
    assert reached.wait(20)
    second = stores[1].catalog.write(lambda c: events.add(c, START, "ann", "second", {}))
    wait_until(lambda: second.done() or _count_waiting(stores[1]))
    assert not second.done()
    go_on.set()
    pending.result()
    second.result()
    assert [event.kind for event in run(stores[1].events.list_after(0))] == ["first", "second"]


def _count_waiting(store: Store) -> int:
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    return store.catalog.reader.exec_driver_sql(waiting).scalar_one()


def test_events_of_a_failed_transaction_are_dropped(stores):
    """The next one on its connection does not write them."""

    def fail(connection) -> None:
        events.add(connection, START, "ann", "failed", {})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stores[0].catalog.write(fail).result()
    stores[0].catalog.write(lambda c: events.add(c, START, "ann", "done", {})).result()
    assert [event.kind for event in run(stores[0].events.list_after(0))] == ["done"]


def test_data_version_tells_of_every_commit(stores):
    """Also of another server's, and not of reads."""
    first, other = stores
    before = run(first.data_version())
    publish(other)
    changed = run(first.data_version())
    assert changed != before
    run(first.figures.list_page(FigureQuery("ann")))
    run(other.figures.list_page(FigureQuery("ann")))
    assert run(first.data_version()) == changed == run(other.data_version())


def test_cleaning_takes_turns(stores):
    """While one server cleans, another one does not; later it does."""
    record = publish(stores[0])
    run(stores[0].keys.add(_expired_key()))
    with stores[0].catalog.taking_turns("cleaning") as is_mine:
        assert is_mine
        assert run(stores[1].collect_garbage()) == GcReport()
    assert run(stores[1].collect_garbage()).keys == 1
    assert run(stores[0].figures.find(record.id)) == record


def _expired_key() -> keys.Key:
    return keys.Key("k" * 8, "h" * 64, "ann", frozenset({"read"}), START - 9, START - 5, "")


def test_text_that_postgresql_refuses(stores):
    """NUL and half surrogate pairs are an error with advice, in changes and in searches, and nothing is stored."""
    for text in ("a\0b", "a\ud800b"):
        with pytest.raises(InvalidInput, match=r"NUL|surrogate"):
            publish(stores[0], title=text)
        with pytest.raises(InvalidInput, match=r"NUL|surrogate"):
            run(stores[0].figures.list_page(FigureQuery("ann", text=text)))
    with pytest.raises(InvalidInput, match="64"):
        run(stores[0].figures.find("x", 2**70))
    assert run(stores[0].figures.list_ids(FigureQuery())) == []
    assert publish(stores[0], title="売上 %_\\ 'x'").version.title == "売上 %_\\ 'x'"


def test_order_of_text_is_that_of_bytes(stores):
    """As in SQLite: capitals first, whatever the language of the database."""
    for name in ("b", "Z", "a", "é"):
        publish(stores[0], name, collection=f"c {name}")
    found = run(stores[0].figures.list_collections("ann", 10))
    assert [one.name for one in found] == ["c Z", "c a", "c b", "c é"]


def test_large_sizes_are_counted(stores):
    """Sizes and counts have 64 bits."""
    link = share(stores[0], publish(stores[0]).id, views=2**40)
    assert run(stores[1].links.find(link.id)).views == 2**40


def test_session_and_key_of_a_kernel_are_one(stores):
    """Two servers report one kernel at the same time."""
    results = race(*(lambda s=s: run(s.sessions.record(session("k-1"))) for s in stores))
    assert results == [None, None]
    assert run(stores[0].sessions.find("k-1")) == session("k-1")


def test_changed_links_are_remembered(stores):
    """For an outage: this server knows that it has revoked a link, or deleted its figure."""
    record = publish(stores[0])
    kept, revoked = share(stores[0], record.id), share(stores[0], record.id)
    run(stores[0].links.revoke(revoked))
    has_changed = stores[0].catalog.has_changed_link
    assert (has_changed(kept.id), has_changed(revoked.id)) == (False, True)
    run(stores[0].figures.delete([record.id]))
    assert has_changed(kept.id)


def test_deadlocked_work_is_repeated(stores):
    """Two transactions that lock each other out both succeed in the end."""
    barrier, attempts = threading.Barrier(2), []

    def crossing(first: str, second: str) -> Callable[..., str]:
        def work(connection) -> str:
            attempts.append(first)
            lock(connection, first)
            if len(attempts) <= 2:
                barrier.wait(20)
            lock(connection, second)
            return first

        return work

    pending = [stores[0].catalog.write(crossing("x", "y")), stores[1].catalog.write(crossing("y", "x"))]
    assert [one.result() for one in pending] == ["x", "y"]
    assert len(attempts) == 3
