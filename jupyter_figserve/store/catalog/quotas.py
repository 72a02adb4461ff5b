"""Usage of owners and sessions, counted as it changes, and checks of their quotas. Server process."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import QuotaExceeded
from ...model.quotas import UNLIMITED, Quota, Usage
from . import owners, tables
from .dialects import Upsert

_U = tables.usage.c
_ADD = Upsert(
    tables.usage,
    ["kind", "key"],
    lambda new: {"figures": _U.figures + new.figures, "bytes": _U.bytes + new.bytes},
)
_READ = sa.select(tables.usage.c.figures, tables.usage.c.bytes).where(
    tables.usage.c.kind == sa.bindparam("kind"), tables.usage.c.key == sa.bindparam("key")
)
_COUNT_OF_SESSION = (
    sa.select(sa.func.count())
    .select_from(tables.session_figures)
    .where(tables.session_figures.c.session == sa.bindparam("session"))
)


def read(connection: Connection, kind: str, key: str) -> Usage:
    """Return the usage of an owner or a session (``kind``); a session's figures are all of which it made a version."""
    used = _read_stored(connection, kind, key)
    if kind == "session":
        return Usage(connection.execute(_COUNT_OF_SESSION, {"session": key}).scalar_one(), used.bytes)
    return used


def _read_stored(connection: Connection, kind: str, key: str) -> Usage:
    """Return the stored counts; the figures of a session are not stored, only its bytes."""
    row = connection.execute(_READ, {"kind": kind, "key": key}).first()
    return Usage(*row) if row else Usage()


def add(connection: Connection, owner: str, session: str | None, *, figures: int, size: int) -> None:
    """Add to the usage of an owner and a session; negative numbers subtract. ``size`` is in bytes."""
    places = [("owner", owner, figures)] + ([("session", session, 0)] if session else [])
    _ADD(connection, *({"kind": kind, "key": key, "figures": n, "bytes": size} for kind, key, n in places))


def check(
    connection: Connection, quotas: Mapping[str, Quota], places: Mapping[str, str], size: int, new_to: Collection[str]
) -> None:
    """Check that ``size`` more bytes fit.

    Parameters
    ----------
    places
        Key of the owner and of the session, by kind.
    new_to
        Kinds for which the figure is new and is counted.

    Raises
    ------
    QuotaExceeded
        When they do not; the message names the quota, its usage and what to do.
    """
    for kind, key in places.items():
        quota = owners.find_quota(connection, key, quotas[kind]) if kind == "owner" else quotas[kind]
        if quota == UNLIMITED:
            continue
        max_figures = quota.figures if kind in new_to else None
        used = _read_stored(connection, kind, key) if max_figures is None else read(connection, kind, key)
        if max_figures is not None and used.figures >= max_figures:
            raise QuotaExceeded(
                f"This {kind} has {used.figures:,} figures and may have {max_figures:,}: delete some, or request"
                f" more (FigServe.{kind}_quota). Nothing was changed."
            )
        if quota.bytes is not None and used.bytes + size > quota.bytes:
            raise QuotaExceeded(
                f"This figure has {size:,} bytes; with it this {kind} would have more than its {quota.bytes:,}"
                f" ({used.bytes:,} are used): delete figures, or request a larger quota (FigServe.{kind}_quota)."
                " Nothing was changed."
            )
