"""Trash: manifests of deletions that can be undone, in a table."""

from __future__ import annotations

import pytest

from jupyter_figserve.model.links import DASHBOARD, FIGURE
from jupyter_figserve.store.catalog import tables
from jupyter_figserve.store.files.manifest_formats import DashboardManifest, FigureManifest
from jupyter_figserve.store.lifecycle.trash import Trash

from ..making import START, publish, share


@pytest.fixture
def trash() -> Trash[FigureManifest]:
    return Trash(FIGURE, FigureManifest)


@pytest.fixture
def write(store):
    """``write(trash.put, …)`` runs a method in a write transaction."""
    return lambda change, *args: store.catalog.write(lambda c: change(c, *args)).result()


@pytest.fixture
def manifest(store) -> FigureManifest:
    record = publish(store, title="Sales")
    share(store, record.id, audience="people", users=("ada",), groups=("lab",))
    [manifest] = store.manifests.figures.read_all()
    return manifest


def test_entry_is_found_until_it_expires(store, trash, manifest, write):
    """With all links and their people; other ids and other kinds are not found."""
    write(trash.put, manifest, START, START + 60)
    reader, figure = store.catalog.reader, manifest.record.id
    assert trash.find(reader, figure, START + 59.9) == manifest
    assert trash.find(reader, figure, START + 60) is None
    assert trash.find(reader, "A" * 16, START) is None
    assert Trash(DASHBOARD, DashboardManifest).find(reader, figure, START) is None
    assert (trash.count(reader, START), trash.list_expired(reader, START)) == (1, [])
    assert (trash.count(reader, START + 60), trash.list_expired(reader, START + 60)) == (0, [figure])


def test_of_two_deletions_the_later_counts(store, trash, manifest, write):
    """A figure that was restored, changed and deleted again."""
    write(trash.put, FigureManifest(manifest.record, manifest.versions, ()), START, START + 60)
    write(trash.put, manifest, START + 10, START + 70)
    assert trash.find(store.catalog.reader, manifest.record.id, START + 20) == manifest
    write(trash.remove, [manifest.record.id])
    assert trash.list(store.catalog.reader, START) == []


def test_damaged_row_is_no_figure(store, trash, manifest, write):
    """It is listed, cannot be restored, and harms no other."""
    write(trash.put, manifest, START, START + 60)
    write(lambda connection: connection.execute(tables.trash.update().values(manifest="{")))
    assert trash.find(store.catalog.reader, manifest.record.id, START) is None
    (entry,) = trash.list(store.catalog.reader, START)
    assert (entry.id, entry.owner, entry.manifest) == (manifest.record.id, "ann", None)


def test_list_is_of_one_owner_and_newest_first(store, trash, manifest, write):
    """None means everybody."""
    other = publish(store, "other", owner="bob")
    [second] = [one for one in store.manifests.figures.read_all() if one.record.id == other.id]
    write(trash.put, manifest, START, START + 60)
    write(trash.put, second, START + 5, START + 60)
    reader = store.catalog.reader
    assert [entry.owner for entry in trash.list(reader, START)] == ["bob", "ann"]
    assert [entry.owner for entry in trash.list(reader, START, "ann")] == ["ann"]
    assert [entry.owner for entry in trash.list(reader, START, limit=1)] == ["bob"]


def test_oldest_deletion_is_of_those_that_can_be_undone(store, trash, manifest, write):
    """Blobs released since then are kept."""
    reader = store.catalog.reader
    assert trash.find_oldest(reader, START) is None
    write(trash.put, manifest, START, START + 60)
    assert trash.find_oldest(reader, START + 59) == START
    assert trash.find_oldest(reader, START + 60) is None
