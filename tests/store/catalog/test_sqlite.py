"""The catalog's database: durability, migrations, compatibility with other versions, and damage."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from jupyter_figserve.errors import QuotaExceeded, ReadOnly
from jupyter_figserve.model.figures import sha256_hex
from jupyter_figserve.store.catalog import events, links, schema, tables
from jupyter_figserve.store.catalog import sqlite as module
from jupyter_figserve.store.catalog.schema import read_schema
from jupyter_figserve.store.catalog.sqlite import CatalogBroken, SqliteCatalog, opened

from ...tokens import new_token
from ..making import draft, other_process, publish, read_line, run, share, write_line

pytestmark = pytest.mark.sqlite

MIGRATIONS = Path(module.__file__).parents[1] / "migrations"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.db"


def _pragma(connection: sa.Connection, name: str) -> object:
    return connection.execute(sa.text(f"PRAGMA {name}")).scalar()


def _execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(("shared_memory", "journal"), [(True, "wal"), (False, "delete")])
def test_commits_are_durable(path: Path, shared_memory: bool, journal: str):
    """Both connections: WAL with shared memory, synchronous FULL, foreign keys on."""
    catalog = SqliteCatalog(path, shared_memory=shared_memory)
    try:
        inside = catalog.write(lambda c: [_pragma(c, p) for p in ("journal_mode", "synchronous", "foreign_keys")])
        assert inside.result() == [journal, 2, 1]
        assert _pragma(catalog.reader, "journal_mode") == journal
    finally:
        catalog.close()


def test_files_are_private(path: Path):
    """The database and its journal files."""
    with opened(path) as catalog:
        catalog.write(lambda c: events.add(c, 1.0, "ann", "figure.published", {})).result()
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(("catalog.db", "catalog.db-wal", "catalog.db-shm"), 0o600)


def test_migrations_make_the_tables(path: Path):
    """The migrations produce the tables of ``tables.py``, with defaults and indexes."""
    declared = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
    tables.metadata.create_all(declared)
    with opened(path) as catalog, declared.connect() as other:
        context = MigrationContext.configure(catalog.reader, opts={"compare_type": True})
        differences = compare_metadata(context, tables.metadata)
        made, wanted = _described(catalog.reader), _described(other)
    declared.dispose()
    left = [d for d in differences if not (d[0] == "remove_table" and d[1].name == "alembic_version")]
    assert left == []
    made.pop("alembic_version")
    assert made == wanted


def _described(connection: sa.Connection) -> dict[str, tuple[set[str], set[str]]]:
    """Columns and indexes of each table, as SQLite has them."""
    names = connection.execute(sa.text("select name from sqlite_master where type = 'table'")).scalars().all()
    return {
        name: (
            {str(row[1:]) for row in connection.execute(sa.text(f"pragma table_info({name})"))},
            set(
                connection.execute(
                    sa.text("select sql from sqlite_master where type = 'index' and sql is not null and tbl_name = :t"),
                    {"t": name},
                ).scalars()
            ),
        )
        for name in names
    }


def test_schema_is_the_newest_migration():
    """A migration cannot be added and the number forgotten."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [str(tables.SCHEMA)]
    assert tables.WORKS_FROM <= tables.SCHEMA


def test_reading_in_a_thread_does_not_block(path: Path):
    """It uses a separate thread and connection, sees the newest commit, and raises the exceptions of its work."""
    with opened(path) as catalog:
        reached, go_on = threading.Event(), threading.Event()

        def long(connection: sa.Connection) -> tuple[str, int]:
            reached.set()
            assert go_on.wait(10)
            return threading.current_thread().name, events.newest_id(connection)

        reading = catalog.read_in_thread(long)
        assert reached.wait(10)
        catalog.write(lambda c: events.add(c, 1.0, "ann", "figure.published", {})).result()
        assert events.newest_id(catalog.reader) == 1
        go_on.set()
        name, newest = reading.result()
        assert name.startswith("figserve-reader")
        assert newest == 1
        with pytest.raises(ZeroDivisionError):
            catalog.read_in_thread(lambda _: 1 / 0).result()


