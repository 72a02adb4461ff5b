"""Links onto dashboards in the catalog: made, found by their token, changed, counted. Server process."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from ..dashboard import DashboardLink
from ..links import hash_secret
from . import tables

_L = tables.dashboard_links.c


def add(connection: Connection, link: DashboardLink) -> None:
    row = link.__dict__ | {"locked": json.dumps(dict(link.locked)), "allowed": json.dumps(link.allowed)}
    connection.execute(tables.dashboard_links.insert().values(row))


def find(connection: Connection, link_id: str) -> DashboardLink | None:
    row = connection.execute(sa.select(tables.dashboard_links).where(_L.id == link_id)).first()
    return _link(row) if row else None


def find_by_token(connection: Connection, token: str) -> DashboardLink | None:
    """By the token's sha256: what is compared in the database is no secret."""
    row = connection.execute(sa.select(tables.dashboard_links).where(_L.token_hash == hash_secret(token))).first()
    return _link(row) if row else None


def of_dashboard(connection: Connection, dashboard_id: str) -> list[DashboardLink]:
    """Newest first."""
    query = sa.select(tables.dashboard_links).where(_L.dashboard == dashboard_id)
    return [_link(row) for row in connection.execute(query.order_by(_L.created.desc(), _L.id))]


def change(connection: Connection, link_id: str, changes: dict[str, Any]) -> bool:
    """False when the link is gone."""
    if not changes:
        return find(connection, link_id) is not None
    return connection.execute(tables.dashboard_links.update().where(_L.id == link_id).values(changes)).rowcount == 1


def remove(connection: Connection, link_id: str) -> None:
    connection.execute(tables.dashboard_links.delete().where(_L.id == link_id))


def remove_all(connection: Connection, dashboard_id: str) -> None:
    connection.execute(tables.dashboard_links.delete().where(_L.dashboard == dashboard_id))


def remove_expired(connection: Connection, before: float) -> int:
    return connection.execute(tables.dashboard_links.delete().where(_L.expires < before)).rowcount


def add_views(connection: Connection, counts: dict[str, int], now: float) -> None:
    for link_id, count in counts.items():
        seen = tables.dashboard_links.update().where(_L.id == link_id)
        connection.execute(seen.values(seen=_L.seen + count, last_seen=now))


def _link(row: Row[Any]) -> DashboardLink:
    values = dict(row._mapping)
    return DashboardLink(**values | {"locked": json.loads(row.locked), "allowed": tuple(json.loads(row.allowed))})
