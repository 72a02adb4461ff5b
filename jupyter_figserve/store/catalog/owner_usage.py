"""How much each owner has. Server process."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...model.owners import OwnerUsage
from ...model.quotas import Usage
from . import conditions, owners, quotas, tables
from .identities import TABLES
from .pagination import clamp_limit, cut_page, decode_cursor

_U, _O = tables.usage.c, tables.owners.c
_NAME = re.compile(r"[^\x00-\x1f]{1,255}")


def list_page(
    connection: Connection, limit: int, cursor: str | None = None, text: str | None = None
) -> tuple[list[OwnerUsage], str | None]:
    """Return one page of the owners with anything stored or set, and the cursor of the next (None at the end).

    Those with the most bytes are first.

    Parameters
    ----------
    text
        Part of the name, without regard to case; None for any.

    Raises
    ------
    InvalidInput
        When the cursor is not valid.
    """
    limit = clamp_limit(limit)
    names = _known_names().subquery()
    size = sa.func.coalesce(_U.bytes, 0)
    query = (
        sa.select(names.c.name, sa.func.coalesce(_U.figures, 0).label("figures"), size.label("bytes"))
        .select_from(names.outerjoin(tables.usage, sa.and_(_U.kind == "owner", _U.key == names.c.name)))
        .order_by(size.desc(), names.c.name)
        .limit(limit + 1)
    )
    if text:
        query = query.where(conditions.has_part(text, names.c.name))
    if cursor is not None:
        last_size, last_name = decode_cursor(cursor, _NAME)
        query = query.where(sa.or_(size < last_size, sa.and_(size == last_size, names.c.name > last_name)))
    rows, next_cursor = cut_page(connection.execute(query).all(), limit, lambda row: (row.bytes, row.name))
    return [_describe(connection, row.name, Usage(row.figures, row.bytes)) for row in rows], next_cursor


def describe(connection: Connection, owner: str) -> OwnerUsage:
    """Return what one owner has, who may have nothing."""
    return _describe(connection, owner, quotas.read(connection, "owner", owner))


def _describe(connection: Connection, owner: str, used: Usage) -> OwnerUsage:
    return OwnerUsage(
        owner,
        used.figures,
        used.bytes,
        _count_dashboards(connection, owner),
        _count_links(connection, owner),
        _find_activity(connection, owner),
        owners.own_quota(connection, owner),
        owners.find_person(connection, owner).departed,
    )


def _known_names() -> sa.CompoundSelect[Any]:
    has_quota = sa.or_(_O.max_figures.is_not(None), _O.max_bytes.is_not(None))
    return sa.union(
        sa.select(_U.key.label("name")).where(_U.kind == "owner", sa.or_(_U.figures > 0, _U.bytes > 0)),
        sa.select(tables.dashboards.c.owner),
        sa.select(tables.live_figures.c.owner),
        sa.select(_O.name).where(has_quota),
    )


def _find_activity(connection: Connection, owner: str) -> float | None:
    times = ((tables.figures, "updated"), (tables.dashboards, "updated"), (tables.sessions, "seen"))
    newest = (sa.select(sa.func.max(table.c[name])).where(table.c.owner == owner) for table, name in times)
    found = [moment for query in newest if (moment := connection.execute(query).scalar()) is not None]
    return max(found, default=None)


def _count_dashboards(connection: Connection, owner: str) -> int:
    return _count(connection, sa.select(sa.func.count()).where(tables.dashboards.c.owner == owner))


def _count_links(connection: Connection, owner: str) -> int:
    link = tables.links.c
    return sum(
        _count(
            connection,
            sa.select(sa.func.count())
            .select_from(tables.links)
            .join(table, sa.and_(link.kind == kind, link.target == table.c.id))
            .where(table.c.owner == owner),
        )
        for kind, table in TABLES.items()
    )


def _count(connection: Connection, query: sa.Select[Any]) -> int:
    return int(connection.execute(query).scalar_one())
