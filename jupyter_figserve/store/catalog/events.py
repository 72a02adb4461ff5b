"""Events in the catalog, which event streams replay. Server process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...model.events import Event
from . import tables
from .dialects import is_postgresql, lock
from .transactions import changes_of

MAX_EVENTS = 10_000
"""Number of newest events kept for replay."""
CHANNEL = "figserve"
"""PostgreSQL's channel that wakes the event streams of other servers."""
_ADD = tables.events.insert()


def add(connection: Connection, now: float, owner: str, kind: str, data: dict[str, Any]) -> None:
    """Add an event, which ``write_pending`` writes at the end of the transaction."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    changes_of(connection).events.append({"created": now, "owner": owner, "kind": kind, "data": text})


def write_pending(connection: Connection) -> None:
    """Write the events of a transaction that is about to be committed.

    Their ids must be in the order of the commits, else a stream that has seen the later one would skip the earlier.
    So their writers wait for each other, which is short, as nothing but the commit follows.
    """
    rows = changes_of(connection).events
    if rows:
        lock(connection, "events")
        connection.execute(_ADD, rows)
        notify(connection)


def notify(connection: Connection, text: str = "") -> None:
    """Wake the other servers once the transaction is committed, where the database can do so.

    Parameters
    ----------
    text
        An announcement for them; "" for a change of the catalog.
    """
    if is_postgresql(connection):
        connection.execute(sa.select(sa.func.pg_notify(CHANNEL, text)))


def newest_id(connection: Connection) -> int:
    return connection.execute(sa.select(sa.func.max(tables.events.c.id))).scalar() or 0


def after(connection: Connection, event_id: int, limit: int = 1_000) -> Sequence[Event]:
    """Return events later than ``event_id``, in order."""
    query = sa.select(tables.events).where(tables.events.c.id > event_id).order_by(tables.events.c.id).limit(limit)
    return _events(connection, query)


def newest(connection: Connection, count: int) -> Sequence[Event]:
    """Return the last ``count`` events, newest first."""
    return _events(connection, sa.select(tables.events).order_by(tables.events.c.id.desc()).limit(count))


def trim(connection: Connection, kept: int = MAX_EVENTS) -> int:
    """Remove all but the newest events; return how many were removed."""
    return connection.execute(tables.events.delete().where(tables.events.c.id <= newest_id(connection) - kept)).rowcount


def _events(connection: Connection, query: sa.Select[Any]) -> list[Event]:
    return [Event(row.id, row.created, row.owner, row.kind, json.loads(row.data)) for row in connection.execute(query)]
