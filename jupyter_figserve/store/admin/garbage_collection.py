"""What goes by itself: unshared plots of ended sessions, old events, blobs that nothing holds. Server process.

Each step is a short write transaction over a bounded batch, so that no reader and no publish waits for it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...model.links import FIGURE, VIEW_SECONDS
from ..catalog import events, figures, keys, links, publishing, sessions, tables
from ..files.blobs import BlobStore
from ..files.manifests import Manifests
from ..files.trash import Trash

BATCH = 200
BLOB_GRACE = 3_600.0
"""Seconds that an unreferenced blob stays: a publish may be about to refer to it."""
LINK_GRACE = 30 * 86_400.0
"""Seconds that an expired link stays in lists."""
SESSION_SILENCE = 600.0
"""Seconds after which a session counts as ended whose server says nothing of it any more."""


@dataclass(frozen=True)
class GcReport:
    """How many of each went."""

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


def clean_rows(connection: Connection, manifests: Manifests, now: float, keep_session_plots: float | None) -> GcReport:
    """One batch of what the catalog alone decides; ``keep_session_plots`` is in seconds, None for ever."""
    sessions.end_unseen(connection, now - SESSION_SILENCE)
    gone = forgotten = 0
    if keep_session_plots is not None:
        forgotten = sessions.forget_empty(connection, now - keep_session_plots, BATCH)
        for figure_id in _expired_figures(connection, now - keep_session_plots):
            record = figures.find(connection, figure_id)
            if record is not None:
                publishing.delete(connection, record, now)
                manifests.delete(figure_id)
                gone += 1
    connection.execute(tables.viewers.delete().where(tables.viewers.c.seen < now - VIEW_SECONDS))
    return GcReport(
        figures=gone,
        links=links.remove_expired(connection, now - LINK_GRACE, BATCH),
        keys=keys.remove_expired(connection, now, BATCH),
        events=events.trim(connection),
        sessions=forgotten,
    )


def clean_blobs(connection: Connection, blobs: BlobStore, trash: Trash[Any], now: float) -> GcReport:
    """One batch of unreferenced blobs; the write lock is held while the files go, so no publish can meet them.

    Blobs let go since the earliest deletion that can be undone may be that figure's, and stay.
    """
    held = tables.blobs.c
    before = min(now - BLOB_GRACE, trash.oldest(now) or now)
    doomed = sa.select(held.digest).where(held.refs <= 0, held.touched < before).limit(BATCH)
    digests = connection.execute(doomed).scalars().all()
    for digest in digests:
        connection.execute(tables.blobs.delete().where(held.digest == digest))
        blobs.delete(digest)
    return GcReport(blobs=len(digests))


class ManifestFiles(Protocol):
    """What cleaning asks of manifests, whatever they tell of."""

    def has(self, its_id: str, /) -> bool: ...

    def delete(self, its_id: str, /) -> None: ...


def clean_trash(
    connection: Connection, trash: Trash[Any], manifests: ManifestFiles, table: sa.Table, now: float
) -> list[str]:
    """Forget deletions that can be undone no more; returns what lives in ``table`` and lacks its manifest.

    A kill in the middle of a deletion or of its undoing leaves a figure (or a dashboard) that is both here and alive,
    with or without its manifest, or a manifest of one that is deleted.
    """
    found = list(trash.list())
    lacking = []
    for start in range(0, len(found), BATCH):
        some = found[start : start + BATCH]
        query = sa.select(table.c.id).where(table.c.id.in_([one.id for one in some]))
        alive = set(connection.execute(query).scalars())
        for one in some:
            if one.id in alive and not manifests.has(one.id):
                lacking.append(one.id)
            elif one.id in alive:
                trash.drop(one)
            elif one.expires <= now:
                manifests.delete(one.id)
                trash.drop(one)
    return lacking


def clean_shard(connection: Connection, blobs: BlobStore, now: float, shard: int) -> GcReport:
    """Files of one 256th that the catalog does not know: a kill came between the blob and its publish."""
    old = [digest for digest, written in blobs.list_shard(shard) if written < now - BLOB_GRACE]
    gone = 0
    for start in range(0, len(old), BATCH):
        some = old[start : start + BATCH]
        query = sa.select(tables.blobs.c.digest).where(tables.blobs.c.digest.in_(some))
        for digest in set(some) - set(connection.execute(query).scalars()):
            blobs.delete(digest)
            gone += 1
    return GcReport(blobs=gone)


def delete_unreferenced(connection: Connection, blobs: BlobStore, digests: Collection[str]) -> None:
    """Remove those blobs that no figure refers to, at once: a publish brought them and was refused."""
    held = connection.execute(sa.select(tables.blobs.c.digest).where(tables.blobs.c.digest.in_(digests))).scalars()
    for digest in set(digests) - set(held):
        blobs.delete(digest)


def _expired_figures(connection: Connection, before: float) -> list[str]:
    """Figures made by sessions that ended before, held by no link, dashboard or session that is alive or younger."""
    made, lives, shown = tables.session_figures.c, tables.sessions.c, tables.links.c
    candidates = (
        sa.select(made.figure)
        .join(tables.sessions, lives.id == made.session)
        .where(lives.ended < before)
        .where(~sa.exists().where(shown.kind == FIGURE, shown.target == made.figure))
        .where(~sa.exists().where(tables.dashboard_figures.c.figure == made.figure))
        .distinct()
        .limit(BATCH)
    )
    other = tables.session_figures.alias()
    alive = (
        sa.exists()
        .where(other.c.figure == made.figure, lives.id == other.c.session)
        .where(sa.or_(lives.ended.is_(None), lives.ended >= before))
    )
    return list(connection.execute(candidates.where(~alive.correlate(tables.session_figures))).scalars())
