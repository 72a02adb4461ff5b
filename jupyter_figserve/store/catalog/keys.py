"""Keys in the catalog: add, find, extend, revoke. Server process."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from ...errors import Conflict
from ...model.keys import Key
from . import tables

_K = tables.keys.c
_OF_ID = sa.select(tables.keys).where(_K.id == sa.bindparam("id"))
_COLUMNS = [column.name for column in tables.keys.columns]


def add(connection: Connection, key: Key) -> None:
    row = {name: getattr(key, name) for name in _COLUMNS}
    connection.execute(tables.keys.insert().values(row | {"scopes": " ".join(sorted(key.scopes))}))


def find(connection: Connection, key_id: str) -> Key | None:
    row = connection.execute(_OF_ID, {"id": key_id}).first()
    return _key(row) if row else None


def list_all(connection: Connection, owner: str | None, limit: int) -> list[Key]:
    """Return keys, newest first, without those of kernels, which the server manages itself."""
    query = sa.select(tables.keys).where(_K.kernel.is_(None)).order_by(_K.created.desc(), _K.id).limit(limit)
    if owner is not None:
        query = query.where(_K.owner == owner)
    return [_key(row) for row in connection.execute(query)]


def remove(connection: Connection, key_id: str) -> bool:
    return connection.execute(tables.keys.delete().where(_K.id == key_id)).rowcount == 1


def remove_for_kernel(connection: Connection, kernel: str) -> None:
    connection.execute(tables.keys.delete().where(_K.kernel == kernel))


def renew_for_kernel(connection: Connection, key: Key) -> None:
    """Make this the only key of its kernel, or extend it.

    Raises
    ------
    Conflict
        When another key has its id.
    """
    known = find(connection, key.id)
    if known is None:
        assert key.kernel is not None
        remove_for_kernel(connection, key.kernel)
        add(connection, key)
    elif (known.secret_hash, known.owner, known.kernel) != (key.secret_hash, key.owner, key.kernel):
        raise Conflict("Another kernel or owner has a key of this id. Send a new key.", code="key_taken")
    else:
        connection.execute(tables.keys.update().where(_K.id == key.id).values(expires=key.expires))


def bind(connection: Connection, key_id: str, kernel: str) -> None:
    """Bind a key that was made before its kernel had an id to that kernel."""
    connection.execute(tables.keys.update().where(_K.id == key_id).values(kernel=kernel))


def extend(connection: Connection, kernel: str, expires: float) -> None:
    connection.execute(tables.keys.update().where(_K.kernel == kernel).values(expires=expires))


def record_use(connection: Connection, key_id: str, now: float) -> None:
    connection.execute(tables.keys.update().where(_K.id == key_id).values(last_used=now))


def remove_expired(connection: Connection, now: float, limit: int) -> int:
    expired = sa.select(_K.id).where(_K.expires < now).limit(limit)
    return connection.execute(tables.keys.delete().where(_K.id.in_(expired))).rowcount


def _key(row: Row[Any]) -> Key:
    values = dict(row._mapping)
    return Key(**values | {"scopes": frozenset(values["scopes"].split())})
