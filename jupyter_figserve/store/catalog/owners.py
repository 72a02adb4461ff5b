"""What the catalog keeps about owners themselves: quotas of their own, and who the person is. Server process."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...model.audiences import USER
from ...model.owners import OwnerPerson, OwnQuota
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


def put(connection: Connection, owner: str, /, **columns: object) -> None:
    """Set columns of an owner, who becomes known."""
    lock_owners(connection, owner)
    changed = connection.execute(tables.owners.update().where(_O.name == owner).values(columns))
    if changed.rowcount == 0:
        connection.execute(tables.owners.insert().values(name=owner, **columns))


def forget(connection: Connection, owner: str) -> None:
    connection.execute(tables.owners.delete().where(_O.name == owner))


def find_person(connection: Connection, owner: str) -> OwnerPerson:
    row = connection.execute(sa.select(_O.hub_created, _O.departed).where(_O.name == owner)).first()
    return OwnerPerson(row.hub_created, row.departed) if row else OwnerPerson()


def find_namesake(connection: Connection, owner: str) -> str | None:
    """Return another name of the person who had this one: the Hub created both at the same moment."""
    created = sa.select(_O.hub_created).where(_O.name == owner).scalar_subquery()
    query = sa.select(_O.name).where(_O.hub_created == created, _O.hub_created != "", _O.name != owner)
    found: str | None = connection.execute(query.limit(1)).scalar()
    return found


def has_anything(connection: Connection, owner: str) -> bool:
    """Whether anything is stored under an owner's name, or for the person of this name."""
    places = [table.c.owner for table in (tables.figures, tables.live_figures, tables.dashboards, tables.trash)]
    queries = [sa.exists().where(column == owner) for column in (*places, tables.keys.c.owner)]
    people = tables.link_people.c
    queries.append(sa.exists().where(people.kind == USER, people.name == owner))
    return bool(connection.execute(sa.select(sa.or_(*queries))).scalar())
