"""A data directory that moves to PostgreSQL and to a bucket: everything arrives, once, and the directory stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from jupyter_figserve.errors import Conflict, FigServeError, NotFound
from jupyter_figserve.model.dashboards import TEXT, Layout, PanelSpec
from jupyter_figserve.model.figures import sha256_hex
from jupyter_figserve.model.live import LiveDeclaration
from jupyter_figserve.store.admin import migration
from jupyter_figserve.store.admin.migration import migrate
from jupyter_figserve.store.admin.opening import open_store
from jupyter_figserve.store.catalog import tables
from jupyter_figserve.store.databases import PostgresSettings
from jupyter_figserve.store.store import Store

from ..conftest import PATIENCE, create_tables
from ..making import Killed, identity, kill, publish, run, share, stored_files

ONE = sha256_hex(b"one")


@pytest.fixture
def postgres(databases):
    """An empty database, as a migration finds it."""
    name = databases.take(create_tables)
    yield PostgresSettings(databases.cluster.url(name), PATIENCE, 4)
    with databases.cluster.connect(name) as connection:
        connection.execute("delete from meta where key = 'migrated_from'")
    databases.give_back(name)


@pytest.fixture
def source(directory: Path, clock) -> Path:
    """A directory with something of each kind, whose server has ended."""
    store = open_store(directory, clock=clock, keep_deleted=3_600.0)
    record = publish(store, data=b"one", thumbnail=b"small", source=b"pickle", title="Sales ≥ 売上")
    publish(store, data=b"two")
    share(store, record.id, views=3)
    run(store.figures.delete([publish(store, "gone", b"three").id]))
    live_identity = identity("animal", notebook="a.ipynb")
    [live] = run(store.live.record_offers("k1", {live_identity: LiveDeclaration("animal", digest="d")}))[0].values()
    run(store.live.attach_function(live, live.declaration, b"function", {}))
    layout = Layout("Board", ((PanelSpec(TEXT, markdown="# x"),),))
    run(store.dashboards.publish(identity("board"), layout, None))
    store.close()
    return directory


def _rows(store: Store, table: sa.Table) -> list[tuple[object, ...]]:
    return [tuple(row) for row in store.catalog.reader.execute(sa.select(table).order_by(*table.primary_key.columns))]


def test_everything_arrives(source: Path, postgres, bucket, clock, tmp_path: Path):
    """Figures with versions and links, live figures, dashboards and what can be restored; new events go on."""
    before = stored_files(source)
    steps = []
    report = migrate(source, postgres, bucket, lambda *step: steps.append(step))
    assert stored_files(source) == before
    assert (report.rows["figures"], report.rows["links"], report.rows["trash"]) == (1, 1, 1)
    assert (report.blobs, report.manifests, report.damaged, report.missing) == (6, 3, (), ())
    assert {what for what, done, total in steps if done == total} == {
        "rows",
        "images and sources",
        "manifests",
        "check",
    }
    old = open_store(source, clock=clock)
    new = open_store(tmp_path / "new", clock=clock, postgres=postgres, bucket=bucket, keep_deleted=3_600.0)
    try:
        for table in tables.metadata.sorted_tables:
            if table.name not in ("meta", "manifest_queue"):
                assert _rows(new, table) == _rows(old, table), table.name
        assert {*new.blobs.list_digests()} == {*old.blobs.list_digests()}
        for kept, copied in zip(vars(old.manifests).values(), vars(new.manifests).values(), strict=True):
            assert sorted(map(repr, copied.read_all())) == sorted(map(repr, kept.read_all()))
        assert publish(new, data=b"new").version.number == 3
        [gone] = run(new.catalog.read(lambda c: new.figure_deletion.trash.list(c, clock())))
        assert run(new.figures.restore(gone.id)).name == "gone"
    finally:
        new.close()
        old.close()


@pytest.mark.parametrize("step", ["_insert", "_copy_blob", "_finish"])
def test_killed_migration_goes_on(source: Path, postgres, bucket, monkeypatch, step: str):
    """What was copied is not copied again; afterwards it is refused, since servers may use the target."""
    really: Callable[..., object] = getattr(migration, step)
    calls = []

    def kill_third(*arguments, **named):
        calls.append(1)
        return kill() if len(calls) == (1 if step == "_finish" else 3) else really(*arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(migration, step, kill_third)
        with pytest.raises(Killed):
            migrate(source, postgres, bucket)
    report = migrate(source, postgres, bucket)
    assert (report.rows["figures"], report.blobs) == (1, 6)
    with pytest.raises(Conflict, match="already"):
        migrate(source, postgres, None)


def test_damaged_and_missing_images_are_named(source: Path, bucket):
    """A damaged one is not copied; all others are."""
    path = source / "blobs" / ONE[:2] / ONE
    path.write_bytes(b"other")
    (source / "blobs" / sha256_hex(b"two")[:2] / sha256_hex(b"two")).unlink()
    report = migrate(source, None, bucket)
    assert (report.damaged, report.missing, report.blobs) == ((ONE,), (sha256_hex(b"two"),), 4)


def test_difference_at_the_end_is_an_error(source: Path, postgres, monkeypatch):
    """A database that has other values than the directory is not called migrated."""
    really = migration._insert

    def change(connection, table, rows):
        really(connection, table, [{**row, "title": "Other"} if table.name == "figures" else row for row in rows])

    monkeypatch.setattr(migration, "_insert", change)
    with pytest.raises(FigServeError, match="figures differs"):
        migrate(source, postgres, None)


def test_what_must_not_be_migrated(source: Path, postgres, clock, tmp_path: Path):
    """To a database with other figures, from a directory that a server uses, or from one without a catalog."""
    other = open_store(tmp_path / "other", clock=clock, postgres=postgres)
    publish(other)
    other.close()
    with pytest.raises(Conflict, match="empty database"):
        migrate(source, postgres, None)
    with pytest.raises(NotFound, match="no catalog"):
        migrate(tmp_path / "other", postgres, None)
