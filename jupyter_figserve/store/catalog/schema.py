"""The schema of a catalog: its number, and its migrations. Server process."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import ReadOnly
from .tables import SCHEMA, WORKS_FROM, meta


def read_schema(connection: Connection) -> int:
    """Return the schema number of the database; 0 for one without tables."""
    return _read(connection, "schema") if sa.inspect(connection).has_table("meta") else 0


def find_schema(connection: Connection, name: str) -> int:
    """Return the schema of a database that is not to be migrated.

    Parameters
    ----------
    name
        Of the database, for messages.

    Raises
    ------
    ReadOnly
        When this version cannot use it.
    """
    schema = read_schema(connection)
    if schema < SCHEMA:
        raise ReadOnly(f"{name} has schema {schema} and cannot be migrated to {SCHEMA}, because it cannot be written.")
    if schema > SCHEMA and _read(connection, "works_from") > SCHEMA:
        raise ReadOnly(
            f"{name} was written by a newer jupyter_figserve (schema {schema}), which this version (schema {SCHEMA})"
            " cannot read; upgrade jupyter_figserve."
        )
    return schema


def migrate(connection: Connection) -> None:
    """Migrate to the newest schema; the transaction is open and exclusive."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[1] / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.execute(meta.delete().where(meta.c.key.in_(["schema", "works_from"])))
    connection.execute(
        meta.insert(), [{"key": "schema", "value": str(SCHEMA)}, {"key": "works_from", "value": str(WORKS_FROM)}]
    )


def _read(connection: Connection, key: str) -> int:
    found = connection.execute(sa.select(meta.c.value).where(meta.c.key == key)).scalar()
    return int(found or 0)
