"""Sessions (the lifetimes of kernels) in the catalog, with the figures that each made. Server process."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...model.queries import DEFAULT_LIMIT
from ...model.sessions import Session
from . import conditions, tables
from .dialects import Upsert
from .pagination import clamp_limit, cut_page, select_page

_S = tables.sessions.c
_RECORD = Upsert(
    tables.sessions,
    ["id"],
    lambda new: {
        "seen": new.seen,
        "notebook": new.notebook,
        # One that has ended since it was seen stays so.
        "ended": sa.case((_S.ended > new.seen, _S.ended), else_=new.ended),
    },
)
_MADE = Upsert(tables.session_figures, ["session", "figure"], lambda new: {"version": new.version})
_HAS_MADE = sa.select(tables.session_figures.c.version).where(
    tables.session_figures.c.session == sa.bindparam("session"),
    tables.session_figures.c.figure == sa.bindparam("figure"),
)


def record(connection: Connection, session: Session) -> None:
    """Add a session, or record that it was seen again and with which notebook."""
    _RECORD(connection, session.__dict__)


def rename_notebook(connection: Connection, owner: str, scope: str, old: str, new: str) -> None:
    """Move the sessions of a notebook, or of all notebooks below a directory, to its new path."""
    affected = sa.and_(_S.owner == owner, _S.scope == scope, conditions.is_in(_S.notebook, old))
    moved = sa.literal(new) + sa.func.substr(_S.notebook, len(old) + 1)
    connection.execute(tables.sessions.update().where(affected).values(notebook=moved))


def find(connection: Connection, session_id: str) -> Session | None:
    return next(iter(_sessions(connection, sa.select(tables.sessions).where(_S.id == session_id))), None)


def find_many(connection: Connection, session_ids: Collection[str]) -> dict[str, Session]:
    """Return the known ones of these sessions, by id."""
    found = _sessions(connection, sa.select(tables.sessions).where(_S.id.in_(session_ids)))
    return {session.id: session for session in found}


def list_page(
    connection: Connection,
    owner: str | None,
    *,
    notebook: str | None = None,
    alive: bool = False,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> tuple[list[Session], str | None]:
    """Return one page of sessions, newest first, and the cursor of the next (None at the end).

    Raises
    ------
    InvalidInput
        When the cursor is not valid.
    """
    limit = clamp_limit(limit)
    page = select_page(sa.select(tables.sessions), _S.started, _S.id, limit, cursor)
    if owner is not None:
        page = page.where(_S.owner == owner)
    if notebook is not None:
        page = page.where(_S.notebook == notebook)
    if alive:
        page = page.where(_S.ended.is_(None))
    return cut_page(_sessions(connection, page), limit, lambda session: (session.started, session.id))


def list_running(connection: Connection, owner: str, limit: int) -> list[Session]:
    """Return sessions that are alive, latest start first."""
    alive = sa.select(tables.sessions).where(_S.owner == owner, _S.ended.is_(None))
    return _sessions(connection, alive.order_by(_S.started.desc()).limit(limit))


def list_ended(connection: Connection, owner: str, limit: int) -> list[Session]:
    """Return sessions that have ended, latest end first."""
    ended = sa.select(tables.sessions).where(_S.owner == owner, _S.ended.is_not(None))
    return _sessions(connection, ended.order_by(_S.ended.desc()).limit(limit))


def count_figures(connection: Connection, session_ids: list[str]) -> dict[str, int]:
    """Count the figures of each session; those without any are left out."""
    made = tables.session_figures.c
    query = sa.select(made.session, sa.func.count()).where(made.session.in_(session_ids)).group_by(made.session)
    return {row[0]: row[1] for row in connection.execute(query)}


def count_alive(connection: Connection, owner: str) -> int:
    query = sa.select(sa.func.count()).select_from(tables.sessions).where(_S.owner == owner, _S.ended.is_(None))
    return connection.execute(query).scalar_one()


def end(connection: Connection, session_id: str, now: float) -> None:
    connection.execute(tables.sessions.update().where(_S.id == session_id, _S.ended.is_(None)).values(ended=now))


def keep_alive(connection: Connection, session_ids: list[str], now: float) -> None:
    """Record that sessions are alive, also those that counted as ended because their server was silent."""
    was_silent = sa.or_(_S.ended.is_(None), _S.ended <= _S.seen)
    connection.execute(tables.sessions.update().where(_S.id.in_(session_ids), was_silent).values(seen=now, ended=None))


def end_silent(connection: Connection, before: float) -> int:
    """End sessions that no server has reported since ``before``, as of their last report; return how many."""
    silent = tables.sessions.update().where(_S.ended.is_(None), _S.seen < before)
    return connection.execute(silent.values(ended=_S.seen)).rowcount


def list_silent(connection: Connection, before: float, limit: int) -> list[Session]:
    """Return running sessions that no server has reported since ``before``."""
    return _sessions(connection, sa.select(tables.sessions).where(_S.ended.is_(None), _S.seen < before).limit(limit))


def remove_empty(connection: Connection, before: float, limit: int) -> int:
    """Remove up to ``limit`` sessions without figures that ended before a time; return how many."""
    made = tables.session_figures.c
    empty = sa.select(_S.id).where(_S.ended < before, ~sa.exists().where(made.session == _S.id)).limit(limit)
    return connection.execute(tables.sessions.delete().where(_S.id.in_(empty))).rowcount


def record_version(connection: Connection, session_id: str, figure: str, version: int) -> None:
    """Record that a session made a version of a figure, or published the same bytes again."""
    _MADE(connection, {"session": session_id, "figure": figure, "version": version})


def find_versions(connection: Connection, session_id: str) -> dict[str, int]:
    """Return the newest version that a session made of each of its figures, by figure id."""
    made = tables.session_figures.c
    rows = connection.execute(sa.select(made.figure, made.version).where(made.session == session_id))
    return {row[0]: row[1] for row in rows}


def has_made(connection: Connection, session_id: str, figure: str) -> bool:
    return connection.execute(_HAS_MADE, {"session": session_id, "figure": figure}).first() is not None


def _sessions(connection: Connection, query: sa.Select[Any]) -> list[Session]:
    return [Session(**dict(row._mapping)) for row in connection.execute(query)]
