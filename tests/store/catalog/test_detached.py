"""Detached functions in the catalog: one for each live figure, with a referenced blob that counts against the quota."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jupyter_figserve.errors import Conflict, QuotaExceeded
from jupyter_figserve.model.detached import KIND, DetachedFunction
from jupyter_figserve.model.figures import Identity, Source, sha256_hex
from jupyter_figserve.model.live import LiveDeclaration
from jupyter_figserve.store.catalog import detached, live_figures, quotas

from ...waiting import wait_until
from ..making import references, run

DECLARED = LiveDeclaration("animal", digest="d", revision="r")


@pytest.fixture
def record(store):
    return offer(store, "a.ipynb")


def offer(store, notebook: str, session: str = "k1"):
    identity = Identity("ann", "/srv", notebook, "", "animal")
    return store.catalog.write(lambda c: live_figures.upsert(c, identity, session, DECLARED, store.clock())).result()


def keep(store, record, data: bytes, limits=None) -> DetachedFunction:
    kept = DetachedFunction(record.id, Source(KIND, sha256_hex(data), len(data), {"python": "3.11"}), DECLARED)
    limits = limits or store.limits
    store.blobs.put(kept.source.digest, data)
    store.catalog.write(lambda c: detached.put(c, limits, record, kept, store.clock())).result()
    return kept


def used(store) -> int:
    return quotas.read(store.catalog.reader, "owner", "ann").bytes


def test_kept_function_is_found(store, record):
    """With its declaration, libraries and bytes."""
    kept = keep(store, record, b"first")
    assert detached.find(store.catalog.reader, record.id) == kept
    assert (store.blobs.find(kept.source.digest), used(store)) == (b"first", 5)
    assert detached.find(store.catalog.reader, "nothing") is None


def test_function_of_a_live_figure_that_was_deleted_is_refused(store, record):
    """It would count against the quota for ever; neither is one of a deleted live figure removed twice."""
    run(store.live.delete(record))
    with pytest.raises(Conflict, match="has just been deleted"):
        run(store.live.attach_function(record, DECLARED, b"function", {}))
    assert not run(store.live.remove_function(record))
    assert used(store) == 0
    wait_until(lambda: store.blobs.find_missing([sha256_hex(b"function")]))


def test_function_counts_for_who_has_the_live_figure_now(store, record):
    """It was moved to another owner while the function was on its way."""
    run(store.owners.transfer("ann", "zoe", is_renamed=True))
    run(store.live.attach_function(record, DECLARED, b"function", {}))
    assert (used(store), quotas.read(store.catalog.reader, "owner", "zoe").bytes) == (0, 8)
    assert run(store.live.remove_function(record))
    assert quotas.read(store.catalog.reader, "owner", "zoe").bytes == 0


def test_next_one_takes_its_place(store, record):
    """The earlier blob is released and its size subtracted; the same function again changes nothing."""
    first, second = keep(store, record, b"first"), keep(store, record, b"the second")
    for _ in range(2):
        held = references(store)
        assert (held[first.source.digest], held[second.source.digest], used(store)) == (0, 1, 10)
        keep(store, record, b"the second")


def test_exceeded_quota_changes_nothing(store, record):
    """A replacement counts only by the difference in size."""
    kept = keep(store, record, b"12345")
    limits = replace(store.limits, owner_quota=quotas.Quota(None, 6))
    with pytest.raises(QuotaExceeded):
        keep(store, record, b"1234567", limits)
    assert (detached.find(store.catalog.reader, record.id), used(store)) == (kept, 5)
    keep(store, record, b"123456", limits)
    assert used(store) == 6


def test_removed_function_gives_its_room_back(store, record):
    """A second removal returns False."""
    kept = keep(store, record, b"first")
    remove = [store.catalog.write(lambda c: detached.remove(c, record, store.clock())).result() for _ in range(2)]
    assert (remove, references(store)[kept.source.digest], used(store)) == ([True, False], 0, 0)


def test_newest_first_and_of_one_session(store, record, clock, monkeypatch):
    """Latest first; a session has those that it declared."""
    keep(store, record, b"first")
    clock.turn(60)
    other = offer(store, "b.ipynb", "k2")
    keep(store, other, b"second")
    reader = store.catalog.reader
    assert [one.id for one in detached.list_records(reader)] == [other.id, record.id]
    assert [one.id for one in detached.list_records(reader, "k1")] == [record.id]
    assert detached.list_records(reader, "k3") == []
    monkeypatch.setattr(detached, "MAX_LISTED", 1)
    assert [one.id for one in detached.list_records(reader)] == [other.id]
