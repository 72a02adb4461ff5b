"""The owners about whom the catalog keeps more than their things: quotas of their own. Server process."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...model.owners import OwnQuota
from ...model.quotas import Quota
from . import tables
from .dialects import lock_owners

_O = tables.owners.c
_QUOTA = sa.select(_O.max_figures, _O.max_bytes).where(_O.name == sa.bindparam("name"))


def own_quota(connection: Connection, owner: str) -> OwnQuota:
    row = connection.execute(_QUOTA, {"name": owner}).first()
    return OwnQuota(*row) if row else OwnQuota()


def find_quota(connection: Connection, owner: str, default: Quota) -> Quota:
    """Return the quota that is in force for an owner, where ``default`` is that of all."""
    return own_quota(connection, owner).apply(default)


def set_quota(connection: Connection, owner: str, quota: OwnQuota) -> None:
    put(connection, owner, max_figures=quota.figures, max_bytes=quota.bytes)


def put(connection: Connection, owner: str, **columns: object) -> None:
    """Set columns of an owner, who becomes known."""
    lock_owners(connection, owner)
    changed = connection.execute(tables.owners.update().where(_O.name == owner).values(columns))
    if changed.rowcount == 0:
        connection.execute(tables.owners.insert().values(name=owner, **columns))


def forget(connection: Connection, owner: str) -> None:
    connection.execute(tables.owners.delete().where(_O.name == owner))
