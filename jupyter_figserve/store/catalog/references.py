"""References to blobs, counted in write transactions; garbage collection removes blobs without any. Server process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...model.figures import CellCode, Representation, Source
from . import tables
from .dialects import Upsert

_B = tables.blobs.c
_RETAIN = Upsert(tables.blobs, ["digest"], lambda new: {"refs": _B.refs + 1, "touched": new.touched})
_TRACK = Upsert(
    tables.blobs,
    ["digest"],
    lambda new: {"touched": sa.case((_B.touched > new.touched, _B.touched), else_=new.touched)},
)
_RELEASE = (
    tables.blobs.update()
    .where(tables.blobs.c.digest == sa.bindparam("blob"))
    .values(refs=tables.blobs.c.refs - 1, touched=sa.bindparam("now"))
)


def retain_parts(connection: Connection, parts: Sequence[Representation | Source | CellCode], now: float) -> None:
    """Add a reference to the blob of each part."""
    _RETAIN(connection, *({"digest": p.digest, "size": p.size, "refs": 1, "touched": now} for p in parts))


def track_unreferenced(connection: Connection, sizes: Mapping[str, int], now: float) -> None:
    """Record blobs to which nothing has referred since ``now``; ``sizes`` has the size of each by its digest."""
    _TRACK(connection, *({"digest": name, "size": size, "refs": 0, "touched": now} for name, size in sizes.items()))


def touch_unreferenced(connection: Connection, sizes: Mapping[str, int], now: float) -> set[str]:
    """Keep blobs to which nothing refers yet from garbage collection for a while; return their digests.

    Parameters
    ----------
    sizes
        Size of each blob by its digest, also of those to which something refers.
    """
    columns = tables.blobs.c
    referenced = sa.select(columns.digest).where(columns.digest.in_(sizes), columns.refs > 0)
    unreferenced = set(sizes) - set(connection.execute(referenced).scalars())
    track_unreferenced(connection, {digest: sizes[digest] for digest in unreferenced}, now)
    return unreferenced


def retain_blob(connection: Connection, digest: str, size: int, now: float) -> None:
    """Add a reference to a blob that does not belong to a version of a figure."""
    _RETAIN(connection, {"digest": digest, "size": size, "refs": 1, "touched": now})


def release_blobs(connection: Connection, digests: Sequence[str], now: float) -> None:
    """Remove a reference to each blob; garbage collection removes those without any."""
    connection.execute(_RELEASE, [{"blob": digest, "now": now} for digest in sorted(digests)])
