"""Moves everything of one owner to another. Server process."""

from __future__ import annotations

import json

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...model.audiences import USER
from ...model.links import FIGURE, LIVE
from ...model.owners import OwnQuota
from . import figures, owners, quotas, tables
from .dialects import lock_owners
from .identities import TABLES

_T = tables.trash.c
_SOURCE = tables.live_sources.c


def transfer_batch(
    connection: Connection, kind: str, old: str, new: str, after: str | None, limit: int
) -> tuple[list[str], list[str], str | None]:
    """Move one batch of an owner's records of one kind to another owner, with their usage.

    Parameters
    ----------
    after
        Last id of the batch before. The batches go up the ids, so that they end also while another transfer brings
        records back.

    Returns
    -------
    moved, kept, last
        Their ids, and the last of them, None at the end; a record stays where the new owner has one of the same name in
        the same place.
    """
    lock_owners(connection, old, new)
    table = TABLES[kind]
    query = sa.select(table.c.id).where(table.c.owner == old).order_by(table.c.id).limit(limit)
    if after is not None:
        query = query.where(table.c.id > after)
    moved, kept, last = [], [], None
    for record_id in connection.execute(query).scalars().all():
        last = record_id
        with connection.begin_nested() as attempt:
            try:
                connection.execute(table.update().where(table.c.id == record_id).values(owner=new))
            except sa.exc.IntegrityError:
                attempt.rollback()
                kept.append(record_id)
                continue
        count, size = _measure(connection, kind, record_id)
        quotas.add(connection, old, None, figures=-count, size=-size)
        quotas.add(connection, new, None, figures=count, size=size)
        moved.append(record_id)
    return moved, kept, last


def transfer_rest(connection: Connection, old: str, new: str, *, is_renamed: bool) -> None:
    """Move sessions and deleted records; of a renamed person also the keys and the links of others for that person.

    For another person, the old owner's keys are revoked, and running kernels stay the old owner's, with their sessions
    and keys, unless that person is gone.
    """
    lock_owners(connection, old, new)
    key, session, person = tables.keys.c, tables.sessions.c, tables.link_people.c
    is_departed = owners.find_person(connection, old).departed is not None
    takes_all = is_renamed or is_departed
    is_moving = session.owner == old if takes_all else sa.and_(session.owner == old, session.ended.is_not(None))
    connection.execute(tables.sessions.update().where(is_moving).values(owner=new))
    _transfer_deleted(connection, old, new)
    if is_renamed:
        _rename_person(connection, old, new)
    else:
        is_ending = key.owner == old if is_departed else sa.and_(key.owner == old, key.kernel.is_(None))
        connection.execute(tables.keys.delete().where(is_ending))
    if is_departed and not is_renamed:
        connection.execute(tables.link_people.delete().where(person.kind == USER, person.name == old))
    if takes_all and not owners.has_anything(connection, old):
        # The next user with this name starts anew.
        owners.forget(connection, old)


def find_targets_for(connection: Connection, person: str) -> list[tuple[str, str]]:
    """Return kind and id of everything that a link for this person shows."""
    people, link = tables.link_people.c, tables.links.c
    query = sa.select(link.kind, link.target).where(
        sa.exists().where(people.link == link.id, people.kind == USER, people.name == person)
    )
    return [(row.kind, row.target) for row in connection.execute(query.distinct())]


def _transfer_deleted(connection: Connection, old: str, new: str) -> None:
    for row in connection.execute(sa.select(_T.kind, _T.id, _T.manifest).where(_T.owner == old)).all():
        manifest = json.loads(row.manifest)
        manifest["identity"]["owner"] = new
        text = json.dumps(manifest, ensure_ascii=False, separators=(",", ":"))
        statement = tables.trash.update().where(_T.kind == row.kind, _T.id == row.id)
        connection.execute(statement.values(owner=new, manifest=text))


def _rename_person(connection: Connection, old: str, new: str) -> None:
    """Give keys, the links of others and the quota to the new name."""
    key, person = tables.keys.c, tables.link_people.c
    if owners.own_quota(connection, new) == OwnQuota():
        owners.set_quota(connection, new, owners.own_quota(connection, old))
    connection.execute(tables.keys.update().where(key.owner == old).values(owner=new))
    connection.execute(tables.keys.update().where(key.maker == old).values(maker=new))
    named = sa.select(person.link).where(person.kind == USER, person.name == new)
    is_old = sa.and_(person.kind == USER, person.name == old)
    connection.execute(tables.link_people.delete().where(is_old, person.link.in_(named)))
    connection.execute(tables.link_people.update().where(is_old).values(name=new))


def _measure(connection: Connection, kind: str, record_id: str) -> tuple[int, int]:
    """Return how many figures a record counts as, and its bytes."""
    if kind == FIGURE:
        return 1, sum(version.size for version in figures.list_versions(connection, record_id))
    if kind == LIVE:
        return 0, connection.execute(sa.select(_SOURCE.size).where(_SOURCE.live == record_id)).scalar() or 0
    return 0, 0
