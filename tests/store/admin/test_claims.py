"""A data directory belongs to one catalog: cleaning by another one would remove all of its images."""

from __future__ import annotations

import shutil
import threading
from types import SimpleNamespace

import pytest

from jupyter_figserve.errors import Conflict
from jupyter_figserve.model.keys import Key
from jupyter_figserve.model.owners import OwnQuota
from jupyter_figserve.model.queries import FigureQuery
from jupyter_figserve.store.admin import claims, opening
from jupyter_figserve.store.admin.offline import clean, fill, reindex
from jupyter_figserve.store.admin.opening import open_store
from jupyter_figserve.store.files import filesystem

from ...tokens import new_token
from ...waiting import PATIENCE
from ..making import blob_files, publish, run, share

pytestmark = pytest.mark.postgresql
KEY = Key("k1", "0" * 64, "ann", frozenset({"read"}), 1.0, None, "laptop")


@pytest.fixture
def settings(database, directory):
    """The database of the directory."""
    return database.settings(directory)["postgres"]


def test_images_of_postgresql_are_not_for_sqlite(open_here, directory):
    """Neither a server, nor `gc` or `reindex` without the database's address, touches them."""
    publish(store := open_here())
    store.close()
    for attempt in (open_store, clean, reindex):
        with pytest.raises(Conflict, match=r"FigServe\.database_url"):
            attempt(directory)
    assert len(blob_files(directory)) == 1
    run(open_here().collect_garbage())
    assert len(blob_files(directory)) == 1


def test_images_of_sqlite_are_not_for_an_empty_database(directory, settings):
    """Before the database is filled; `reindex` fills it, with links, keys and quotas, and only once."""
    store = open_store(directory)
    record = publish(store)
    share(store, record.id, token := new_token())
    run(store.keys.add(KEY))
    run(store.owners.set_quota("ann", OwnQuota(figures=3)))
    store.close()
    with pytest.raises(Conflict, match="migrate --to-database URL"):
        open_store(directory, postgres=settings)
    filled = fill(settings, directory)
    assert (filled.figures, filled.keys) == (1, 1)
    with pytest.raises(Conflict, match="has figures already"):
        fill(settings, directory)
    moved = open_store(directory, postgres=settings)
    assert run(moved.figures.find(record.id)) == record
    assert run(moved.links.find_by_token(token)).target.id == record.id
    assert run(moved.keys.find(KEY.id)) == KEY
    assert run(moved.owners.describe("ann")).own_quota == OwnQuota(figures=3)
    moved.close()


def test_keys_of_an_old_catalog_stay_out(directory, settings, database, tmp_path):
    """A database is lost; SQLite's catalog, which it replaced long ago, may have keys that were revoked since."""
    store = open_store(directory)
    publish(store)
    run(store.keys.add(KEY))
    store.close()
    fill(settings, directory)
    anew = fill(database.settings(tmp_path / "anew")["postgres"], directory)
    assert (anew.figures, anew.keys) == (1, 0)


def test_images_of_another_database_are_refused(open_here, directory, database, tmp_path, settings):
    """Two databases were confused; a directory that was copied belongs to the same one."""
    record = publish(store := open_here())
    store.close()
    shutil.copytree(directory, tmp_path / "copy")
    other = database.settings(tmp_path / "another")["postgres"]
    with pytest.raises(Conflict, match="belong to another database"):
        open_store(directory, postgres=other)
    copy = open_store(tmp_path / "copy", postgres=settings)
    assert run(copy.figures.list_ids(FigureQuery())) == [record.id]
    copy.close()


def test_bucket_of_another_catalog_is_refused(open_here, directory, database, tmp_path, bucket):
    """Of another database, or of SQLite in another directory; a server that lost its bucket cleans it no more."""
    store = open_here(bucket=bucket)
    record = publish(store)
    again = open_here(bucket=bucket)
    assert run(again.figures.list_ids(FigureQuery())) == [record.id]
    other = database.settings(tmp_path / "other")
    for wrong in (other, {}):
        with pytest.raises(Conflict, match=r"another catalog \(PostgreSQL .* reindex --take-over.* catalog\.json"):
            open_store(tmp_path / "other", bucket=bucket, **wrong)
    with pytest.raises(Conflict, match="stop all servers"):
        fill(other["postgres"], tmp_path / "other", bucket=bucket)
    run(again.collect_garbage())

    run(store.flush())
    taken = fill(other["postgres"], tmp_path / "other", bucket=bucket, take_over=True)
    assert (taken.figures, taken.keys) == (1, 0)
    with pytest.raises(Conflict, match="belong to another catalog"):
        run(again.collect_garbage())
    assert next(iter(again.blobs.list_digests()))


def test_bucket_of_a_catalog_that_is_gone(open_here, directory, bucket):
    """SQLite's lost catalog is rebuilt from the bucket; an empty one does not start to clean it."""
    store = open_store(directory, bucket=bucket)
    publish(store)
    run(store.flush())
    run(store.keys.add(KEY))
    store.close()
    assert reindex(directory, bucket=bucket).keys == 1
    open_store(directory, bucket=bucket).close()
    (directory / "catalog.db").unlink()
    with pytest.raises(Conflict, match="belong to another catalog"):
        open_store(directory, bucket=bucket)
    with pytest.raises(Conflict, match="--take-over"):
        reindex(directory, bucket=bucket)
    assert reindex(directory, bucket=bucket, take_over=True).figures == 1
    open_store(directory, bucket=bucket).close()


def test_of_two_databases_one_gets_an_empty_directory(directory, monkeypatch):
    """Two servers start at once, one of them with a wrong address: it is refused, and cleans nothing away."""
    is_coming, outcomes = threading.Event(), []

    def catalog(name: str):
        return SimpleNamespace(
            id=name, label=name, open=lambda: None, admit=lambda: None, refuse=lambda _: None, is_empty=lambda: True
        )

    def start_other() -> None:
        try:
            opening._open_database(catalog("other"), directory)
        except Conflict as error:
            outcomes.append(error.code)
        is_coming.set()

    other = threading.Thread(target=start_other)
    really_write, really_lock = claims.write_claim, filesystem.lock_descriptor

    def lock(descriptor: int) -> None:
        if threading.current_thread() is other:
            is_coming.set()
        really_lock(descriptor)

    def write(*arguments) -> None:
        monkeypatch.setattr(claims, "write_claim", really_write)
        other.start()
        assert is_coming.wait(PATIENCE)
        really_write(*arguments)

    monkeypatch.setattr(filesystem, "lock_descriptor", lock)
    monkeypatch.setattr(claims, "write_claim", write)
    opening._open_database(catalog("first"), directory)
    other.join()
    assert outcomes == ["catalog_mismatch"]
    assert claims._read(directory) == "first"
