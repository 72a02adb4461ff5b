"""The store as the server uses it: futures, errors with advice, and closing."""

from __future__ import annotations

import asyncio
import errno
import threading
from concurrent.futures import Future

import pytest

from jupyter_figserve.errors import InvalidInput, QuotaExceeded, ReadOnly, Unavailable
from jupyter_figserve.model.figures import FigureRecord, sha256_hex
from jupyter_figserve.model.new_version import NewVersion
from jupyter_figserve.model.queries import FigureQuery
from jupyter_figserve.store.files import blobs, filesystem

from ..waiting import wait_until
from .making import assert_sound, blob_files, draft, publish, run, share


def test_acknowledged_means_readable(store):
    """When the future is done, the reader's next statement sees it."""
    record = run(store.figures.publish(draft()))
    assert run(store.figures.get(record.id)) == record
    assert store.read_only_because is None


def test_publishes_from_many_threads(store):
    """Twenty at once under one name: as many versions, each whole, and one figure."""
    records = []

    def publish_one(n: int) -> None:
        records.append(run(store.figures.publish(draft(data=bytes([n])))))

    threads = [threading.Thread(target=publish_one, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({record.id for record in records}) == 1
    assert sorted(record.version.number for record in records) == list(range(1, 21))
    assert_sound(store)


def _enter(store, new: NewVersion) -> FigureRecord:
    """Publish as the writer's thread does, once the bytes are stored."""
    version, parts = new.to_version(store.clock())
    for digest, data in parts:
        store.blobs.put(digest, data)
    return store.figures._publish(new, version, lambda: None)


def _refusing(number: int):
    def refuse(*_, **__):
        raise OSError(number, "refused")

    return refuse


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, QuotaExceeded), (errno.EDQUOT, QuotaExceeded), (errno.EROFS, ReadOnly), (errno.EIO, ReadOnly)],
)
def test_refusing_disk(store, directory, monkeypatch, number: int, kind: type[Exception]):
    """A domain error instead of an OSError; the old version is intact, nothing of the new one stays; a retry works."""
    record = publish(store, data=b"one")
    publish(store, "other", b"two")
    with monkeypatch.context() as patch:
        patch.setattr(blobs, "_write_durably", _refusing(number))
        with pytest.raises(kind, match="nothing was changed"):
            publish(store, data=b"three", thumbnail=b"small")
    assert run(store.figures.get(record.id)) == record
    assert blob_files(directory) == {sha256_hex(b"one"), sha256_hex(b"two")}
    assert_sound(store)
    assert publish(store, data=b"three").version.number == 2


def test_manifest_that_was_not_written_is_written_at_the_next_opening(store, open_here, monkeypatch, caplog):
    """After a full disk or a kill just after a publish, the figure is kept and its manifest is written later."""
    with monkeypatch.context() as patch:
        patch.setattr(filesystem, "fsync_directory", _refusing(errno.ENOSPC))
        record = publish(store)
        second = publish(store, data=b"two")
    assert "deferred work" in caplog.text
    assert run(store.figures.get(record.id)) == second
    store.close()
    again = open_here()
    [manifest] = again.manifests.figures.read_all()
    assert manifest.record == second
    assert [version.number for version in manifest.versions] == [2, 1]


def test_blocked_blobs_hold_up_no_other_change(store, monkeypatch):
    """While bytes cannot be written, other publishes and changes go on; nothing shows what is not stored yet."""
    other = publish(store, "other", b"two")
    really_put, blocked = store.blobs.start_put, Future()
    monkeypatch.setattr(
        store.blobs, "start_put", lambda digest, data: blocked if data == b"one" else really_put(digest, data)
    )

    async def work():
        publishing = asyncio.ensure_future(store.figures.publish(draft(data=b"one")))
        await asyncio.sleep(0)
        changed = await store.figures.change_text(other, "New")
        third = await store.figures.publish(draft("third", b"three"))
        assert changed.version.title == "New"
        assert not publishing.done()
        assert {found.name for found in (await store.figures.list_page(FigureQuery("ann")))[0]} == {"other", "third"}
        really_put(sha256_hex(b"one"), b"one").result()
        blocked.set_result(True)
        return third, await publishing

    third, published = run(work())
    assert (third.name, published.name) == ("third", "sales")
    assert_sound(store)


def test_failed_blob_publishes_nothing(store, monkeypatch):
    """Of two parts one cannot be stored: neither stays, and the figure is as it was."""
    record = publish(store, data=b"two")
    really_put = store.blobs.start_put
    failed = Future()
    failed.set_exception(Unavailable("down"))
    monkeypatch.setattr(
        store.blobs, "start_put", lambda digest, data: failed if data == b"small" else really_put(digest, data)
    )
    with pytest.raises(Unavailable, match="down"):
        publish(store, data=b"one", thumbnail=b"small")
    assert run(store.figures.get(record.id)) == record
    wait_until(lambda: {*store.blobs.list_digests()} == {sha256_hex(b"two")})
    assert_sound(store)


def test_publishes_in_a_row_write_one_manifest(store, monkeypatch):
    """Deferred manifests are written once for many publishes, with all versions."""
    written = []
    really_write = store.manifests.figures.write
    monkeypatch.setattr(store.manifests.figures, "write", lambda manifest: (written.append(1), really_write(manifest)))
    held = store.catalog.submit(lambda: [_enter(store, draft(data=b"%d" % n)) for n in range(5)])
    held.result()
    run(store.flush())
    assert len(written) == 1
    [manifest] = store.manifests.figures.read_all()
    assert [version.number for version in manifest.versions] == [5, 4, 3, 2, 1]


def test_sharing_tells_the_truth_about_the_disk(store, monkeypatch):
    """A link that could not be stored is an error."""
    record = publish(store)
    monkeypatch.setattr(filesystem, "fsync_directory", _refusing(errno.ENOSPC))
    with pytest.raises(QuotaExceeded):
        share(store, record.id)
    assert store.catalog.reader.exec_driver_sql("select count(*) from links").scalar_one() == 0


def test_end_finishes_pending_records(store, open_here):
    """Closing waits for the writer; afterwards a publish is rejected at once."""
    futures = [store.catalog.submit(lambda n=n: _enter(store, draft(f"f{n}"))) for n in range(10)]
    store.close()
    assert all(future.done() for future in futures)
    with pytest.raises(Unavailable):
        run(store.figures.publish(draft()))
    again = open_here()
    assert all(run(again.figures.find(future.result().id)) is not None for future in futures)


@pytest.mark.parametrize("is_slow", [False, True])
def test_lists_are_the_same_in_a_thread(store, monkeypatch, is_slow: bool):
    """With an index and without: pages, cursors, and the error for an invalid one."""
    for name in ("a", "b", "c"):
        publish(store, name)
    monkeypatch.setattr(FigureQuery, "is_slow", is_slow)
    first, cursor = run(store.figures.list_page(FigureQuery("ann"), 2))
    second, end = run(store.figures.list_page(FigureQuery("ann"), 2, cursor))
    assert sorted(record.name for record in first + second) == ["a", "b", "c"]
    assert end is None
    with pytest.raises(InvalidInput):
        run(store.figures.list_page(FigureQuery("ann"), 2, "nonsense"))
