"""Detached live functions in the catalog: the source of each and its declaration. Server process.

The source is a blob, which the row references: it counts against the owner's quota and is garbage once the row is gone.
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from ...errors import Conflict
from ...model.detached import DetachedFunction
from ...model.figures import Source
from ...model.live import LiveDeclaration, LiveFigureRecord
from ...model.quotas import PublishLimits
from . import live_figures as live
from . import quotas, tables
from .dialects import Upsert, lock_owner_of
from .references import release_blobs, retain_blob

MAX_LISTED = 1_000
_S, _OFFERED = tables.live_sources.c, tables.live_sessions.c
_CHANGED = ("kind", "digest", "size", "libraries", "declaration", "created")
_PUT = Upsert(tables.live_sources, ["live"], lambda new: {name: new[name] for name in _CHANGED})


def put(
    connection: Connection, limits: PublishLimits, record: LiveFigureRecord, function: DetachedFunction, now: float
) -> None:
    """Add a function whose blob is stored, replacing an earlier one.

    Raises
    ------
    Conflict
        When the live figure has been deleted in the meantime.
    QuotaExceeded
        When the owner has no room for it; the earlier one stays.
    """
    record = _lock(connection, record)
    source, before = function.source, find(connection, record.id)
    added = source.size - (before.source.size if before else 0)
    quotas.check(connection, {"owner": limits.owner_quota}, {"owner": record.owner}, added, ())
    if before is not None:
        release_blobs(connection, [before.source.digest], now)
        quotas.add(connection, record.owner, None, figures=0, size=-before.source.size)
    insert(connection, record, function, now)


def insert(connection: Connection, record: LiveFigureRecord, function: DetachedFunction, now: float) -> None:
    """Add or replace a function whose blob is stored, without checking quotas."""
    source = function.source
    retain_blob(connection, source.digest, source.size, now)
    quotas.add(connection, record.owner, None, figures=0, size=source.size)
    row = {
        "live": record.id,
        "kind": source.kind,
        "digest": source.digest,
        "size": source.size,
        "libraries": json.dumps(source.libraries),
        "declaration": json.dumps(function.declaration.as_json(), ensure_ascii=False),
        "created": now,
    }
    _PUT(connection, row)


def remove(connection: Connection, record: LiveFigureRecord, now: float) -> bool:
    """Remove the function; return False when there is none."""
    lock_owner_of(connection, tables.live_figures, record.id)
    existing, before = live.find(connection, record.id), find(connection, record.id)
    if existing is None or before is None:
        return False
    connection.execute(tables.live_sources.delete().where(_S.live == record.id))
    release_blobs(connection, [before.source.digest], now)
    quotas.add(connection, existing.owner, None, figures=0, size=-before.source.size)
    return True


def find(connection: Connection, live_id: str) -> DetachedFunction | None:
    row = connection.execute(sa.select(tables.live_sources).where(_S.live == live_id)).first()
    return _detached(row) if row else None


def find_ids(connection: Connection, owner: str) -> set[str]:
    """Return the ids of an owner's live figures that are detached."""
    figure = tables.live_figures.c
    query = sa.select(figure.id).join(tables.live_sources, _S.live == figure.id).where(figure.owner == owner)
    return set(connection.execute(query).scalars())


def list_records(connection: Connection, session: str | None = None) -> list[LiveFigureRecord]:
    """Return live figures that are detached, latest first; of one session, or of all for None."""
    query = sa.select(_S.live).order_by(_S.created.desc(), _S.live).limit(MAX_LISTED)
    if session is not None:
        query = query.join(tables.live_sessions, _OFFERED.live == _S.live).where(_OFFERED.session == session)
    found = (live.find(connection, live_id) for live_id in connection.execute(query).scalars().all())
    return [record for record in found if record is not None]


def _lock(connection: Connection, record: LiveFigureRecord) -> LiveFigureRecord:
    """Return a live figure as it is now, and exclude other changes of what its owner has.

    Raises
    ------
    Conflict
        When it is gone.
    """
    lock_owner_of(connection, tables.live_figures, record.id)
    existing = live.find(connection, record.id)
    if existing is None:
        raise Conflict("The live figure has just been deleted. Run its cell again, then detach it again.")
    return existing


def _detached(row: Row[Any]) -> DetachedFunction:
    source = Source(row.kind, row.digest, row.size, json.loads(row.libraries))
    return DetachedFunction(row.live, source, LiveDeclaration.from_json(json.loads(row.declaration)))
