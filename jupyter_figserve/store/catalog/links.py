"""Links in the catalog: made, found by their token, changed, counted. Server process."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import Connection, Row

from ...model.links import VIEW_SECONDS, Link, hash_secret
from . import tables
from .pagination import decode_cursor

_L = tables.links.c
_OF_FIGURE = (
    sa.select(tables.links).where(_L.figure == sa.bindparam("figure")).order_by(_L.created.desc(), _L.id.desc())
)
_OF_TOKEN = sa.select(tables.links).where(_L.token_hash == sa.bindparam("token_hash"))


def add(connection: Connection, link: Link) -> None:
    connection.execute(tables.links.insert().values(asdict(link)))


def find_by_token(connection: Connection, token: str) -> Link | None:
    """By the token's sha256: what is compared in the database is no secret."""
    row = connection.execute(_OF_TOKEN, {"token_hash": hash_secret(token)}).first()
    return _link(row) if row else None


def find(connection: Connection, link_id: str) -> Link | None:
    row = connection.execute(sa.select(tables.links).where(_L.id == link_id)).first()
    return _link(row) if row else None


def list_of_owner(
    connection: Connection, owner: str | None, figure: str | None, limit: int, cursor: str | None = None
) -> list[Link]:
    """Newest first; ``cursor`` is ``write_cursor`` of the last link of the page before."""
    query = sa.select(tables.links).order_by(_L.created.desc(), _L.id.desc()).limit(limit)
    if figure is not None:
        query = query.where(_L.figure == figure)
    if owner is not None:
        query = query.join(tables.figures, tables.figures.c.id == _L.figure).where(tables.figures.c.owner == owner)
    if cursor is not None:
        created, link_id = decode_cursor(cursor)
        query = query.where(sa.tuple_(_L.created, _L.id) < sa.tuple_(sa.literal(created), sa.literal(link_id)))
    return [_link(row) for row in connection.execute(query)]


def of_figure(connection: Connection, figure: str) -> list[Link]:
    return [_link(row) for row in connection.execute(_OF_FIGURE, {"figure": figure})]


def change(connection: Connection, link_id: str, changes: dict[str, Any]) -> bool:
    """False when the link is gone."""
    if not changes:
        return find(connection, link_id) is not None
    return connection.execute(tables.links.update().where(_L.id == link_id).values(changes)).rowcount == 1


def remove(connection: Connection, link_id: str) -> None:
    connection.execute(tables.viewers.delete().where(tables.viewers.c.link == link_id))
    connection.execute(tables.links.delete().where(_L.id == link_id))


def count_view(connection: Connection, link_id: str, client: str, now: float) -> bool:
    """Use up one of a link's views, or none if this client did within ten minutes; False when none is left.

    Runs in a write transaction, so that a race cannot use one view twice.
    """
    seen = tables.viewers.c
    when = connection.execute(sa.select(seen.seen).where(seen.link == link_id, seen.client == client)).scalar()
    if when is not None and 0 <= now - when < VIEW_SECONDS:
        return True
    counted = connection.execute(
        tables.links.update()
        .where(_L.id == link_id, sa.or_(_L.views.is_(None), _L.seen < _L.views))
        .values(seen=_L.seen + 1, last_seen=now)
    )
    if counted.rowcount != 1:
        return False
    statement = insert(tables.viewers).values(link=link_id, client=client, seen=now)
    connection.execute(statement.on_conflict_do_update(index_elements=["link", "client"], set_={"seen": now}))
    return True


def add_views(connection: Connection, counts: dict[str, int], now: float) -> None:
    """Add what was counted in memory for links without a limit."""
    for link_id, count in counts.items():
        connection.execute(tables.links.update().where(_L.id == link_id).values(seen=_L.seen + count, last_seen=now))


def is_known_viewer(connection: Connection, link_id: str, client: str, now: float) -> bool:
    """Whether this client used up a view less than ten minutes ago."""
    seen = tables.viewers.c
    when = connection.execute(sa.select(seen.seen).where(seen.link == link_id, seen.client == client)).scalar()
    return when is not None and 0 <= now - when < VIEW_SECONDS


def _link(row: Row[Any]) -> Link:
    return Link(**dict(row._mapping))
