"""Garbage collection: what is removed, and what is kept."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jupyter_figserve.errors import Unavailable
from jupyter_figserve.model.figures import sha256_hex
from jupyter_figserve.model.keys import Key
from jupyter_figserve.model.links import FIGURE, VIEW_SECONDS, Target, hash_secret
from jupyter_figserve.model.quotas import PublishLimits
from jupyter_figserve.store.catalog import events, keys, links, publishing, sessions
from jupyter_figserve.store.lifecycle import garbage_collection
from jupyter_figserve.store.lifecycle.garbage_collection import (
    BLOB_GRACE,
    LINK_GRACE,
    SESSION_SILENCE,
    DeletedBlobs,
    GcReport,
)

from ..making import START, assert_sound, draft, publish, run, session, share

WEEK = 7 * 86_400.0
ONE = sha256_hex(b"one")


@pytest.fixture
def store(open_here):
    return open_here(keep_session_plots=WEEK)


@pytest.fixture
def note(store):
    def note(*arguments, **fields) -> None:
        store.catalog.write(lambda c: sessions.record(c, session(*arguments, **fields))).result()

    return note


def _clean(store) -> GcReport:
    return run(store.collect_garbage())


def _clean_shard_of(store, digest: str) -> GcReport:
    store._shard = int(digest[:2], 16)
    return _clean(store)


def _age(store, digest: str, when: float) -> None:
    """Let a file have been written at ``when``."""
    os.utime(store.blobs.root / digest[:2] / digest, (when, when))


def test_nothing_to_clean(store):
    """A new store is unchanged."""
    publish(store)
    assert not _clean(store)


def test_unshared_plot_goes_a_while_after_its_session(store, note, clock):
    """Not before the time, and with its manifest and an event."""
    note(ended=START)
    record = publish(store)
    clock.turn(WEEK)
    assert not _clean(store)
    clock.turn(1)
    assert _clean(store).figures == 1
    assert run(store.figures.find(record.id)) is None
    assert list(store.manifests.figures.read_all()) == []
    assert events.after(store.catalog.reader, 0)[-1].kind == "figure.deleted"
    assert_sound(store)


@pytest.mark.parametrize("state", ["shared", "living", "kernel-less", "also living", "also younger"])
def test_plots_that_stay(store, note, clock, state: str):
    """What a link shows; what a living session made, or one that ended less than a while ago; what no kernel made."""
    record = publish(store, session=None if state == "kernel-less" else "k1")
    if state != "living":
        note("k1", ended=START)
    if state == "shared":
        share(store, record.id)
    if state.startswith("also"):
        publish(store, session="k2")
        note("k2", ended=START + 10 if state == "also younger" else None)
    clock.turn(WEEK + 5)
    store.catalog.write(lambda c: sessions.keep_alive(c, ["k1", "k2"], clock())).result()
    assert _clean(store).figures == 0
    assert run(store.figures.find(record.id)) == record


def test_plot_of_two_ended_sessions_goes_after_the_later(store, note, clock):
    """Also with several versions."""
    publish(store, session="k1")
    publish(store, session="k2")
    note("k1", ended=START)
    note("k2", ended=START + 100)
    clock.turn(WEEK + 50)
    assert _clean(store).figures == 0
    clock.turn(51)
    assert _clean(store).figures == 1


def test_session_whose_server_is_silent_counts_as_ended(store, note, clock):
    """As of its last report, so that a killed server keeps nothing for ever."""
    note()
    publish(store)
    clock.turn(SESSION_SILENCE)
    _clean(store)
    assert sessions.find(store.catalog.reader, "kernel-1").ended is None
    clock.turn(1)
    _clean(store)
    assert sessions.find(store.catalog.reader, "kernel-1").ended == START


def test_plots_can_be_kept_for_ever(open_here, clock):
    """``keep_session_plots=None``."""
    store = open_here(keep_session_plots=None)
    store.catalog.write(lambda c: sessions.record(c, session(ended=START))).result()
    publish(store)
    clock.turn(100 * WEEK)
    assert _clean(store).figures == 0


def test_plot_published_again_lives_on(store, note, clock):
    """A new session that runs the notebook again keeps the figure."""
    note("k1", ended=START)
    publish(store, data=b"one", session="k1")
    note("k2", started=START, seen=START)
    publish(store, data=b"two", session="k2")
    clock.turn(WEEK + 5)
    store.catalog.write(lambda c: sessions.keep_alive(c, ["k2"], clock())).result()
    assert _clean(store).figures == 0


def test_figures_go_in_batches(store, note, clock, monkeypatch):
    """Many figures are removed in short transactions."""
    monkeypatch.setattr(garbage_collection, "BATCH", 2)
    note(ended=START)
    for n in range(5):
        publish(store, f"f{n}", bytes([n]))
    clock.turn(WEEK + 1)
    assert [_clean(store).figures for _ in range(4)] == [2, 2, 1, 0]


def test_blob_goes_after_a_grace(store, clock):
    """Counted from the release of the last reference."""
    record = publish(store, data=b"one")
    clock.turn(10 * BLOB_GRACE)
    run(store.figures.delete([record.id]))
    clock.turn(BLOB_GRACE)
    assert _clean(store).blobs == 0
    assert not store.blobs.find_missing([ONE])
    clock.turn(1)
    assert _clean(store).blobs == 1
    assert store.blobs.find_missing([ONE])


def test_one_round_removes_all_unreferenced_blobs(store, clock, monkeypatch):
    """More come in ten minutes than a batch has, where a notebook publishes in a loop; each batch is short."""
    monkeypatch.setattr(garbage_collection, "BATCH", 2)
    records = [publish(store, f"f{n}", bytes([n])) for n in range(5)]
    run(store.figures.delete([record.id for record in records]))
    clock.turn(2 * BLOB_GRACE)
    assert _clean(store).blobs == 5
    assert_sound(store)


@pytest.mark.parametrize("many", [False, True])
def test_old_versions_go_while_a_deletion_can_be_undone(open_here, clock, monkeypatch, many: bool):
    """What was deleted keeps its own blobs; only where the deletions are very many, all since the earliest stay."""
    if many:
        monkeypatch.setattr(garbage_collection, "_MAX_DELETIONS", 0)
    store = open_here(keep_deleted=WEEK, limits=PublishLimits(keep_versions=1))
    gone = publish(store, "gone", b"one")
    run(store.figures.delete([gone.id]))
    for data in (b"two", b"three", b"four"):
        clock.turn(1)
        publish(store, "kept", data)
    clock.turn(2 * BLOB_GRACE)
    assert _clean(store).blobs == (0 if many else 2)
    assert not store.blobs.find_missing([ONE])
    assert run(store.figures.restore(gone.id)).version == gone.version
    assert_sound(store)


def test_blob_that_another_figure_holds_stays(store, clock):
    """References are counted."""
    record, other = publish(store, "a", b"one"), publish(store, "b", b"one")
    run(store.figures.delete([record.id]))
    clock.turn(2 * BLOB_GRACE)
    assert _clean(store).blobs == 0
    assert store.blobs.find(ONE) == b"one"
    run(store.figures.delete([other.id]))
    clock.turn(2 * BLOB_GRACE)
    assert _clean(store).blobs == 1


def test_blob_that_is_taken_up_again_stays(store, clock):
    """Published again within the grace, or after it and before the cleaning."""
    record = publish(store, data=b"one")
    run(store.figures.delete([record.id]))
    clock.turn(2 * BLOB_GRACE)
    publish(store, "again", b"one")
    assert _clean(store).blobs == 0
    assert_sound(store)


def test_file_that_no_figure_knows_goes_after_a_grace(store, clock):
    """After a kill between the blob and its publish."""
    store.blobs.put(ONE, b"one")
    _age(store, ONE, START - BLOB_GRACE)
    assert _clean_shard_of(store, ONE).blobs == 0
    _age(store, ONE, START - BLOB_GRACE - 1)
    assert _clean_shard_of(store, ONE).blobs == 1
    assert store.blobs.find_missing([ONE])


def test_old_file_that_a_figure_knows_stays(store):
    """Age alone is no reason."""
    publish(store, data=b"one")
    _age(store, ONE, 0)
    assert _clean_shard_of(store, ONE).blobs == 0
    assert_sound(store)


def test_unfinished_files_go(store, directory: Path):
    """Left by a kill on a file system without O_TMPFILE."""
    left = directory / "blobs" / "tmp" / "x"
    left.parent.mkdir()
    left.write_bytes(b"half")
    os.utime(left, (START - BLOB_GRACE - 1,) * 2)
    _clean(store)
    assert not left.exists()


def _lose_rows(store) -> None:
    """Leave the blobs without rows, as a kill before the commit does, and old."""
    store.catalog.write(lambda c: c.exec_driver_sql("delete from blobs").close()).result()
    _age(store, ONE, START - 2 * BLOB_GRACE)


@pytest.mark.parametrize("state", ["unreferenced", "unknown"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_publish_that_meets_a_cleaning_keeps_its_blob(store, clock, monkeypatch, state: str, moment: str):
    """The bytes are there, and nothing refers to them: the cleaning comes while the publish puts them."""
    record, other = publish(store, "old", b"one"), publish(store, data=b"two")
    run(store.figures.delete([record.id]))
    clock.turn(2 * BLOB_GRACE)
    if state == "unknown":
        _lose_rows(store)
    cleaned = []
    really_put = store.blobs.start_put

    def put_and_clean(digest: str, data: bytes):
        monkeypatch.setattr(store.blobs, "start_put", really_put)
        if moment == "after":
            done = really_put(digest, data)
            done.result()
        store._shard = int(ONE[:2], 16)
        with ThreadPoolExecutor(1) as cleaner:
            cleaner.submit(lambda: run(store.collect_garbage())).result()
        cleaned.append(bool(store.blobs.find_missing([ONE])))
        return done if moment == "after" else really_put(digest, data)

    monkeypatch.setattr(store.blobs, "start_put", put_and_clean)
    if state == "unknown":
        record = run(store.figures.publish(draft("new", b"one")))
    else:
        assert run(store.figures.attach_source(other, 1, "figure", b"one", {}))
        record = other
    assert cleaned == [True]
    assert store.blobs.find(ONE) == b"one"
    assert run(store.figures.find(record.id)) is not None
    if state == "unreferenced":
        assert_sound(store)


def test_cleaning_that_meets_a_publish_leaves_its_blob(store, clock, monkeypatch):
    """The publish has found the bytes there and has not entered them: the cleaning leaves them for a while.

    SQLite's only writer may remove them before the publish: it then writes them again.
    """
    run(store.figures.delete([publish(store, "old", b"one").id]))
    clock.turn(2 * BLOB_GRACE)
    cleaned = []
    really_publish = publishing.publish

    def clean_first(connection, *arguments):
        cleaned.append(garbage_collection.clean_blobs(connection, store.blobs, DeletedBlobs(), clock()))
        return really_publish(connection, *arguments)

    monkeypatch.setattr(publishing, "publish", clean_first)
    run(store.figures.publish(draft("new", b"one")))
    assert cleaned == [GcReport(blobs=1 if store.catalog.has_one_writer else 0)]
    assert store.blobs.find(ONE) == b"one"
    assert_sound(store)


def test_cleaning_leaves_a_new_blob_of_an_old_row(store, clock, monkeypatch):
    """A kill between the deletion of the blob and the commit leaves the row; then somebody publishes the same again."""
    run(store.figures.delete([publish(store, "old", b"one").id]))
    clock.turn(2 * BLOB_GRACE)
    store.blobs.delete(ONE)
    really_put = store.blobs.start_put

    def put_and_clean(digest: str, data: bytes):
        monkeypatch.setattr(store.blobs, "start_put", really_put)
        done = really_put(digest, data)
        assert done.result()
        _age(store, ONE, clock())
        with ThreadPoolExecutor(1) as cleaner:
            cleaner.submit(lambda: run(store.collect_garbage())).result()
        return done

    monkeypatch.setattr(store.blobs, "start_put", put_and_clean)
    run(store.figures.publish(draft("new", b"one")))
    assert store.blobs.find(ONE) == b"one"
    assert_sound(store)


def test_blobs_that_cannot_be_listed_stay(store, clock, monkeypatch):
    """A store of blobs that does not answer ends the cleaning before a transaction waits for it."""
    run(store.figures.delete([publish(store, "old", b"one").id]))
    clock.turn(2 * BLOB_GRACE)

    def fail(shard: int):
        raise Unavailable("down")

    monkeypatch.setattr(store.blobs, "list_shard", fail)
    monkeypatch.setattr(store.blobs, "delete", fail)
    with pytest.raises(Unavailable, match="down"):
        run(store.collect_garbage())


def test_rejected_publish_does_not_take_another_s_bytes(store):
    """The other publish has written and not yet entered them: entering writes them again."""
    store.blobs.put(ONE, b"one")
    store.catalog.write(lambda c: garbage_collection.delete_unreferenced(c, store.blobs, {ONE})).result()
    assert store.blobs.find_missing([ONE])
    publish(store, data=b"one")
    store.catalog.write(lambda c: garbage_collection.delete_unreferenced(c, store.blobs, {ONE})).result()
    assert not store.blobs.find_missing([ONE])


def test_repeated_transaction_takes_no_bytes_back_again(store):
    """The database undid the first one, and another publish has stored the same bytes since."""
    taken_back = {ONE}

    def fail(connection):
        garbage_collection.delete_unreferenced(connection, store.blobs, taken_back)
        raise Unavailable("undone")

    store.blobs.put(ONE, b"one")
    with pytest.raises(Unavailable, match="undone"):
        store.catalog.write(fail).result()
    assert store.blobs.put(ONE, b"one")
    store.catalog.write(lambda c: garbage_collection.delete_unreferenced(c, store.blobs, taken_back)).result()
    assert store.blobs.find(ONE) == b"one"


def test_expired_links_leave_the_lists_after_a_month(store, clock):
    """Valid links, and those without an expiry, stay."""
    figure = publish(store).id
    ended, lives = share(store, figure, expires=START), share(store, figure, expires=START + 2 * LINK_GRACE)
    endless = share(store, figure)
    clock.turn(LINK_GRACE)
    assert _clean(store).links == 0
    clock.turn(1)
    assert _clean(store).links == 1
    assert links.find(store.catalog.reader, ended.id) is None
    assert {link.id for link in links.list_for_target(store.catalog.reader, Target(FIGURE, figure))} == {
        lives.id,
        endless.id,
    }


def test_viewers_are_forgotten(store, clock):
    """After the ten minutes in which they count as one; the count stays."""
    link = share(store, publish(store).id, views=5)
    store.catalog.write(lambda c: links.count_view(c, link.id, "client", START)).result()
    clock.turn(VIEW_SECONDS + 1)
    _clean(store)
    assert store.catalog.reader.exec_driver_sql("select count(*) from viewers").scalar_one() == 0
    assert links.find(store.catalog.reader, link.id).seen == 1


def test_expired_keys_and_old_events_go(store, monkeypatch):
    """Each is counted."""
    key = Key("abcdefgh", hash_secret("s"), "ann", frozenset({"read"}), START, expires=START - 1)
    store.catalog.write(lambda c: keys.add(c, key)).result()
    monkeypatch.setattr(events.trim, "__defaults__", (2,))
    for n in range(5):
        publish(store, f"f{n}")
    done = _clean(store)
    assert (done.keys, done.events) == (1, 3)


def test_reports_are_added():
    """And reads well."""
    total = GcReport(figures=1, blobs=1_000) + GcReport(figures=2, links=1)
    assert total == GcReport(figures=3, links=1, blobs=1_000)
    assert str(total) == "3 figures, 1 links, 0 keys, 1,000 blobs, 0 events, 0 sessions"
    assert total
    assert not GcReport()
