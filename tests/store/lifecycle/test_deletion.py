"""A deletion removes a figure at once and completely, and can be undone for a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_figserve.errors import Conflict, NotFound, QuotaExceeded
from jupyter_figserve.model.queries import FigureQuery
from jupyter_figserve.model.quotas import PublishLimits, Quota
from jupyter_figserve.store.admin.offline import reindex
from jupyter_figserve.store.catalog import events, figures, links, sessions, tables
from jupyter_figserve.store.lifecycle.garbage_collection import BLOB_GRACE

from ...tokens import new_token
from ..making import START, Killed, assert_sound, blob_files, has_manifest, kill, publish, rows, run, session, share

HOUR = 3_600.0


@pytest.fixture
def store(open_here):
    return open_here(keep_deleted=HOUR)


def delete(store, record) -> None:
    assert run(store.figures.delete([record.id])) == 1


KEPT = (tables.figures, tables.versions, tables.representations, tables.links, tables.session_figures)


def test_everything_is_restored(store, clock):
    """Versions, thumbnails, sources, text and links, row by row, and the usage."""
    for n in range(3):
        record = publish(store, data=bytes([n]), thumbnail=b"small", source=b"pickle", session=f"k{n}", title=f"T{n}")
        clock.turn(60)
    token = new_token()
    share(store, record.id, token, views=5)
    share(store, record.id, version=2, paused=True, label="paused")
    before = {table.name: rows(store, table) for table in KEPT}
    delete(store, record)
    assert run(store.figures.find(record.id)) is None
    assert links.find_by_token(store.catalog.reader, token) is None
    assert_sound(store)
    assert run(store.figures.restore(record.id)) == record
    assert {table.name: rows(store, table) for table in KEPT} == before
    assert links.find_by_token(store.catalog.reader, token).target.id == record.id
    assert_sound(store)
    assert has_manifest(store.manifests.figures, record.id)
    assert rows(store, tables.trash) == set()


def test_views_that_were_used_stay_used(store):
    """Otherwise delete and undo would reopen a used-up link."""
    record = publish(store)
    link = share(store, record.id, views=1)
    assert store.catalog.write(lambda c: links.count_view(c, link.id, "somebody", START)).result()
    delete(store, record)
    run(store.figures.restore(record.id))
    assert links.find(store.catalog.reader, link.id).seen == 1
    assert not store.catalog.write(lambda c: links.count_view(c, link.id, "another", START + 1)).result()


def test_revoked_link_stays_revoked(store):
    """Undoing a deletion undoes nothing else."""
    record, token = publish(store), new_token()
    run(store.links.revoke(share(store, record.id, token)))
    delete(store, record)
    run(store.figures.restore(record.id))
    assert links.find_by_token(store.catalog.reader, token) is None


def test_second_undoing_changes_nothing(store):
    """A second undo is no error."""
    record = publish(store)
    delete(store, record)
    assert run(store.figures.restore(record.id)) == run(store.figures.restore(record.id))
    assert_sound(store)


def test_time_is_up(store, clock, directory: Path):
    """The figure cannot be restored, and garbage collection removes its files."""
    record = publish(store, data=b"one", thumbnail=b"small")
    delete(store, record)
    clock.turn(HOUR + 1)
    with pytest.raises(NotFound):
        run(store.figures.restore(record.id))
    assert run(store.figures.find_deleted(record.id)) is None
    run(store.collect_garbage())
    assert blob_files(directory) == set()
    assert rows(store, tables.trash) == set()


@pytest.mark.parametrize("keep", [HOUR, 5 * BLOB_GRACE])
def test_blobs_wait_as_long_as_the_deletion_can_be_undone(open_here, clock, directory: Path, keep: float):
    """For any duration, and also by ``gc``, which does not know the setting."""
    store = open_here(keep_deleted=keep)
    record = publish(store, data=b"one")
    clock.turn(60)
    delete(store, record)
    clock.turn(keep - 1)
    other = open_here()
    run(other.collect_garbage())
    run(store.collect_garbage())
    assert run(store.figures.restore(record.id)) == record
    assert store.blobs.find(record.version.representations[0].digest) == b"one"


def test_without_a_time_to_keep_it_goes_at_once(open_here):
    """``keep_deleted`` = ''."""
    store = open_here()
    record = publish(store)
    delete(store, record)
    assert run(store.figures.find_deleted(record.id)) is None
    with pytest.raises(NotFound):
        run(store.figures.restore(record.id))


def test_name_that_was_taken_meanwhile(store):
    """A new figure with its name stays, and the error has advice; after its deletion the old one is restored."""
    old = publish(store, data=b"old")
    delete(store, old)
    new = publish(store, data=b"new")
    with pytest.raises(Conflict, match="delete that one first"):
        run(store.figures.restore(old.id))
    assert run(store.figures.find(new.id)) == new
    delete(store, new)
    assert run(store.figures.restore(old.id)) == old


@pytest.mark.parametrize(
    "limits",
    [
        PublishLimits(owner_quota=Quota(figures=1)),
        PublishLimits(owner_quota=Quota(bytes=5)),
        PublishLimits(session_quota=Quota(bytes=5)),
        PublishLimits(session_quota=Quota(figures=1)),
    ],
)
def test_quota_applies_to_restored_figures(store, open_here, limits: PublishLimits):
    """A deletion frees quota, which its undo needs again; a rejected undo changes nothing and can be retried."""
    record = publish(store, data=b"one")
    delete(store, record)
    other = publish(store, "other", b"two")
    limited = open_here(keep_deleted=HOUR, limits=limits)
    with pytest.raises(QuotaExceeded):
        run(limited.figures.restore(record.id))
    assert figures.list_ids(store.catalog.reader, FigureQuery()) == [other.id]
    assert_sound(store)
    assert run(store.figures.restore(record.id)) == record


def test_session_that_runs_goes_on_running(store, clock):
    """Undoing does not end the session that made the figure."""
    store.catalog.write(lambda c: sessions.record(c, session("kernel-1"))).result()
    clock.turn(30)
    record = publish(store)
    delete(store, record)
    run(store.figures.restore(record.id))
    assert sessions.find(store.catalog.reader, "kernel-1").ended is None


def test_event_tells_of_it(store):
    """Open pages show the figure again."""
    record = publish(store)
    delete(store, record)
    run(store.figures.restore(record.id))
    kinds = [event.kind for event in events.after(store.catalog.reader, 0)]
    assert kinds == ["figure.published", "figure.deleted", "figure.restored"]


def test_all_of_a_notebook_can_come_back_one_by_one(store):
    """``unpublish`` is a deletion like any other."""
    records = [publish(store, f"f{n}", bytes([n])) for n in range(3)]
    assert run(store.figures.delete([record.id for record in records])) == 3
    for record in records:
        assert run(store.figures.restore(record.id)) == record
    assert_sound(store)


@pytest.mark.sqlite
def test_reindex_brings_no_deleted_figure_back(open_here, directory: Path):
    """Its links would open again; but undoing works on the new catalog, whatever was cleaned since."""
    store = open_here(keep_deleted=HOUR * 24 * 365 * 90)
    stays, goes = publish(store, "stays", b"1"), publish(store, "goes", b"2")
    token = new_token()
    share(store, goes.id, token)
    delete(store, goes)
    store.close()
    assert reindex(directory).figures == 1
    again = open_here(keep_deleted=HOUR)
    assert figures.list_ids(again.catalog.reader, FigureQuery()) == [stays.id]
    assert links.find_by_token(again.catalog.reader, token) is None
    for _ in range(256):
        run(again.collect_garbage())
    assert run(again.figures.restore(goes.id)).id == goes.id
    assert links.find_by_token(again.catalog.reader, token) is not None
    assert_sound(again)


def test_kill_after_a_deletion(store, monkeypatch, clock, directory: Path):
    """The figure is deleted, also for reindex, and the manifest that is left goes with the time to undo it."""
    record, token = publish(store), new_token()
    share(store, record.id, token)
    with monkeypatch.context() as patched:
        patched.setattr(store.manifests.figures, "delete", kill)
        with pytest.raises(Killed):
            run(store.figures.delete([record.id]))
    assert run(store.figures.find(record.id)) is None
    assert run(store.figures.find_deleted(record.id)) == record
    assert has_manifest(store.manifests.figures, record.id)
    clock.turn(HOUR + 1)
    run(store.collect_garbage())
    assert not has_manifest(store.manifests.figures, record.id)
    assert rows(store, tables.trash) == set()


@pytest.mark.sqlite
def test_reindex_after_a_kill_in_a_deletion(open_here, monkeypatch, directory: Path):
    """The manifest that is left opens no link again; undoing does."""
    store = open_here(keep_deleted=HOUR * 24 * 365 * 90)
    record, token = publish(store), new_token()
    share(store, record.id, token)
    with monkeypatch.context() as patched:
        patched.setattr(store.manifests.figures, "delete", kill)
        with pytest.raises(Killed):
            run(store.figures.delete([record.id]))
    store.close()
    assert reindex(directory).figures == 0
    again = open_here(keep_deleted=HOUR)
    assert links.find_by_token(again.catalog.reader, token) is None
    run(again.figures.restore(record.id))
    assert links.find_by_token(again.catalog.reader, token) is not None
    assert_sound(again)


def test_another_server_restores(store, open_here):
    """Two servers on one catalog: what one deletes, the other brings back, and cleaning by either keeps its bytes."""
    record, other = publish(store, data=b"one"), open_here(keep_deleted=HOUR)
    delete(store, record)
    run(other.collect_garbage())
    assert run(other.figures.find_deleted(record.id)) == record
    assert run(other.figures.restore(record.id)) == record
    assert run(store.figures.find(record.id)) == record
    assert run(store.figures.restore(record.id)) == record
    assert has_manifest(store.manifests.figures, record.id)


def test_deletion_leaves_what_another_server_has_restored(store, open_here, monkeypatch):
    """Between the commit and the removal of the manifest, another server may undo the deletion."""
    record, other = publish(store), open_here(keep_deleted=HOUR)
    transact, calls = store.catalog.transact, []

    def restore_between(*call):
        calls.append(call)
        if len(calls) == 2:
            run(other.figures.restore(record.id))
        return transact(*call)

    monkeypatch.setattr(store.catalog, "transact", restore_between)
    delete(store, record)
    assert run(store.figures.find(record.id)) == record
    assert has_manifest(store.manifests.figures, record.id)


@pytest.mark.sqlite
def test_kill_in_the_middle_of_an_undoing(store, monkeypatch, clock, directory: Path):
    """The figure stays deleted; when it expires, the manifest that was written too early is removed."""
    record = publish(store)
    delete(store, record)
    with monkeypatch.context() as patched:
        write = store.manifests.figures.write
        patched.setattr(store.manifests.figures, "write", lambda manifest: (write(manifest), kill()))
        with pytest.raises(Killed):
            run(store.figures.restore(record.id))
    assert run(store.figures.find(record.id)) is None
    clock.turn(HOUR + 1)
    run(store.collect_garbage())
    assert not has_manifest(store.manifests.figures, record.id)
    store.close()
    assert reindex(directory).figures == 0


def test_full_disk_leaves_the_figure(store, monkeypatch):
    """When the trash cannot be written, nothing is deleted."""
    record = publish(store)
    monkeypatch.setattr(
        store.figure_deletion.trash, "put", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(QuotaExceeded):
        run(store.figures.delete([record.id]))
    assert run(store.figures.find(record.id)) == record
    assert has_manifest(store.manifests.figures, record.id)


def test_expired_session_plots_are_deleted(open_here, clock):
    """Garbage collection deletes permanently."""
    store = open_here(keep_deleted=HOUR, keep_session_plots=60.0)
    store.catalog.write(lambda c: sessions.record(c, session("kernel-1", ended=START))).result()
    record = publish(store)
    clock.turn(120)
    assert run(store.collect_garbage()).figures == 1
    assert run(store.figures.find_deleted(record.id)) is None


def test_figure_published_again_is_another(store):
    """Links of the deleted figure never show a later one."""
    record = publish(store)
    delete(store, record)
    assert publish(store).id != record.id
