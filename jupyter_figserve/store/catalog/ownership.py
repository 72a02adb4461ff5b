"""Owners in the catalog: who has how much, and moving everything of one to another. Server process."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...model.audiences import USER
from ...model.links import DASHBOARD, FIGURE, LIVE
from . import figures, quotas, tables
from .dialects import lock_owners

_U, _T = tables.usage.c, tables.trash.c
_SOURCE = tables.live_sources.c


@dataclass(frozen=True)
class OwnerUsage:
    """What one owner has; ``bytes`` counts all versions of the figures, and detached functions."""

    owner: str
    figures: int
    bytes: int
    dashboards: int
    links: int


def list_owners(connection: Connection, limit: int) -> list[OwnerUsage]:
    """Return owners with anything stored, those with the most bytes first."""
    query = (
        sa.select(_U.key, _U.figures, _U.bytes)
        .where(_U.kind == "owner", sa.or_(_U.figures > 0, _U.bytes > 0))
        .order_by(_U.bytes.desc(), _U.key)
        .limit(limit)
    )
    return [
        OwnerUsage(
            row.key, row.figures, row.bytes, _count_dashboards(connection, row.key), _count_links(connection, row.key)
        )
        for row in connection.execute(query).all()
    ]


def transfer(
    connection: Connection, kind: str, old: str, new: str, skipped: Collection[str], limit: int
) -> tuple[list[str], list[str]]:
    """Move one batch of an owner's records of one kind to another owner, with their usage.

    Returns
    -------
    moved, kept
        Their ids; a record stays where the new owner has one of the same name in the same place.
    """
    lock_owners(connection, old, new)
    table = {FIGURE: tables.figures, LIVE: tables.live_figures, DASHBOARD: tables.dashboards}[kind]
    query = (
        sa.select(table.c.id).where(table.c.owner == old, table.c.id.not_in(skipped)).order_by(table.c.id).limit(limit)
    )
    moved, kept = [], []
    for record_id in connection.execute(query).scalars().all():
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
    return moved, kept


def transfer_rest(connection: Connection, old: str, new: str, *, is_renamed: bool) -> None:
    """Move sessions and deleted records; of a renamed person also the keys and the links of others for that person.

    The keys of somebody else are revoked, as they would act for the new owner.
    """
    lock_owners(connection, old, new)
    connection.execute(tables.sessions.update().where(tables.sessions.c.owner == old).values(owner=new))
    for row in connection.execute(sa.select(_T.kind, _T.id, _T.manifest).where(_T.owner == old)).all():
        manifest = json.loads(row.manifest)
        manifest["identity"]["owner"] = new
        text = json.dumps(manifest, ensure_ascii=False, separators=(",", ":"))
        statement = tables.trash.update().where(_T.kind == row.kind, _T.id == row.id)
        connection.execute(statement.values(owner=new, manifest=text))
    key, person = tables.keys.c, tables.link_people.c
    if not is_renamed:
        connection.execute(tables.keys.delete().where(key.owner == old))
        return
    connection.execute(tables.keys.update().where(key.owner == old).values(owner=new))
    connection.execute(tables.keys.update().where(key.maker == old).values(maker=new))
    named = sa.select(person.link).where(person.kind == USER, person.name == new)
    is_old = sa.and_(person.kind == USER, person.name == old)
    connection.execute(tables.link_people.delete().where(is_old, person.link.in_(named)))
    connection.execute(tables.link_people.update().where(is_old).values(name=new))


def find_targets_for(connection: Connection, person: str) -> list[tuple[str, str]]:
    """Return kind and id of everything that a link for this person shows."""
    people, link = tables.link_people.c, tables.links.c
    query = sa.select(link.kind, link.target).where(
        sa.exists().where(people.link == link.id, people.kind == USER, people.name == person)
    )
    return [(row.kind, row.target) for row in connection.execute(query.distinct())]


def _measure(connection: Connection, kind: str, record_id: str) -> tuple[int, int]:
    """Return how many figures a record counts as, and its bytes."""
    if kind == FIGURE:
        return 1, sum(version.size for version in figures.versions(connection, record_id))
    if kind == LIVE:
        return 0, connection.execute(sa.select(_SOURCE.size).where(_SOURCE.live == record_id)).scalar() or 0
    return 0, 0


def _count_dashboards(connection: Connection, owner: str) -> int:
    return _count(connection, sa.select(sa.func.count()).where(tables.dashboards.c.owner == owner))


def _count_links(connection: Connection, owner: str) -> int:
    link, of_kind = tables.links.c, {FIGURE: tables.figures, LIVE: tables.live_figures, DASHBOARD: tables.dashboards}
    return sum(
        _count(
            connection,
            sa.select(sa.func.count())
            .select_from(tables.links)
            .join(table, sa.and_(link.kind == kind, link.target == table.c.id))
            .where(table.c.owner == owner),
        )
        for kind, table in of_kind.items()
    )


def _count(connection: Connection, query: sa.Select[Any]) -> int:
    return int(connection.execute(query).scalar_one())
