"""Detached live functions in the catalog: the source of each, and the declaration that came with it. Server process.

The source is a blob like any other: held by its row, counted in its owner's quota, and gone with the cleaning when the
row is.
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import Connection, Row

from ...model.detached import Detached
from ...model.figures import Source
from ...model.live import LiveDeclaration, LiveFigureRecord
from ...model.quotas import PublishLimits
from ..files.blobs import BlobStore
from . import live_figures as live
from . import quotas, tables
from .publishing import release_blobs, retain_blob

_S, _OFFERED = tables.live_sources.c, tables.live_sessions.c


def keep(
    connection: Connection,
    blobs: BlobStore,
    limits: PublishLimits,
    record: LiveFigureRecord,
    kept: Detached,
    data: bytes,
    now: float,
) -> None:
    """Keep a function in the place of the one that was kept before.

    The blob is written inside the transaction, so that no cleaning can take it in between.

    Raises
    ------
    QuotaExceeded
        Of the owner; what was kept before stays.
    """
    source, before = kept.source, find(connection, record.id)
    more = source.size - (before.source.size if before else 0)
    quotas.check(connection, {"owner": limits.owner_quota}, {"owner": record.owner}, more, ())
    blobs.put(source.digest, data)
    if before is not None:
        release_blobs(connection, [before.source.digest], now)
        quotas.add(connection, record.owner, None, figures=0, size=-before.source.size)
    enter(connection, record, kept, now)


def enter(connection: Connection, record: LiveFigureRecord, kept: Detached, now: float) -> None:
    """Note a function whose blob is there, without a look at quotas."""
    source = kept.source
    retain_blob(connection, source.digest, source.size, now)
    quotas.add(connection, record.owner, None, figures=0, size=source.size)
    row = {
        "kind": source.kind,
        "digest": source.digest,
        "size": source.size,
        "libraries": json.dumps(source.libraries),
        "declaration": json.dumps(kept.declaration.as_json(), ensure_ascii=False),
        "created": now,
    }
    statement = insert(tables.live_sources).values(row | {"live": record.id})
    connection.execute(statement.on_conflict_do_update(index_elements=["live"], set_=row))


def remove(connection: Connection, record: LiveFigureRecord, now: float) -> bool:
    """Forget the function; False when there is none."""
    before = find(connection, record.id)
    if before is None:
        return False
    connection.execute(tables.live_sources.delete().where(_S.live == record.id))
    release_blobs(connection, [before.source.digest], now)
    quotas.add(connection, record.owner, None, figures=0, size=-before.source.size)
    return True


def find(connection: Connection, live_id: str) -> Detached | None:
    row = connection.execute(sa.select(tables.live_sources).where(_S.live == live_id)).first()
    return _detached(row) if row else None


def records(connection: Connection, session: str | None = None, limit: int = 1_000) -> list[LiveFigureRecord]:
    """Live figures that are detached, those that were detached last first; of one session, where it is named."""
    query = sa.select(_S.live).order_by(_S.created.desc(), _S.live).limit(limit)
    if session is not None:
        query = query.join(tables.live_sessions, _OFFERED.live == _S.live).where(_OFFERED.session == session)
    found = (live.find(connection, live_id) for live_id in connection.execute(query).scalars().all())
    return [record for record in found if record is not None]


def _detached(row: Row[Any]) -> Detached:
    source = Source(row.kind, row.digest, row.size, json.loads(row.libraries))
    return Detached(row.live, source, LiveDeclaration.from_json(json.loads(row.declaration)))
