"""Blobs of a change: durable before it is, and removed when it is rejected."""

from __future__ import annotations

import asyncio
import errno
import threading
from concurrent.futures import Future

import pytest

from jupyter_figserve.errors import QuotaExceeded
from jupyter_figserve.model.figures import sha256_hex
from jupyter_figserve.model.queries import FigureQuery
from jupyter_figserve.model.quotas import PublishLimits, Quota
from jupyter_figserve.store.catalog import publishing
from jupyter_figserve.store.lifecycle import garbage_collection
from jupyter_figserve.store.repositories import blob_writer

from ...waiting import PATIENCE, wait_until
from ..making import assert_sound, draft, publish, run

SMALL = b"small"
LARGE = b"x" * 2**21
on_sqlite = pytest.mark.sqlite


@on_sqlite
def test_small_blobs_are_written_while_the_transaction_runs(store, monkeypatch):
    """Which is committed only once they are on the disk."""
    is_inserted, order = threading.Event(), []
    really_put, really_publish = store.blobs._put, publishing.publish

    def put(path, data):
        assert is_inserted.wait(PATIENCE)
        order.append("put")
        return really_put(path, data)

    def insert(connection, *arguments):
        record = really_publish(connection, *arguments)
        order.append("inserted")
        is_inserted.set()
        assert run(store.figures.find(record.id)) is None
        return record

    monkeypatch.setattr(store.blobs, "_put", put)
    monkeypatch.setattr(publishing, "publish", insert)
    record = run(store.figures.publish(draft(data=SMALL)))
    assert order == ["inserted", "put"]
    assert run(store.figures.find(record.id)) == record
    assert store.blobs.find(sha256_hex(SMALL)) == SMALL


@on_sqlite
def test_large_blobs_are_written_before_the_transaction(open_here, monkeypatch):
    """They hold up no other writer, and nothing is written of those for which there is no room."""
    store, order = open_here(limits=PublishLimits(owner_quota=Quota(figures=1))), []
    really_put, really_publish = store.blobs._put, publishing.publish
    monkeypatch.setattr(store.blobs, "_put", lambda *args: order.append("put") or really_put(*args))
    monkeypatch.setattr(publishing, "publish", lambda *args: order.append("insert") or really_publish(*args))
    run(store.figures.publish(draft(data=LARGE)))
    with pytest.raises(QuotaExceeded):
        run(store.figures.publish(draft("other", LARGE[1:])))
    assert order == ["put", "insert"]


@on_sqlite
@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
def test_nothing_is_left_of_a_rejected_change(open_here, data: bytes, monkeypatch):
    """A figure whose room another one has taken meanwhile; what others refer to stays."""
    monkeypatch.setattr(publishing, "check_room", lambda *_: None)
    store = open_here(limits=PublishLimits(owner_quota=Quota(figures=1)))
    publish(store, data=b"kept")
    with pytest.raises(QuotaExceeded):
        run(store.figures.publish(draft("other", data)))
    wait_until(lambda: set(store.blobs.list_digests()) == {sha256_hex(b"kept")})
    with pytest.raises(QuotaExceeded):
        run(store.figures.publish(draft("other", b"kept")))
    assert store.blobs.find(sha256_hex(b"kept")) == b"kept"
    assert_sound(store)


@on_sqlite
def test_a_blob_that_cannot_be_written_rejects_the_change(store, monkeypatch):
    """A full disk: the old version stays, and the new one's other blobs go."""
    record = publish(store, data=b"old")
    really_put = store.blobs.start_put

    def fail(digest: str, data: bytes) -> Future[bool]:
        if data != b"new":
            return really_put(digest, data)
        failed: Future[bool] = Future()
        failed.set_exception(OSError(errno.ENOSPC, "No space left on device"))
        return failed

    monkeypatch.setattr(store.blobs, "start_put", fail)
    with pytest.raises(QuotaExceeded, match="disk is full"):
        run(store.figures.publish(draft(data=b"new", thumbnail=b"thumb")))
    assert run(store.figures.find(record.id)) == record
    wait_until(lambda: set(store.blobs.list_digests()) == {sha256_hex(b"old")})
    assert_sound(store)


