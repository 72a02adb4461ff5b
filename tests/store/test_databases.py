"""Addresses of databases: what is accepted, and that no message repeats a password."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

import pytest

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.store import databases
from jupyter_figserve.store.databases import (
    PostgresSettings,
    check_url,
    describe_url,
    find_postgres,
    find_sqlite_path,
    is_postgresql_url,
    parse_url,
)

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    ("text", "described"),
    [
        (f"postgresql://ann:{SECRET}@db.example.org/figserve", "db.example.org/figserve"),
        (f"postgresql+psycopg://ann:{SECRET}@db:5433/figserve?sslmode=require", "db:5433/figserve"),
        (f"postgres://db/figserve?password={SECRET}", "db/figserve"),
        ("postgresql:///figserve?host=/var/run/postgresql", "/var/run/postgresql/figserve"),
        ("postgresql://ann@/figserve?host=a&host=b&port=1&port=2", "a,b/figserve"),
        (f"postgresql://ann:{SECRET}@", "localhost"),
    ],
)
def test_addresses_are_described_without_secrets(text: str, described: str):
    """Host and name of the database; psycopg 3 is the driver."""
    assert is_postgresql_url(text)
    url = parse_url(text)
    assert url.drivername == "postgresql+psycopg"
    assert describe_url(url) == described
    assert SECRET not in repr(PostgresSettings(text)) + str(url)


@pytest.mark.parametrize(
    "text",
    [f"postgresql://ann:{SECRET}@db:port/x", f"postgresql+asyncpg://ann:{SECRET}@db/x", f"mysql://{SECRET}@db/x"],
)
def test_what_cannot_be_read_is_not_repeated(text: str):
    """The error says how to write an address."""
    with pytest.raises(InvalidInput, match="postgresql://user@db") as caught:
        parse_url(text)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_place_of_the_catalog():
    """Nothing, SQLite's file, or PostgreSQL; anything else is an error that names both forms."""
    assert (find_sqlite_path(""), find_postgres("", 1.0)) == (None, None)
    assert find_sqlite_path("sqlite:////srv/catalog.db") == Path("/srv/catalog.db")
    assert find_postgres("sqlite:////srv/catalog.db", 1.0) is None
    assert find_sqlite_path("postgresql://db/figserve") is None
    assert find_postgres("postgresql://db/figserve", 1.0) == PostgresSettings("postgresql://db/figserve", 1.0, 3)
    for text in (
        "sqlite:///relative.db",
        "sqlite:///C:/figures/catalog.db",
        f"mysql://ann:{SECRET}@db/x",
        "/srv/catalog.db",
    ):
        with pytest.raises(InvalidInput, match=r"postgresql://.* or sqlite:////") as caught:
            check_url(text)
        assert SECRET not in str(caught.value)


def test_place_of_the_catalog_on_windows(monkeypatch):
    """A path has a drive."""
    monkeypatch.setattr(databases, "Path", PureWindowsPath)
    assert find_sqlite_path("sqlite:///D:/figures/catalog.db") == PureWindowsPath("D:/figures/catalog.db")
    with pytest.raises(InvalidInput):
        find_sqlite_path("sqlite:////figures/catalog.db")
