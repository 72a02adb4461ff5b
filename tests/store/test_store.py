"""The store as the server uses it: futures, errors that say what to do, and the end."""

from __future__ import annotations

import errno
import threading

import pytest

from jupyter_figserve.errors import QuotaExceeded, ReadOnly, Unavailable
from jupyter_figserve.figure import digest_of
from jupyter_figserve.store import blobs, manifests

from .making import assert_sound, blob_files, draft, publish, share


def test_acknowledged_means_readable(store):
    """When the future is done, the reader's next statement sees it."""
    record = store.publish(draft()).result()
    assert store.get_figure(record.id) == record
    assert store.read_only_because is None


def test_publishes_from_many_threads(store):
    """Twenty at once under one name: as many versions, each whole, and one figure."""
    futures = []

    def run(n: int) -> None:
        futures.append(store.publish(draft(data=bytes([n]))))

    threads = [threading.Thread(target=run, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = [future.result() for future in futures]
    assert len({record.id for record in records}) == 1
    assert sorted(record.version.number for record in records) == list(range(1, 21))
    assert_sound(store)


def _refusing(number: int):
    def refuse(*_, **__):
        raise OSError(number, "refused")

    return refuse


@pytest.mark.parametrize("place", [(blobs, "_write_durably"), (manifests, "fsync_directory")])
@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, QuotaExceeded), (errno.EDQUOT, QuotaExceeded), (errno.EROFS, ReadOnly), (errno.EIO, ReadOnly)],
)
def test_refusing_disk(store, directory, monkeypatch, place, number: int, kind: type[Exception]):
    """A sentence instead of an OSError; the old version is whole, nothing of the new one stays, and later it works."""
    record = publish(store, data=b"one")
    publish(store, "other", b"two")
    with monkeypatch.context() as patch:
        patch.setattr(*place, _refusing(number))
        with pytest.raises(kind, match="nothing was changed"):
            publish(store, data=b"three", thumbnail=b"small")
    assert store.get_figure(record.id) == record
    assert blob_files(directory) == {digest_of(b"one"), digest_of(b"two")}
    assert_sound(store)
    assert publish(store, data=b"three").version.number == 2


def test_sharing_tells_the_truth_about_the_disk(store, monkeypatch):
    """A link that could not be kept is not given out."""
    record = publish(store)
    monkeypatch.setattr(manifests, "fsync_directory", _refusing(errno.ENOSPC))
    with pytest.raises(QuotaExceeded):
        share(store, record.id)
    assert store.catalog.reader.exec_driver_sql("select count(*) from links").scalar_one() == 0


def test_end_finishes_what_was_begun(store, open_here):
    """Closing waits for the writer; afterwards a publish is refused at once."""
    futures = [store.publish(draft(f"f{n}")) for n in range(10)]
    store.close()
    assert all(future.done() for future in futures)
    with pytest.raises(Unavailable):
        store.publish(draft())
    again = open_here()
    assert all(again.find_figure(future.result().id) is not None for future in futures)