def test_catalog_in_memory_is_read_in_a_thread():
    """There is only one connection to it, so it is read at once."""
    catalog = SqliteCatalog(None)
    assert catalog.read_in_thread(events.newest_id).result() == 0
    catalog.close()


def test_opening_again_changes_nothing(path: Path):
    """A catalog of our schema is taken as it is."""
    with opened(path) as catalog:
        assert catalog.schema == tables.SCHEMA
    before = path.read_bytes()
    with opened(path) as catalog:
        assert catalog.schema == tables.SCHEMA
    assert path.read_bytes() == before


# A catalog as a newer version of this package leaves it.
_NEWER = (
    "alter table figures add column colour text",
    "alter table links add column audience_list text not null default ''",
    "create table boards (id text primary key, title text not null)",
    "update meta set value = '7' where key = 'schema'",
)


def test_newer_schema_that_allows_us_is_read_and_written_on(open_here, directory: Path):
    """With more columns and tables, everything that we do still works, and its schema stays."""
    token = new_token()
    first = open_here()
    record = publish(first)
    share(first, record.id, token)
    first.close()
    _execute(directory / "catalog.db", *_NEWER)

    store = open_here()
    assert store.read_only_because is None
    assert store.catalog.schema == 7
    assert links.find_by_token(store.catalog.reader, token).target.id == record.id
    assert publish(store, data=b"two").version.number == 2
    share(store, record.id)
    assert run(store.figures.delete([record.id])) == 1
    assert read_schema(store.catalog.reader) == 7


def test_newer_schema_that_does_not_allow_us_is_served_read_only(open_here, directory: Path):
    """With advice, and the file unchanged; figures and links are read from the manifests."""
    token = new_token()
    first = open_here()
    record = publish(first)
    share(first, record.id, token)
    first.close()
    _execute(directory / "catalog.db", *_NEWER, "update meta set value = '7' where key = 'works_from'")
    before = (directory / "catalog.db").read_bytes()

    store = open_here()
    assert "upgrade jupyter_figserve" in store.read_only_because
    assert "reindex" not in store.read_only_because
    assert run(store.figures.get(record.id)) == record
    assert links.find_by_token(store.catalog.reader, token).target.id == record.id
    with pytest.raises(ReadOnly, match="newer jupyter_figserve"):
        publish(store, data=b"two")
    assert (directory / "catalog.db").read_bytes() == before


NEXT = tables.SCHEMA + 1


def _pretend_next_schema(monkeypatch: pytest.MonkeyPatch, step) -> None:
    """As in the next version of this package: one more migration, which ``step`` is."""

    def migrate(connection: sa.Connection) -> None:
        step(connection)
        connection.execute(tables.meta.update().where(tables.meta.c.key == "schema").values(value=str(NEXT)))

    monkeypatch.setattr(module, "SCHEMA", NEXT)
    monkeypatch.setattr(module, "migrate", migrate)


def _add_column(connection: sa.Connection) -> None:
    connection.execute(sa.text("alter table events add column extra text"))


def test_copy_is_kept_before_migrating(path: Path, monkeypatch: pytest.MonkeyPatch):
    """The copy is private, whole, and of the older schema; it is made once."""
    with opened(path) as catalog:
        catalog.write(lambda c: events.add(c, 1.0, "ann", "figure.published", {"figure": "x"})).result()
    _pretend_next_schema(monkeypatch, _add_column)
    with opened(path) as catalog:
        assert catalog.schema == read_schema(catalog.reader) == NEXT
        assert [event.data for event in events.after(catalog.reader, 0)] == [{"figure": "x"}]
    copy = path.with_name(f"catalog-before-schema-{NEXT}.db")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    kept = copy.read_bytes()
    with closing(sqlite3.connect(copy)) as old:
        assert old.execute("select value from meta where key = 'schema'").fetchone() == (str(tables.SCHEMA),)
        assert old.execute("select count(*) from events").fetchone() == (1,)
        assert "extra" not in [row[1] for row in old.execute("pragma table_info(events)")]
    with opened(path):
        pass
    assert copy.read_bytes() == kept


