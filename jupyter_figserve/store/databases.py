"""Which database has the catalog; its address may contain a password. Server process, and the command line."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from ..errors import InvalidInput

DataVersion = int | str
"""Changes whenever any process commits a change of the catalog."""
_DRIVERS = frozenset({"postgresql", "postgresql+psycopg", "postgres"})
_EXAMPLE = "postgresql://user@db.example.org/figserve"


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
