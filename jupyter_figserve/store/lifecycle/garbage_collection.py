"""Garbage collection: unshared figures of ended sessions, old events, unreferenced blobs. Server process.

Each step is a short write transaction over a bounded batch, so that no reader and no publish waits long for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...model.links import FIGURE, VIEW_SECONDS
from ..catalog import events, figures, keys, links, publishing, references, sessions, tables
from ..catalog.dialects import is_postgresql, lock_owners
from ..files.blobs import BlobStore
from .trash import Trash

BATCH = 200
BLOB_GRACE = 3_600.0
"""Seconds for which an unreferenced blob is kept: a publish may be about to refer to it."""
_MAX_DELETIONS = 20_000
"""Number of deletions that can be undone beyond which their manifests are too many to be searched for digests."""
_NEVER = 0.0
"""Time of a row that only locks its blob."""
LINK_GRACE = 30 * 86_400.0
"""Seconds for which an expired link stays in lists."""
SESSION_SILENCE = 600.0
"""Seconds after which a session counts as ended because its server stopped reporting it."""


@dataclass(frozen=True)
class GcReport:
    """Number of removed items of each kind."""

    figures: int = 0
    links: int = 0
    keys: int = 0
    blobs: int = 0
    events: int = 0
    sessions: int = 0

    def __add__(self, other: GcReport) -> GcReport:
        return GcReport(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __bool__(self) -> bool:
        return any(getattr(self, f.name) for f in fields(self))

    def __str__(self) -> str:
        return ", ".join(f"{getattr(self, f.name):,} {f.name}" for f in fields(self))


def clean_rows(
    connection: Connection,
    delete_manifest: Callable[[Connection, str], None],
    now: float,
    keep_session_plots: float | None,
) -> GcReport:
    """Remove one batch of expired rows and figures.

    Parameters
    ----------
    delete_manifest
        Removes the manifest of a figure.
    keep_session_plots
        Seconds for which unshared figures are kept after their session has ended; None forever.
    """
    sessions.end_silent(connection, now - SESSION_SILENCE)
    deleted = removed_sessions = 0
    if keep_session_plots is not None:
        removed_sessions = sessions.remove_empty(connection, now - keep_session_plots, BATCH)
        for figure_id in _lock_expired_figures(connection, now - keep_session_plots):
            record = figures.find(connection, figure_id)
            if record is not None:
                publishing.delete(connection, record, now)
                delete_manifest(connection, figure_id)
                deleted += 1
    connection.execute(tables.viewers.delete().where(tables.viewers.c.seen < now - VIEW_SECONDS))
    return GcReport(
        figures=deleted,
        links=links.remove_expired(connection, now - LINK_GRACE, BATCH),
        keys=keys.remove_expired(connection, now, BATCH),
        events=events.trim(connection),
        sessions=removed_sessions,
    )


@dataclass(frozen=True)
class DeletedBlobs:
    """Blobs to which nothing refers, but which are kept because a deletion may be undone.

    Parameters
    ----------
    digests
        Of these blobs.
    since
        Time since when all that were released are kept; infinite where ``digests`` has them all.
    """

    digests: frozenset[str] = frozenset()
    since: float = math.inf


def find_deleted_blobs(connection: Connection, trashes: Sequence[Trash[Any]], now: float) -> DeletedBlobs:
    """Return the blobs of all deletions that can be undone now; later deletions release theirs within the grace."""
    if sum(trash.count(connection, now) for trash in trashes) > _MAX_DELETIONS:
        return DeletedBlobs(since=min(trash.find_oldest(connection, now) or now for trash in trashes))
    return DeletedBlobs(frozenset().union(*(trash.find_digests(connection, now) for trash in trashes)))


def clean_blobs(connection: Connection, blobs: BlobStore, deleted: DeletedBlobs, now: float) -> GcReport:
    """Delete one batch of unreferenced blobs, with their rows locked, so that no publish can refer to one meanwhile.

    A blob that is newer than its row stays: what was there is gone already, as after a kill, and somebody who has put
    it again is about to refer to it.
    """
    columns = tables.blobs.c
    is_garbage = sa.and_(columns.refs == 0, columns.touched < min(now - BLOB_GRACE, deleted.since))
    query = sa.select(columns.digest).where(is_garbage).order_by(columns.touched).limit(BATCH + len(deleted.digests))
    found = [digest for digest in connection.execute(query).scalars() if digest not in deleted.digests][:BATCH]
    locked = sa.select(columns.digest).where(columns.digest.in_(found), is_garbage)
    digests = connection.execute(locked.with_for_update(skip_locked=True)).scalars().all()
    if digests:
        connection.execute(tables.blobs.delete().where(columns.digest.in_(digests)))
        blobs.delete_old(digests, now - BLOB_GRACE)
    return GcReport(blobs=len(digests))


def adopt_blobs(connection: Connection, digests: Mapping[str, float]) -> None:
    """Add blobs that the catalog does not know, left by a kill before the publish was committed, as unreferenced ones.

    Parameters
    ----------
    digests
        With the time of their writing, in seconds since the epoch.
    """
    for start in range(0, len(digests), BATCH):
        batch = dict(list(digests.items())[start : start + BATCH])
        known = sa.select(tables.blobs.c.digest).where(tables.blobs.c.digest.in_(batch))
        for digest in sorted(set(batch) - set(connection.execute(known).scalars())):
            # Its size counts nowhere before something refers to it.
            references.track_unreferenced(connection, {digest: 0}, batch[digest])


def find_old_blobs(blobs: BlobStore, now: float, shard: int) -> dict[str, float]:
    """Return the blobs of one 256th that were not written just now, with the time of their writing."""
    return {digest: written for digest, written in blobs.list_shard(shard) if written < now - BLOB_GRACE}


def delete_unreferenced(connection: Connection, blobs: BlobStore, digests: set[str]) -> None:
    """Delete at once the blobs of a rejected publish that are not in the catalog.

    A row of each keeps another publish of the same bytes waiting, which then stores them again. So they are deleted
    once, and taken out of ``digests``: when the transaction runs again, they may be another's.
    """
    row = tables.blobs.c
    known = connection.execute(sa.select(row.digest).where(row.digest.in_(digests))).scalars()
    references.track_unreferenced(connection, dict.fromkeys(digests - set(known), 0), _NEVER)
    ours = sa.and_(row.digest.in_(digests), row.refs == 0, row.touched == _NEVER)
    found = connection.execute(sa.select(row.digest).where(ours)).scalars().all()
    digests.difference_update(found)
    blobs.delete(*found)
    connection.execute(tables.blobs.delete().where(ours))


def _lock_expired_figures(connection: Connection, before: float) -> list[str]:
    """Return one batch of expired figures, which nobody can change or share until the transaction ends."""
    found = _expired_figures(connection, before)
    if not is_postgresql(connection):
        return found
    figure = tables.figures.c
    owners = connection.execute(sa.select(figure.owner).where(figure.id.in_(found)).distinct()).scalars()
    lock_owners(connection, *owners)
    still = set(_expired_figures(connection, before))
    return [figure_id for figure_id in found if figure_id in still]


def _expired_figures(connection: Connection, before: float) -> list[str]:
    """Return figures whose sessions all ended before a time, and that no link and no dashboard shows."""
    made, session, link = tables.session_figures.c, tables.sessions.c, tables.links.c
    candidates = (
        sa.select(made.figure)
        .join(tables.sessions, session.id == made.session)
        .where(session.ended < before)
        .where(~sa.exists().where(link.kind == FIGURE, link.target == made.figure))
        .where(~sa.exists().where(tables.dashboard_figures.c.figure == made.figure))
        .distinct()
        .limit(BATCH)
    )
    other = tables.session_figures.alias()
    alive = (
        sa.exists()
        .where(other.c.figure == made.figure, session.id == other.c.session)
        .where(sa.or_(session.ended.is_(None), session.ended >= before))
    )
    return list(connection.execute(candidates.where(~alive.correlate(tables.session_figures))).scalars())