_SECOND_MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    op.add_column("events", sa.Column("extra", sa.Text))
"""


def test_catalog_of_the_first_schema_is_migrated(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """By the missing migrations only; all data stays."""
    with opened(path) as catalog:
        catalog.write(lambda c: events.add(c, 1.0, "ann", "figure.published", {"figure": "x"})).result()
        before = _described(catalog.reader)
    package = tmp_path / "store"
    shutil.copytree(MIGRATIONS, package / "migrations")
    (package / "migrations" / "versions" / "m0002_second.py").write_text(_SECOND_MIGRATION)
    monkeypatch.setattr(schema, "__file__", str(package / "catalog" / "schema.py"))
    for place in (module, schema):
        monkeypatch.setattr(place, "SCHEMA", 2)
    with opened(path) as catalog:
        assert catalog.schema == read_schema(catalog.reader) == 2
        after = _described(catalog.reader)
        assert [event.data for event in events.after(catalog.reader, 0)] == [{"figure": "x"}]
    old, new = before.pop("events"), after.pop("events")
    [added] = new[0] - old[0]
    assert "'extra'" in added
    assert before == after


def test_failed_migration_leaves_the_older_catalog(path: Path, monkeypatch: pytest.MonkeyPatch):
    """A failed migration is rolled back."""
    with opened(path):
        pass

    def half(connection: sa.Connection) -> None:
        _add_column(connection)
        raise RuntimeError("half-way")

    with monkeypatch.context() as patch:
        _pretend_next_schema(patch, half)
        with pytest.raises(RuntimeError, match="half-way"):
            SqliteCatalog(path)
    with opened(path) as catalog:
        assert catalog.schema == tables.SCHEMA
        names = [row[1] for row in catalog.reader.execute(sa.text("pragma table_info(events)"))]
        assert "extra" not in names


def _garbage(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 1_000)


def _lost_end(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _bad_page(path: Path) -> None:
    """The root page of a table is overwritten; the head of the file is as it was."""
    with closing(sqlite3.connect(path)) as connection:
        [page] = connection.execute("select rootpage from sqlite_master where name = 'representations'").fetchone()
        [size] = connection.execute("pragma page_size").fetchone()
    data = bytearray(path.read_bytes())
    data[(page - 1) * size : page * size] = b"\xa5" * size
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [_garbage, _lost_end, _bad_page])
def test_damage_is_found_at_the_start(path: Path, damage):
    """Wherever in the file it is."""
    with opened(path):
        pass
    damage(path)
    with pytest.raises(CatalogBroken, match="is damaged"):
        SqliteCatalog(path)


@pytest.mark.parametrize("damage", [_garbage, _lost_end, _bad_page])
def test_damaged_catalog_is_served_from_the_manifests(open_here, directory: Path, damage):
    """Figures, their bytes and their links as before; nothing is changed, and every publish says why."""
    token = new_token()
    first = open_here()
    publish(first, data=b"one")
    record = publish(first, data=b"two", thumbnail=b"small")
    share(first, record.id, token, label="for Bob")
    first.close()
    path = directory / "catalog.db"
    damage(path)
    before = path.read_bytes()

    store = open_here()
    assert "is damaged" in store.read_only_because
    assert "jupyter figserve reindex" in store.read_only_because
    assert run(store.figures.get(record.id)) == record
    assert [version.number for version in run(store.figures.list_versions(record.id))] == [2, 1]
    assert store.blobs.find(sha256_hex(b"two")) == b"two"
    assert links.find_by_token(store.catalog.reader, token).label == "for Bob"
    with pytest.raises(ReadOnly, match="reindex"):
        publish(store, data=b"three")
    with pytest.raises(ReadOnly):
        run(store.collect_garbage())
    store.close()
    assert path.read_bytes() == before


def test_full_disk_is_an_error_and_changes_nothing(open_here):
    """SQLite's own word for it becomes ours; the version before is still served."""
    store = open_here()
    record = publish(store)
    pages = store.catalog.reader.execute(sa.text("PRAGMA page_count")).scalar_one()
    store.catalog.submit(
        lambda: (
            store.catalog._write_connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}").close()
            or store.catalog._write_connection.rollback()
        )
    ).result()
    with pytest.raises(QuotaExceeded, match="disk is full"):  # noqa: PT012  how many fit is SQLite's business
        for n in range(50):
            run(store.figures.publish(draft(f"figure {n}", bytes([n]), alt="x" * 2_000)))
    assert run(store.figures.get(record.id)) == record


