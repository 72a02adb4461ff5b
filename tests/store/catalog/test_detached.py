"""Detached functions in the catalog: one for each live figure, its blob held, its room counted with its owner."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jupyter_figserve.errors import QuotaExceeded
from jupyter_figserve.model.detached import KIND, Detached
from jupyter_figserve.model.figures import Identity, Source, sha256_hex
from jupyter_figserve.model.live import LiveDeclaration
from jupyter_figserve.store.catalog import detached, live_figures, quotas, tables

DECLARED = LiveDeclaration("animal", digest="d", revision="r")


@pytest.fixture
def record(store):
    return offer(store, "a.ipynb")


def offer(store, notebook: str, session: str = "k1"):
    identity = Identity("ann", "/srv", notebook, "", "animal")
    return store.catalog.write(lambda c: live_figures.upsert(c, identity, session, DECLARED, store.clock())).result()


def keep(store, record, data: bytes, limits=None) -> Detached:
    kept = Detached(record.id, Source(KIND, sha256_hex(data), len(data), {"python": "3.11"}), DECLARED)
    limits = limits or store.limits
    store.catalog.write(lambda c: detached.put(c, store.blobs, limits, record, kept, data, store.clock())).result()
    return kept


def references(store) -> dict[str, int]:
    return {row.digest: row.refs for row in store.catalog.reader.execute(tables.blobs.select())}


def used(store) -> int:
    return quotas.read(store.catalog.reader, "owner", "ann").bytes


def test_kept_function_is_found(store, record):
    """With its declaration and libraries; its bytes are those that were kept."""
    kept = keep(store, record, b"first")
    assert detached.find(store.catalog.reader, record.id) == kept
    assert (store.blobs.find(kept.source.digest), used(store)) == (b"first", 5)
    assert detached.find(store.catalog.reader, "nothing") is None


def test_next_one_takes_its_place(store, record):
    """The blob of the one before is let go, and its room given back; the same again changes nothing."""
    first, second = keep(store, record, b"first"), keep(store, record, b"the second")
    for _ in range(2):
        held = references(store)
        assert (held[first.source.digest], held[second.source.digest], used(store)) == (0, 1, 10)
        keep(store, record, b"the second")


def test_quota_refuses_and_leaves_what_was_there(store, record):
    """One that takes the place of another needs room for the difference alone."""
    kept = keep(store, record, b"12345")
    limits = replace(store.limits, owner_quota=quotas.Quota(None, 6))
    with pytest.raises(QuotaExceeded):
        keep(store, record, b"1234567", limits)
    assert (detached.find(store.catalog.reader, record.id), used(store)) == (kept, 5)
    keep(store, record, b"123456", limits)
    assert used(store) == 6


def test_removed_function_gives_its_room_back(store, record):
    """Once: there is nothing to remove then."""
    kept = keep(store, record, b"first")
    remove = [store.catalog.write(lambda c: detached.remove(c, record, store.clock())).result() for _ in range(2)]
    assert (remove, references(store)[kept.source.digest], used(store)) == ([True, False], 0, 0)


def test_newest_first_and_of_one_session(store, record, clock):
    """What was detached last comes first; a session's are those that it declared."""
    keep(store, record, b"first")
    clock.turn(60)
    other = offer(store, "b.ipynb", "k2")
    keep(store, other, b"second")
    reader = store.catalog.reader
    assert [one.id for one in detached.list_records(reader)] == [other.id, record.id]
    assert [one.id for one in detached.list_records(reader, "k1")] == [record.id]
    assert [one.id for one in detached.list_records(reader, limit=1)] == [other.id]
    assert detached.list_records(reader, "k3") == []
