"""Links whose viewers may move parameters, in the catalog: onto live figures and onto dashboards. Server process."""

from __future__ import annotations

import json
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from ...model.dashboards import DashboardLink
from ...model.links import ParameterLink, hash_secret
from ...model.live import LiveLink
from . import tables

K = TypeVar("K", bound=ParameterLink)


class ParameterLinks(Generic[K]):
    """The links of one kind: made, found by their token, changed, counted.

    Parameters
    ----------
    target
        Name of the column, and of the field, with the id of what a link shows.
    """

    def __init__(self, table: sa.Table, target: str, kind: type[K]) -> None:
        self._table, self._kind = table, kind
        self._columns = table.c
        self._target = table.c[target]

    def add(self, connection: Connection, link: K) -> None:
        row = link.__dict__ | {"locked": json.dumps(dict(link.locked)), "allowed": json.dumps(link.allowed)}
        connection.execute(self._table.insert().values(row))

    def find(self, connection: Connection, link_id: str) -> K | None:
        row = connection.execute(sa.select(self._table).where(self._columns.id == link_id)).first()
        return self._read(row) if row else None

    def find_by_token(self, connection: Connection, token: str) -> K | None:
        """By the token's sha256: what is compared in the database is no secret."""
        query = sa.select(self._table).where(self._columns.token_hash == hash_secret(token))
        row = connection.execute(query).first()
        return self._read(row) if row else None

    def of(self, connection: Connection, target_id: str) -> list[K]:
        """Those onto one thing, newest first."""
        query = sa.select(self._table).where(self._target == target_id)
        newest_first = query.order_by(self._columns.created.desc(), self._columns.id)
        return [self._read(row) for row in connection.execute(newest_first)]

    def change(self, connection: Connection, link_id: str, changes: dict[str, Any]) -> bool:
        """False when the link is gone."""
        if not changes:
            return self.find(connection, link_id) is not None
        changed = self._table.update().where(self._columns.id == link_id).values(changes)
        return connection.execute(changed).rowcount == 1

    def remove(self, connection: Connection, link_id: str) -> None:
        connection.execute(self._table.delete().where(self._columns.id == link_id))

    def remove_all(self, connection: Connection, target_id: str) -> None:
        connection.execute(self._table.delete().where(self._target == target_id))

    def remove_expired(self, connection: Connection, before: float) -> int:
        return connection.execute(self._table.delete().where(self._columns.expires < before)).rowcount

    def add_views(self, connection: Connection, counts: dict[str, int], now: float) -> None:
        for link_id, count in counts.items():
            seen = self._table.update().where(self._columns.id == link_id)
            connection.execute(seen.values(seen=self._columns.seen + count, last_seen=now))

    def _read(self, row: Row[Any]) -> K:
        values = dict(row._mapping)
        return self._kind(**values | {"locked": json.loads(row.locked), "allowed": tuple(json.loads(row.allowed))})


LIVE_LINKS = ParameterLinks(tables.live_links, "live", LiveLink)
DASHBOARD_LINKS = ParameterLinks(tables.dashboard_links, "dashboard", DashboardLink)