COUNTER = """
import sys
from pathlib import Path
from jupyter_figserve.store.catalog import events
from jupyter_figserve.store.catalog.sqlite import opened
with opened(Path(sys.argv[1])) as catalog:
    print("ready", flush=True)
    sys.stdin.readline()
    for n in range(40):
        catalog.write(lambda c: events.add(c, 1.0, sys.argv[2], "figure.published", {"n": n})).result()
    print("done", flush=True)
"""


def test_two_processes_that_write_at_once_lose_nothing(path: Path):
    """Each transaction waits for the other's; all commits are there, in the order of each."""
    with opened(path) as catalog:
        with other_process(COUNTER, path, "ann") as first, other_process(COUNTER, path, "bob") as second:
            for process in (first, second):
                assert read_line(process) == "ready"
            for process in (first, second):
                write_line(process)
            for process in (first, second):
                assert read_line(process) == "done"
        found = events.after(catalog.reader, 0)
    for owner in ("ann", "bob"):
        assert [event.data["n"] for event in found if event.owner == owner] == list(range(40))


STARTER = """
import sys
from pathlib import Path
from jupyter_figserve.store.admin.opening import open_store
print("ready", flush=True)
sys.stdin.readline()
store = open_store(Path(sys.argv[1]))
print(store.read_only_because, flush=True)
sys.stdin.readline()
"""


def test_first_start_of_two_servers_at_once(directory: Path):
    """Both make the catalog, one after the other; neither takes the other's half for damage."""
    with other_process(STARTER, directory) as first, other_process(STARTER, directory) as second:
        for process in (first, second):
            assert read_line(process) == "ready"
        for process in (first, second):
            write_line(process)
        assert [read_line(process) for process in (first, second)] == ["None", "None"]


WRITER = """
import sys
from pathlib import Path
from jupyter_figserve.store.catalog import events
from jupyter_figserve.store.catalog.sqlite import opened
with opened(Path(sys.argv[1])) as catalog:
    for line in sys.stdin:
        if line.strip() == "read":
            events.after(catalog.reader, 0)
        else:
            catalog.write(lambda c: events.add(c, 1.0, "ann", "figure.published", {})).result()
        print("done", flush=True)
"""


def test_stamp_tells_of_every_commit(path: Path):
    """It changes by our own writer's commit and by another process's, and stays when nobody writes."""
    with opened(path) as catalog, other_process(WRITER, path) as process:
        write_line(process, "read")
        read_line(process)
        first = run(catalog.data_version())
        write_line(process, "read")
        read_line(process)
        assert run(catalog.data_version()) == first
        write_line(process, "write")
        assert read_line(process) == "done"
        second = run(catalog.data_version())
        assert second != first
        catalog.write(lambda c: events.add(c, 1.0, "ann", "figure.published", {})).result()
        assert run(catalog.data_version()) != second


def test_rejected_transaction_leaves_nothing(path: Path):
    """What raises is rolled back, and the next piece of work finds a clean connection."""

    def half(connection: sa.Connection) -> None:
        events.add(connection, 1.0, "ann", "figure.published", {})
        raise ValueError("half-way")

    with opened(path) as catalog:
        with pytest.raises(ValueError, match="half-way"):
            catalog.write(half).result()
        assert events.newest_id(catalog.reader) == 0
        catalog.write(lambda c: events.add(c, 1.0, "ann", "figure.published", {})).result()
        assert len(events.after(catalog.reader, 0)) == 1
