"""Two servers on one PostgreSQL: a change that meets another one in the middle waits for it, and sees what it did."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from jupyter_figserve.errors import Conflict, NotFound
from jupyter_figserve.model.dashboards import FIGURE as FIGURE_PANEL
from jupyter_figserve.model.dashboards import Layout, PanelSpec
from jupyter_figserve.model.figures import EncodedImage, Identity, sha256_hex
from jupyter_figserve.model.links import FIGURE
from jupyter_figserve.model.live import LiveDeclaration
from jupyter_figserve.model.live_images import LiveImage
from jupyter_figserve.store.catalog import conditions, links, live_figures, publishing, tables, transfers
from jupyter_figserve.store.catalog.dialects import lock_files
from jupyter_figserve.store.store import Store

from ..waiting import PATIENCE, wait_until
from .making import START, assert_sound, identity, publish, run, share

# SQLite's one writer leaves nothing to meet.
pytestmark = pytest.mark.postgresql
ANIMAL = Identity("ann", "/srv", "report.ipynb", "", "animal")
DECLARED = LiveDeclaration("animal", digest="d", revision="r")


@pytest.fixture
def stores(open_here) -> tuple[Store, Store]:
    """Two servers on one database and one directory."""
    return open_here(keep_deleted=3_600.0), open_here(keep_deleted=3_600.0)


class Gate:
    """Holds up what comes to it first, in the middle of its transaction."""

    def __init__(self) -> None:
        self._is_used = False
        self._reached, self._open = threading.Event(), threading.Event()

    def hold(self) -> None:
        if not self._is_used:
            self._is_used = True
            self._reached.set()
            assert self._open.wait(PATIENCE)

    def after(self, function: Callable[..., object]) -> Callable[..., object]:
        """Return a function that is held up when it has done its work."""

        def held(*arguments: object, **named: object) -> object:
            result = function(*arguments, **named)
            self.hold()
            return result

        return held

    def before(self, function: Callable[..., object]) -> Callable[..., object]:
        """Return a function that is held up before it does its work."""

        def held(*arguments: object, **named: object) -> object:
            self.hold()
            return function(*arguments, **named)

        return held


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def meet(gate: Gate, stores):
    """Runs one function up to the gate, and another one until it has ended or waits for the first; then both go on.

    Returns what each returned or raised, and whether the second had to wait.
    """

    def meet(first: Callable[[], object], second: Callable[[], object]) -> tuple[object, object, bool]:
        with ThreadPoolExecutor(2) as threads:
            one = threads.submit(first)
            wait_until(lambda: gate._reached.is_set() or one.done())
            assert not one.done(), one.result()
            other = threads.submit(second)
            wait_until(lambda: other.done() or _count_waiting(stores[0]))
            has_waited = not other.done()
            gate._open.set()
            return _outcome(one), _outcome(other), has_waited

    yield meet
    gate._open.set()


def _outcome(done: Future[object]) -> object:
    try:
        return done.result()
    except Exception as error:
        return error


def _count_waiting(store: Store) -> int:
    return int(store.catalog.reader.exec_driver_sql("select count(*) from pg_locks where not granted").scalar_one())


def _offer(store: Store, identity: Identity = ANIMAL):
    return run(store.live.record_offers("k1", {identity: DECLARED}))[0][identity]


def _keep_image(store: Store, record, data: bytes = b"image") -> None:
    image = LiveImage(record.id, "key", "image/png", sha256_hex(data), len(data), 8, 6, None, "", START)
    run(store.live.keep_images([(image, EncodedImage("image/png", data, 8, 6))]))


def _references(store: Store, data: bytes) -> int:
    columns = tables.blobs.c
    return store.catalog.reader.execute(sa.select(columns.refs).where(columns.digest == sha256_hex(data))).scalar_one()


def _between_statements(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> Callable[[], None]:
    """Return a function that has ``work`` done in another thread after the next statement of this thread."""

    def arm() -> None:
        really_execute, here = Connection.execute, threading.get_ident()

        def execute(self, *arguments, **named):
            result = really_execute(self, *arguments, **named)
            if threading.get_ident() == here:
                monkeypatch.setattr(Connection, "execute", really_execute)
                with ThreadPoolExecutor(1) as thread:
                    thread.submit(work).result()
            return result

        monkeypatch.setattr(Connection, "execute", execute)

    return arm


@pytest.mark.parametrize("change", ["delete", "restore"])
def test_images_of_a_live_figure_outlast_the_deletion_of_another(stores, monkeypatch, change: str):
    """One server drops what deletions have left, while the other one deletes or restores a live figure."""
    kept, gone = _offer(stores[0]), _offer(stores[0], Identity("bob", "/srv", "report.ipynb", "", "animal"))
    _keep_image(stores[0], kept)
    if change == "restore":
        run(stores[0].live.delete(kept))
    works = {
        "delete": lambda: run(stores[1].live.delete(kept)),
        "restore": lambda: run(stores[1].live.restore(kept.id)),
    }
    arm, really_release = _between_statements(monkeypatch, works[change]), live_figures.release

    def release(connection: Connection, now: float) -> None:
        monkeypatch.setattr(live_figures, "release", really_release)
        arm()
        really_release(connection, now)

    monkeypatch.setattr(live_figures, "release", release)
    assert run(stores[0].live.delete(gone))
    if change == "delete":
        run(stores[0].live.restore(kept.id))
    assert run(stores[0].live.find_image(kept.id, "key")).digest == sha256_hex(b"image")
    assert _references(stores[0], b"image") == 1


def test_images_of_a_deleted_live_figure_are_dropped_once(open_here, gate, meet, monkeypatch, stores):
    """Two servers drop what a deletion has left: another holder of the same bytes keeps them."""
    record, other = _offer(stores[0]), publish(stores[0], data=b"image")
    _keep_image(stores[0], record)
    stores[0].catalog.write(lambda c: c.execute(tables.live_figures.delete())).result()
    assert _references(stores[0], b"image") == 2
    monkeypatch.setattr(live_figures, "release_blobs", gate.after(live_figures.release_blobs))

    def drop(store: Store) -> Callable[[], object]:
        return lambda: store.catalog.write(lambda c: live_figures.release(c, START)).result()

    _, _, has_waited = meet(drop(stores[0]), drop(stores[1]))
    assert not has_waited
    assert _references(stores[0], b"image") == 1
    assert run(stores[0].figures.find(other.id)) == other


def test_figures_on_a_dashboard_outlast_the_deletion_of_another(stores, monkeypatch):
    """One server drops the references of deleted dashboards, while the other one deletes one that can be restored."""
    figure = publish(stores[0])
    layout = Layout("Board", ((PanelSpec(FIGURE_PANEL, target=figure.id),),))
    board = run(stores[0].dashboards.publish(identity("board"), layout, None))
    arm = _between_statements(monkeypatch, lambda: run(stores[1].dashboards.delete(board)))
    really_find = conditions.is_gone

    def is_gone(*arguments):
        monkeypatch.setattr(conditions, "is_gone", really_find)
        arm()
        return really_find(*arguments)

    monkeypatch.setattr(conditions, "is_gone", is_gone)
    stores[0].catalog.write(lambda c: stores[0].dashboard_deletion._aggregate.release(c, START)).result()
    shown = tables.dashboard_figures.c
    assert stores[0].catalog.reader.execute(sa.select(shown.figure)).scalars().all() == [figure.id]


def test_two_who_undo_a_deletion_get_the_figure(stores, gate, meet, monkeypatch):
    """The second leaves alone what the first has restored."""
    record = publish(stores[0])
    run(stores[0].figures.delete([record.id]))
    monkeypatch.setattr(publishing, "restore", gate.after(publishing.restore))
    works = (lambda store=store: run(store.figures.restore(record.id)) for store in stores)
    assert meet(*works) == (record, record, True)
    assert_sound(stores[0])


def test_figure_that_is_restored_in_a_transfer_is_the_new_owner_s(stores, gate, meet, monkeypatch):
    """The undo has read the trash before the transfer changed it."""
    record = publish(stores[0])
    run(stores[0].figures.delete([record.id]))
    monkeypatch.setattr(transfers, "_transfer_deleted", gate.after(transfers._transfer_deleted))
    _, restored, has_waited = meet(
        lambda: run(stores[0].owners.transfer("ann", "zoe", is_renamed=False)),
        lambda: run(stores[1].figures.restore(record.id)),
    )
    assert has_waited
    assert restored.owner == run(stores[0].figures.find(record.id)).owner == "zoe"
    assert_sound(stores[0])


@pytest.mark.parametrize("change", ["pause", "revoke"])
def test_change_of_a_link_that_meets_a_deletion_is_refused(stores, gate, meet, monkeypatch, change: str):
    """Nobody is told that a link is closed which an undo opens again."""
    record = publish(stores[0])
    link = share(stores[0], record.id)
    monkeypatch.setattr(publishing, "delete", gate.before(publishing.delete))
    works = {
        "pause": lambda: run(stores[1].links.change(link, {"paused": True})),
        "revoke": lambda: run(stores[1].links.revoke(link)),
    }
    deleted, refused, has_waited = meet(lambda: run(stores[0].figures.delete([record.id])), works[change])
    assert (deleted, has_waited) == (1, True)
    assert isinstance(refused, NotFound)
    run(stores[0].figures.restore(record.id))
    assert run(stores[0].links.find(link.id)) == link


def test_view_that_meets_a_deletion_is_refused(stores, gate, meet, monkeypatch):
    """An undo would not know of it, and grant one view more than the limit."""
    record = publish(stores[0])
    link = share(stores[0], record.id, views=1)
    monkeypatch.setattr(publishing, "delete", gate.before(publishing.delete))
    outcomes = meet(
        lambda: run(stores[0].figures.delete([record.id])), lambda: run(stores[1].links.use_view(link, "x", START))
    )
    assert outcomes == (1, False, True)


def test_view_that_two_servers_have_seen_counts_once(stores, gate, meet, monkeypatch):
    """They write what they have counted at the same time."""
    link = share(stores[0], publish(stores[0]).id)
    monkeypatch.setattr(links, "_is_recent", gate.after(links._is_recent))
    _, _, has_waited = meet(*(lambda s=s: run(s.links.add_views([(link.id, "x", START)])) for s in stores))
    assert has_waited
    assert run(stores[0].links.find(link.id)).seen == 1


def test_declaration_that_meets_the_deletion_of_its_live_figure_leaves_it_deleted(stores, gate, meet, monkeypatch):
    """Its kernel connects anew: that makes no other live figure in its place."""
    record = _offer(stores[0])
    monkeypatch.setattr(live_figures, "delete", gate.after(live_figures.delete))
    _, (offered, deleted), has_waited = meet(
        lambda: run(stores[0].live.delete(record)),
        lambda: run(stores[1].live.record_offers("k1", {ANIMAL: DECLARED})),
    )
    assert has_waited
    assert (offered, deleted) == ({ANIMAL: record}, {record.id})
    assert run(stores[0].live.restore(record.id)) == record


def test_server_that_starts_leaves_a_file_that_another_one_is_writing(stores, gate, meet):
    """It takes it for one that a killed server has left only when nobody writes."""
    unfinished = stores[0].directory / "figures" / "writing.tmp"

    def write(connection: Connection) -> bool:
        lock_files(connection)
        unfinished.write_bytes(b"half")
        gate.hold()
        return unfinished.exists()

    is_left, _, has_waited = meet(lambda: stores[0].catalog.write(write).result(), lambda: stores[1].recover().result())
    assert (is_left, has_waited) == (True, True)
    assert not unfinished.exists()


def test_link_to_a_figure_that_is_being_deleted_is_refused(stores, gate, meet, monkeypatch):
    """It would open nothing."""
    record = publish(stores[0])
    monkeypatch.setattr(publishing, "delete", gate.after(publishing.delete))
    deleted, refused, has_waited = meet(
        lambda: run(stores[0].figures.delete([record.id])), lambda: share(stores[1], record.id)
    )
    assert (deleted, has_waited) == (1, True)
    assert isinstance(refused, Conflict)
    assert (
        stores[0].catalog.reader.execute(sa.select(tables.links.c.id).where(tables.links.c.kind == FIGURE)).all() == []
    )
