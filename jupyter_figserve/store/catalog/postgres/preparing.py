"""Checks a PostgreSQL database and creates or migrates its tables. Server process."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from ..catalog_id import find_or_make_id
from ..dialects import SECONDS, lock
from ..schema import find_schema, migrate, read_schema
from ..tables import SCHEMA
from .errors import UnusableDatabase

_OLDEST = (13,)
_MIGRATION_SECONDS = 3_600.0


def prepare(engine: Engine, name: str) -> int:
    """Create or migrate the tables, in one transaction, and return the schema; other servers wait meanwhile.

    Parameters
    ----------
    name
        Of the database, for messages.

    Raises
    ------
    UnusableDatabase
        When it cannot be used; the message says why.
    ReadOnly
        When its schema is of a newer version.
    """
    with engine.connect().execution_options(**{SECONDS: _MIGRATION_SECONDS}) as connection, connection.begin():
        _check(connection, name)
        connection.execute(sa.text("set local statement_timeout = 0"))
        lock(connection, "migration")
        schema = read_schema(connection)
        if schema >= SCHEMA:
            return find_schema(connection, name)
        if not schema:
            _check_is_ours(connection, name)
        migrate(connection)
        return SCHEMA


def read_id(engine: Engine) -> str:
    with engine.connect() as connection, connection.begin():
        return find_or_make_id(connection)


def describe_server(engine: Engine) -> str:
    """Return name and version of the server."""
    with engine.connect() as connection:
        return f"PostgreSQL {connection.execute(sa.text('show server_version')).scalar_one()}".partition(" (")[0]


def _check(connection: Connection, name: str) -> None:
    version = connection.dialect.server_version_info or ()
    if version < _OLDEST:
        has = ".".join(map(str, version))
        raise UnusableDatabase(f"the database {name} is PostgreSQL {has}; figserve needs {_OLDEST[0]} or newer.")
    encoding = connection.execute(sa.text("show server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise UnusableDatabase(
            f"the database {name} has the encoding {encoding}; create one with: create database figserve encoding utf8."
        )


def _check_is_ours(connection: Connection, name: str) -> None:
    """Refuse a database in which another program keeps its tables, such as JupyterHub, whose names may be the same."""
    others = sorted(sa.inspect(connection).get_table_names())
    if others:
        raise UnusableDatabase(
            f"the database {name} has tables of another program ({', '.join(others[:3])}). Give figserve a database of"
            " its own: create database figserve."
        )
