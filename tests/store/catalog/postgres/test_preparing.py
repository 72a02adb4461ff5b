"""Databases that cannot be used, each with one sentence; and several servers that create the tables at once."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from jupyter_figserve.errors import FigServeError, ReadOnly
from jupyter_figserve.store.catalog import tables
from jupyter_figserve.store.catalog.postgres.catalog import PostgresCatalog
from jupyter_figserve.store.databases import PostgresSettings

from ...conftest import PATIENCE

SECRET = "s3cr3t"


@pytest.fixture
def address(postgres_cluster) -> Iterator[str]:
    """The address of a new, empty database."""
    with postgres_cluster.connect() as connection:
        connection.execute("create database prepared")
    yield postgres_cluster.url("prepared").replace("figserve@", f"figserve:{SECRET}@")
    with postgres_cluster.connect() as connection:
        connection.execute("drop database prepared with (force)")


def open_it(url: str) -> PostgresCatalog:
    return PostgresCatalog.opened(PostgresSettings(url, PATIENCE, 3))


def test_servers_create_the_tables_together(address):
    """Three start at once on an empty database; the tables are those of ``tables.py``."""
    opened: list[object] = []

    def start() -> None:
        try:
            opened.append(open_it(address))
        except FigServeError as error:
            opened.append(error)

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [type(one).__name__ for one in opened] == ["PostgresCatalog"] * 3, opened
    context = MigrationContext.configure(opened[0].reader, opts={"compare_type": True})
    left = [one for one in compare_metadata(context, tables.metadata) if one[0] != "remove_table"]
    assert left == []
    for catalog in opened:
        assert catalog.schema == tables.SCHEMA
        assert SECRET not in catalog.label
        catalog.close()


def test_database_of_another_program_is_refused(address, postgres_cluster):
    """Nothing is added to it."""
    with postgres_cluster.connect("prepared") as connection:
        connection.execute("create table users (id int); create table alembic_version (version_num text)")
    with pytest.raises(FigServeError, match=r"tables of another program \(alembic_version, users\)"):
        open_it(address)
    with postgres_cluster.connect("prepared") as connection:
        assert connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone() == (2,)


def test_schema_of_a_newer_version_is_refused(address):
    """With the advice to upgrade."""
    catalog = open_it(address)
    newer = tables.meta.update().values(value=str(tables.SCHEMA + 1))
    catalog.write(lambda c: c.execute(newer).close()).result()
    catalog.close()
    with pytest.raises(ReadOnly, match="newer jupyter_figserve"):
        open_it(address)


@pytest.mark.parametrize("change", ["/nowhere?", "unknown:"])
def test_database_that_cannot_be_reached(address, change: str):
    """Its name and the reason are in one line, the password is not."""
    url = address.replace("/prepared?", change) if "?" in change else address.replace("figserve:", change)
    with pytest.raises(FigServeError, match="cannot be used: ") as caught:
        open_it(url)
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_driver(address, monkeypatch):
    """The sentence says what to install."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(FigServeError, match=r"pip install 'jupyter_figserve\[postgres\]'"):
        open_it(address)


def test_parameters_stay_out_of_errors(address):
    """An unexpected error names neither values nor the address."""
    catalog = open_it(address)
    try:
        with pytest.raises(sa.exc.DBAPIError) as caught:
            catalog.reader.execute(sa.text("select cast(:value as integer)"), {"value": SECRET})
        assert "parameters hidden" in str(caught.value)
    finally:
        catalog.close()
