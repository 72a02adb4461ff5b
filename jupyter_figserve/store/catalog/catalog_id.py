"""The id of a catalog, by which images know the catalog that they belong to. Server process."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from .dialects import lock
from .tables import meta

_KEY = "id"


def find_or_make_id(connection: Connection) -> str:
    """Return the id of the catalog, which its copies have too; the first server makes it."""
    lock(connection, "migration")
    found: str | None = connection.execute(sa.select(meta.c.value).where(meta.c.key == _KEY)).scalar()
    if found is None:
        found = secrets.token_hex(16)
        connection.execute(meta.insert().values(key=_KEY, value=found))
    return found
