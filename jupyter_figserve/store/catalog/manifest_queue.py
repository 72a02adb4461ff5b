"""Records whose manifests are to be written again, once their changes are committed. Server process.

A row is added by the change itself, so that no kill loses it. One server at a time writes the manifest of a record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from . import tables
from .dialects import Upsert

_Q = tables.manifest_queue.c
_ADD = Upsert(tables.manifest_queue, ["kind", "id"], lambda new: {"generation": _Q.generation + 1})
_CLAIM_SECONDS = 60.0
"""Time after which another server takes over from one that was killed."""
_BATCH = 32


@dataclass(frozen=True)
class QueuedManifest:
    """A record whose manifest this server is to write.

    Parameters
    ----------
    claimed_until
        Time until when no other server writes it.
    """

    kind: str
    id: str
    generation: int
    claimed_until: float


def add(connection: Connection, kind: str, record_id: str) -> None:
    """Add a record that changes in the same transaction."""
    _ADD(connection, {"kind": kind, "id": record_id, "generation": 1, "claimed_until": 0.0})


def count(connection: Connection) -> int:
    """Return how many manifests are to be written."""
    return connection.execute(sa.select(sa.func.count()).select_from(tables.manifest_queue)).scalar_one()


def claim(connection: Connection, now: float) -> Sequence[QueuedManifest]:
    """Claim some records, which other servers then leave alone for a while."""
    free = sa.select(_Q.kind, _Q.id, _Q.generation).where(_Q.claimed_until <= now).limit(_BATCH)
    until = now + _CLAIM_SECONDS
    claimed = [QueuedManifest(*row, until) for row in connection.execute(free.with_for_update(skip_locked=True))]
    for one in claimed:
        connection.execute(tables.manifest_queue.update().where(_is_same(one)).values(claimed_until=until))
    return claimed


def finish(connection: Connection, written: Sequence[QueuedManifest], failed: Sequence[QueuedManifest]) -> None:
    """Remove records whose manifests were written, unless they changed meanwhile; the others are free again.

    Where the claim was over, because this server was suspended, another one may have written a newer manifest before
    this one's: it is written once more.
    """
    for one in written:
        is_unchanged = sa.and_(_is_same(one), _Q.generation == one.generation, _Q.claimed_until == one.claimed_until)
        if not connection.execute(tables.manifest_queue.delete().where(is_unchanged)).rowcount:
            add(connection, one.kind, one.id)
    for one in (*written, *failed):
        own = sa.and_(_is_same(one), _Q.claimed_until == one.claimed_until)
        connection.execute(tables.manifest_queue.update().where(own).values(claimed_until=0.0))


def _is_same(one: QueuedManifest) -> sa.ColumnElement[bool]:
    return sa.and_(_Q.kind == one.kind, _Q.id == one.id)