@on_sqlite
def test_a_hanging_disk_does_not_hold_up_a_refusal(open_here, monkeypatch):
    """What the disk writes in the end is removed then, except where another figure shows it by now."""
    store = open_here(limits=PublishLimits(owner_quota=Quota(figures=1)))
    is_refused, order, really_put = threading.Event(), [], store.blobs._put

    def put(path, data):
        assert is_refused.wait(PATIENCE)
        is_new = really_put(path, data)
        order.append(data)
        return is_new

    publish(store, data=b"kept")
    monkeypatch.setattr(store.blobs, "_put", put)
    with pytest.raises(QuotaExceeded):
        run(store.figures.publish(draft("other", b"refused", thumbnail=b"shown by now")))
    order.append("refused")
    is_refused.set()
    publish(store, data=b"shown by now")
    wait_until(lambda: b"refused" in order and store.blobs.find_missing([sha256_hex(b"refused")]))
    assert order[0] == "refused"
    assert store.blobs.find(sha256_hex(b"shown by now")) == b"shown by now"
    assert_sound(store)


@on_sqlite
def test_a_slow_disk_holds_up_no_other_change(store, monkeypatch):
    """The transaction is undone, and runs again once the blobs are written: there is one version, and one event."""
    monkeypatch.setattr(blob_writer, "_MAX_HOLD_SECONDS", 0.0)
    is_undone, runs = threading.Event(), []
    really_put, really_run = store.blobs._put, store.catalog.transact

    def put(*arguments):
        assert is_undone.wait(PATIENCE)
        return really_put(*arguments)

    def transact(change, *arguments):
        runs.append(change.__name__)
        try:
            return really_run(change, *arguments)
        finally:
            is_undone.set()

    monkeypatch.setattr(store.blobs, "_put", put)
    monkeypatch.setattr(store.catalog, "transact", transact)
    record = run(store.figures.publish(draft(data=SMALL)))
    # The manifest has a transaction of its own, which may have begun by now.
    assert runs.count("insert") == 2
    assert (record.version.number, len(run(store.figures.list_versions(record.id)))) == (1, 1)
    assert [event.kind for event in run(store.events.list_after(0))] == ["figure.published"]
    assert store.blobs.find(sha256_hex(SMALL)) == SMALL
    assert_sound(store)


def test_leaving_client_takes_no_blobs_from_a_transaction_that_runs(store, monkeypatch):
    """It cannot be stopped any more: its figure has them, as if the client had waited."""
    is_running, may_end, is_taken_back = threading.Event(), threading.Event(), threading.Event()
    really_publish, really_delete = publishing.publish, garbage_collection.delete_unreferenced

    def publish_slowly(*arguments):
        is_running.set()
        assert may_end.wait(PATIENCE)
        return really_publish(*arguments)

    def delete(*arguments):
        really_delete(*arguments)
        is_taken_back.set()

    async def leave() -> None:
        publishing_it = asyncio.ensure_future(store.figures.publish(draft(data=LARGE)))
        assert await asyncio.to_thread(is_running.wait, PATIENCE)
        publishing_it.cancel()
        done, _ = await asyncio.wait([publishing_it], timeout=PATIENCE)
        assert done

    monkeypatch.setattr(publishing, "publish", publish_slowly)
    monkeypatch.setattr(garbage_collection, "delete_unreferenced", delete)
    run(leave())
    may_end.set()
    assert is_taken_back.wait(PATIENCE)
    [record] = run(store.figures.list_page(FigureQuery("ann")))[0]
    assert record.version.representations[0].digest == sha256_hex(LARGE)
    assert_sound(store)


def test_client_that_leaves_before_the_transaction_leaves_nothing(store, monkeypatch):
    """The transaction does not run, and what was stored for it is removed."""
    is_busy, may_end = threading.Event(), threading.Event()

    def hold_up(connection) -> None:
        is_busy.set()
        assert may_end.wait(PATIENCE)

    async def leave() -> None:
        for _ in store.catalog._writer._threads:
            is_busy.clear()
            store.catalog.write(hold_up)
            assert await asyncio.to_thread(is_busy.wait, PATIENCE)
        publishing_it = asyncio.ensure_future(store.figures.publish(draft(data=LARGE)))
        while store.catalog._writer._queue.empty():
            await asyncio.sleep(0)
        publishing_it.cancel()
        await asyncio.sleep(0)
        may_end.set()
        await asyncio.wait([publishing_it], timeout=PATIENCE)

    run(leave())
    wait_until(lambda: not set(store.blobs.list_digests()))
    assert run(store.figures.list_ids(FigureQuery("ann"))) == []
    assert_sound(store)
