"""Addresses of databases: what is accepted, and that no message repeats a password."""

from __future__ import annotations

import pytest

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.store.databases import PostgresSettings, describe_url, is_postgresql_url, parse_url

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
