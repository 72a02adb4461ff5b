"""A data directory belongs to one catalog: cleaning by another one would remove all of its images."""

from __future__ import annotations

import shutil

import pytest

from jupyter_figserve.errors import Conflict
from jupyter_figserve.model.queries import FigureQuery
from jupyter_figserve.store.admin.offline import clean, fill, reindex
from jupyter_figserve.store.admin.opening import open_store

from ...tokens import new_token
from ..making import blob_files, publish, run, share

pytestmark = pytest.mark.postgresql


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
    """Before the database is filled; `reindex` fills it, with the links, and only once."""
    store = open_store(directory)
    record = publish(store)
    share(store, record.id, token := new_token())
    store.close()
    with pytest.raises(Conflict, match="reindex --database URL"):
        open_store(directory, postgres=settings)
    assert fill(settings, directory).figures == 1
    with pytest.raises(Conflict, match="has figures already"):
        fill(settings, directory)
    moved = open_store(directory, postgres=settings)
    assert run(moved.figures.find(record.id)) == record
    assert run(moved.links.find_by_token(token)).target.id == record.id
    moved.close()


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
