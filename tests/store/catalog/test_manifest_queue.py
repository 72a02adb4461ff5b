"""Manifests that are to be written again: each by one server, and once more where two may have written it."""

from __future__ import annotations

import pytest

from jupyter_figserve.store.catalog import manifest_queue, tables

from ..making import START

LATER = START + manifest_queue._CLAIM_SECONDS


@pytest.fixture
def write(store):
    """``write(manifest_queue.add, …)`` runs a function in a write transaction."""
    return lambda change, *args, **named: store.catalog.write(lambda c: change(c, *args, **named)).result()


def _rest(store) -> list[str]:
    return [row.id for row in store.catalog.reader.execute(tables.manifest_queue.select())]


def test_manifest_is_written_by_one_server(store, write):
    """Another one leaves it alone; it is done when it is written."""
    write(manifest_queue.add, "figure", "one")
    claimed = write(manifest_queue.claim, START)
    assert [one.id for one in claimed] == ["one"]
    assert write(manifest_queue.claim, START) == []
    write(manifest_queue.finish, written=claimed, failed=[])
    assert _rest(store) == []


@pytest.mark.parametrize("is_failed", [False, True])
def test_manifest_that_changed_or_failed_is_written_again(store, write, is_failed: bool):
    """At once."""
    write(manifest_queue.add, "figure", "one")
    claimed = write(manifest_queue.claim, START)
    if not is_failed:
        write(manifest_queue.add, "figure", "one")
    write(manifest_queue.finish, written=[] if is_failed else claimed, failed=claimed if is_failed else [])
    assert [one.id for one in write(manifest_queue.claim, START)] == ["one"]


@pytest.mark.parametrize("is_changed", [False, True])
def test_manifest_of_a_server_that_was_suspended_is_written_again(store, write, is_changed: bool):
    """Another one has written a newer manifest meanwhile, and then came the older."""
    write(manifest_queue.add, "figure", "one")
    suspended = write(manifest_queue.claim, START)
    write(manifest_queue.finish, written=write(manifest_queue.claim, LATER), failed=[])
    if is_changed:
        write(manifest_queue.add, "figure", "one")
    write(manifest_queue.finish, written=suspended, failed=[])
    assert [one.id for one in write(manifest_queue.claim, LATER)] == ["one"]


def test_server_that_was_suspended_frees_no_other_one_s_claim(store, write):
    """What it could not write, the other one is writing."""
    write(manifest_queue.add, "figure", "one")
    suspended = write(manifest_queue.claim, START)
    assert write(manifest_queue.claim, LATER)
    write(manifest_queue.finish, written=[], failed=suspended)
    assert write(manifest_queue.claim, LATER) == []
