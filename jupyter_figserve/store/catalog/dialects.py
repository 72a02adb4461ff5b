"""What SQLite and PostgreSQL write differently: upserts, and locks within a transaction. Server process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection

POSTGRESQL = "postgresql"
NewRow = Any
"""Columns of the row that could not be inserted."""
_LOCK = sa.text("select pg_advisory_xact_lock(hashtextextended(:name, 0))")
LOCK_SECONDS = 10.0
"""Time for which a transaction waits for another one that holds a lock."""
SECONDS = "figserve_seconds"
"""Execution option: how long the database may take for one statement, in seconds."""


class Upsert:
    """``INSERT … ON CONFLICT DO UPDATE``, built once for each dialect that is used.

    Parameters
    ----------
    keys
        Names of the columns of the primary key, or of a unique index.
    change
        Returns the columns of an existing row to change, with their values, from the columns of the new one.
    """

    def __init__(self, table: sa.Table, keys: Sequence[str], change: Callable[[NewRow], Mapping[str, Any]]) -> None:
        self._table, self._keys, self._change = table, list(keys), change

    @cached_property
    def _for_sqlite(self) -> sa.Insert:
        insert = sqlite.insert(self._table)
        return insert.on_conflict_do_update(index_elements=self._keys, set_=self._change(insert.excluded))

    @cached_property
    def _for_postgresql(self) -> sa.Insert:
        # Imported where it is needed: it takes each start on SQLite 0.03 s.
        from sqlalchemy.dialects import postgresql

        insert = postgresql.insert(self._table)
        return insert.on_conflict_do_update(index_elements=self._keys, set_=self._change(insert.excluded))

    def __call__(self, connection: Connection, *rows: Mapping[str, Any]) -> None:
        """Insert rows, or change those that exist; in the order of their keys, so that two calls cannot deadlock."""
        statement = self._for_postgresql if is_postgresql(connection) else self._for_sqlite
        if rows:
            connection.execute(statement, sorted(rows, key=lambda row: [row[name] for name in self._keys]))


def is_postgresql(connection: Connection) -> bool:
    return connection.dialect.name == POSTGRESQL


def lock(connection: Connection, *names: str) -> None:
    """Hold locks until the transaction ends; nothing to do on SQLite, where each write excludes all others.

    All locks of a transaction should be taken at once: they are sorted, so that two transactions cannot deadlock.
    """
    if is_postgresql(connection):
        for name in sorted(set(names)):
            connection.execute(_LOCK, {"name": f"figserve {name}"}, execution_options={SECONDS: LOCK_SECONDS})


def lock_owners(connection: Connection, *owners: str) -> None:
    """Exclude other changes of what these owners have, such as their names, versions and quotas."""
    lock(connection, *(f"owner {owner}" for owner in owners))


def lock_owner_of(connection: Connection, table: sa.Table, record_id: str) -> None:
    """Exclude other changes of what the owner of a record has; read the record only afterwards."""
    query, owner = sa.select(table.c.owner).where(table.c.id == record_id), None
    while is_postgresql(connection) and (found := connection.execute(query).scalar()) not in (None, owner):
        # It may have been moved to another owner meanwhile.
        lock_owners(connection, owner := str(found))


def lock_files(connection: Connection) -> None:
    """Exclude other writers of local files that are replaced under a fixed name."""
    lock(connection, "files")
