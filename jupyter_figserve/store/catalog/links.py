"""Links of every kind in the catalog: find, list, change, remove, count views. Server process."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import Connection, Row

from ...errors import NotFound
from ...model.links import DASHBOARD, FIGURE, LIVE, VIEW_SECONDS, Link, Target, hash_secret
from . import tables
from .pagination import decode_cursor

_L, _V = tables.links.c, tables.viewers.c
_TARGETS = {FIGURE: tables.figures, LIVE: tables.live_figures, DASHBOARD: tables.dashboards}
_NEWEST_FIRST = (_L.created.desc(), _L.id.desc())
_BY_ID = sa.select(tables.links).where(_L.id == sa.bindparam("id"))
_BY_TOKEN = sa.select(tables.links).where(_L.token_hash == sa.bindparam("token_hash"))
_BY_TARGET = (
    sa.select(tables.links)
    .where(_L.kind == sa.bindparam("kind"), _L.target == sa.bindparam("target"))
    .order_by(*_NEWEST_FIRST)
)


def add(connection: Connection, link: Link) -> None:
    connection.execute(tables.links.insert().values(_row(link)))


def find(connection: Connection, link_id: str) -> Link | None:
    row = connection.execute(_BY_ID, {"id": link_id}).first()
    return _link(row) if row else None


def find_by_token(connection: Connection, token: str) -> Link | None:
    """Return the link of this token. The database compares hashes, so its timing reveals no secret."""
    row = connection.execute(_BY_TOKEN, {"token_hash": hash_secret(token)}).first()
    return _link(row) if row else None


def for_target(connection: Connection, target: Target) -> list[Link]:
    """Return the links to one target, newest first."""
    return [_link(row) for row in connection.execute(_BY_TARGET, {"kind": target.kind, "target": target.id})]


def list_for_owner(
    connection: Connection, owner: str | None, figure: str | None, limit: int, cursor: str | None = None
) -> list[Link]:
    """Return one page of the links, newest first.

    Parameters
    ----------
    owner, figure
        Only links to what this owner has, or to this figure; None for any.
    cursor
        ``encode_cursor`` of the last link on the previous page.
    """
    query = sa.select(tables.links).order_by(*_NEWEST_FIRST).limit(limit)
    if figure is not None:
        query = query.where(_L.kind == FIGURE, _L.target == figure)
    if owner is not None:
        is_owned = (sa.and_(_L.kind == kind, _is_owned(table, owner)) for kind, table in _TARGETS.items())
        query = query.where(sa.or_(*is_owned))
    if cursor is not None:
        created, link_id = decode_cursor(cursor)
        query = query.where(sa.tuple_(_L.created, _L.id) < sa.tuple_(sa.literal(created), sa.literal(link_id)))
    return [_link(row) for row in connection.execute(query)]


def _is_owned(table: sa.Table, owner: str) -> sa.ColumnElement[bool]:
    return sa.exists().where(table.c.id == _L.target, table.c.owner == owner)


def change(connection: Connection, link_id: str, changes: dict[str, Any]) -> None:
    """Set columns of a link.

    Raises
    ------
    NotFound
        When the link has been revoked.
    """
    if changes:
        is_there = connection.execute(tables.links.update().where(_L.id == link_id).values(changes)).rowcount == 1
    else:
        is_there = find(connection, link_id) is not None
    if not is_there:
        raise NotFound("There is no such link.")


def remove(connection: Connection, link_id: str) -> None:
    """Delete a link and its viewers; a missing link is no error."""
    connection.execute(tables.viewers.delete().where(_V.link == link_id))
    connection.execute(tables.links.delete().where(_L.id == link_id))


def remove_for_target(connection: Connection, target: Target) -> None:
    for link in for_target(connection, target):
        remove(connection, link.id)


def remove_expired(connection: Connection, before: float, limit: int) -> int:
    """Delete up to ``limit`` links that expired earlier than ``before``; return how many."""
    expired = connection.execute(sa.select(_L.id).where(_L.expires < before).limit(limit)).scalars().all()
    for link_id in expired:
        remove(connection, link_id)
    return len(expired)


def count_view(connection: Connection, link_id: str, client: str, now: float) -> bool:
    """Use up one view, unless this client did so within ``VIEW_SECONDS``; return False when none is left.

    Runs in a write transaction, so that two racing requests cannot use the same view.
    """
    if is_known_viewer(connection, link_id, client, now):
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
    """Add views that were counted in memory, by link id."""
    for link_id, count in counts.items():
        connection.execute(tables.links.update().where(_L.id == link_id).values(seen=_L.seen + count, last_seen=now))


def is_known_viewer(connection: Connection, link_id: str, client: str, now: float) -> bool:
    """Whether this client used up a view within ``VIEW_SECONDS``."""
    seen = connection.execute(sa.select(_V.seen).where(_V.link == link_id, _V.client == client)).scalar()
    return seen is not None and 0 <= now - seen < VIEW_SECONDS


def _row(link: Link) -> dict[str, Any]:
    own = {
        "kind": link.target.kind,
        "target": link.target.id,
        "locked": json.dumps(dict(link.locked), ensure_ascii=False),
        "allowed": json.dumps(link.allowed, ensure_ascii=False),
    }
    return link.__dict__ | own


def _link(row: Row[Any]) -> Link:
    values = dict(row._mapping)
    own = {
        "target": Target(values.pop("kind"), values["target"]),
        "locked": json.loads(row.locked),
        "allowed": tuple(json.loads(row.allowed)),
    }
    return Link(**values | own)
