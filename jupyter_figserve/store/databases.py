"""Which database has the catalog; its address may contain a password. Server process, and the command line."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from ..errors import InvalidInput

DataVersion = int | str
"""Changes whenever any process commits a change of the catalog."""
_DRIVERS = frozenset({"postgresql", "postgresql+psycopg", "postgres"})
_SQLITE = "sqlite:///"
PATIENT_STATEMENT_TIMEOUT = 30.0
"""Time limit of a statement from the command line, in seconds; no page waits for it."""
_EXAMPLE = "postgresql://user@db.example.org/figserve"
_SQLITE_EXAMPLE = f"{_SQLITE}{'C:' if os.name == 'nt' else ''}/absolute/path.db"


def is_postgresql_url(text: str) -> bool:
    """Whether an address names PostgreSQL, with our driver or without any."""
    return text.partition(":")[0] in _DRIVERS


def parse_url(text: str) -> sa.URL:
    """Parse the address of a PostgreSQL database; ``postgresql://`` means psycopg 3.

    Raises
    ------
    InvalidInput
        When it cannot be parsed; the message does not contain it.
    """
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        # Their messages contain parts of the address.
        raise InvalidInput(f"The address of the database cannot be read; write it like {_EXAMPLE}.") from None
    if url.drivername not in _DRIVERS:
        raise InvalidInput(f"Write the address of the database like {_EXAMPLE}.")
    if isinstance(password := url.query.get("password"), str):
        # SQLAlchemy hides it only here.
        url = url.set(password=password).difference_update_query(["password"])
    return url.set(drivername="postgresql+psycopg")


def describe_url(url: sa.URL) -> str:
    """Return host and name of a database, without user, password and options."""
    hosts = url.query.get("host", url.host or "localhost")
    ports = url.query.get("port", str(url.port) if url.port else "")
    names = [hosts] if isinstance(hosts, str) else list(hosts)
    where = ",".join(names)
    if isinstance(ports, str) and ports and len(names) == 1 and not where.startswith("/"):
        where += f":{ports}"
    return f"{where}/{url.database}" if url.database else where


@dataclass(frozen=True)
class PostgresSettings:
    """Which database, and how to use it.

    Parameters
    ----------
    url
        Its address, as ``postgresql://user:password@host/name``; it does not appear in messages.
    timeout
        Time in seconds within which the database must answer.
    connections
        Maximum number of connections that answer requests at the same time, at least 3.
    """

    url: str
    timeout: float = 1.0
    connections: int = 8

    def __repr__(self) -> str:
        return f"PostgresSettings({describe_url(parse_url(self.url))!r})"


def check_url(url: str) -> None:
    """Check the address of a catalog's database; "" is SQLite's file in the data directory.

    Raises
    ------
    InvalidInput
        When it cannot be used; the message does not contain it.
    """
    if is_postgresql_url(url):
        parse_url(url)
    elif url and not (url.startswith(_SQLITE) and Path(url.removeprefix(_SQLITE)).is_absolute()):
        raise InvalidInput(f"Write the address of the database like {_EXAMPLE} or {_SQLITE_EXAMPLE}.")


def find_sqlite_path(url: str) -> Path | None:
    """Return the path of SQLite's catalog, None for the one in the data directory and for PostgreSQL."""
    check_url(url)
    return Path(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else None


def find_postgres(url: str, timeout: float, connections: int = 3) -> PostgresSettings | None:
    """Return the PostgreSQL database of an address, None for SQLite."""
    check_url(url)
    return PostgresSettings(url, timeout, connections) if is_postgresql_url(url) else None
