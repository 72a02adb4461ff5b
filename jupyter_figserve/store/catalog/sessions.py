"""Sessions in the catalog: which kernel's life made which figures, and when it ended. Server process."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import Connection

from ...model.queries import DEFAULT_LIMIT, MAX_LIMIT
from ...model.sessions import Session
from . import pagination, tables

_S = tables.sessions.c
_made = insert(tables.session_figures)
_MADE = _made.on_conflict_do_update(index_elements=["session", "figure"], set_={"version": _made.excluded.version})
_HAS_MADE = sa.select(tables.session_figures.c.version).where(
    tables.session_figures.c.session == sa.bindparam("session"),
    tables.session_figures.c.figure == sa.bindparam("figure"),
)


def note(connection: Connection, session: Session) -> None:
    """Enter a session, or note that it was seen again and under which notebook."""
    statement = insert(tables.sessions).values(session.__dict__)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["id"], set_={"seen": session.seen, "notebook": session.notebook, "ended": session.ended}
        )
    )


def find(connection: Connection, session_id: str) -> Session | None:
    row = connection.execute(sa.select(tables.sessions).where(_S.id == session_id)).first()
    return Session(**dict(row._mapping)) if row else None


def list_page(
    connection: Connection,
    owner: str | None,
    *,
    notebook: str | None = None,
    alive: bool = False,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> tuple[list[Session], str | None]:
    """One page of sessions, newest first, and the cursor of the next (None at the end).

    Raises
    ------
    InvalidInput
        When the cursor is not one that a page gave.
    """
    limit = max(1, min(limit, MAX_LIMIT))
    page = sa.select(tables.sessions).order_by(_S.started.desc(), _S.id.desc()).limit(limit + 1)
    if owner is not None:
        page = page.where(_S.owner == owner)
    if notebook is not None:
        page = page.where(_S.notebook == notebook)
    if alive:
        page = page.where(_S.ended.is_(None))
    if cursor is not None:
        started, session_id = pagination.decode_cursor(cursor)
        page = page.where(sa.tuple_(_S.started, _S.id) < sa.tuple_(sa.literal(started), sa.literal(session_id)))
    found = [Session(**dict(row._mapping)) for row in connection.execute(page)]
    inside = found[:limit]
    following = pagination.encode_cursor(inside[-1].started, inside[-1].id) if len(found) > limit else None
    return inside, following


def count_figures(connection: Connection, session_ids: list[str]) -> dict[str, int]:
    """How many figures each of these sessions made; those that made none are left out."""
    made = tables.session_figures.c
    query = sa.select(made.session, sa.func.count()).where(made.session.in_(session_ids)).group_by(made.session)
    return {row[0]: row[1] for row in connection.execute(query)}


def count_alive(connection: Connection) -> int:
    return connection.execute(
        sa.select(sa.func.count()).select_from(tables.sessions).where(_S.ended.is_(None))
    ).scalar_one()


def end(connection: Connection, session_id: str, now: float) -> None:
    connection.execute(tables.sessions.update().where(_S.id == session_id, _S.ended.is_(None)).values(ended=now))


def keep_alive(connection: Connection, session_ids: list[str], now: float) -> None:
    connection.execute(tables.sessions.update().where(_S.id.in_(session_ids)).values(seen=now))


def end_unseen(connection: Connection, before: float) -> int:
    """End those whose server stopped saying that they live, as of when it last did."""
    forgotten = tables.sessions.update().where(_S.ended.is_(None), _S.seen < before)
    return connection.execute(forgotten.values(ended=_S.seen)).rowcount


def forget_empty(connection: Connection, before: float, limit: int) -> int:
    """Remove those that ended before and have no figures, ``limit`` at most; returns how many went."""
    made = tables.session_figures.c
    empty = sa.select(_S.id).where(_S.ended < before, ~sa.exists().where(made.session == _S.id)).limit(limit)
    return connection.execute(tables.sessions.delete().where(_S.id.in_(empty))).rowcount


def made(connection: Connection, session_id: str, figure: str, version: int) -> None:
    """Note that a session made (or made again, to the byte) a version of a figure."""
    connection.execute(_MADE, {"session": session_id, "figure": figure, "version": version})


def versions_made(connection: Connection, session_id: str) -> dict[str, int]:
    """The newest version that a session made of each of its figures."""
    made = tables.session_figures.c
    rows = connection.execute(sa.select(made.figure, made.version).where(made.session == session_id))
    return {row[0]: row[1] for row in rows}


def has_made(connection: Connection, session_id: str, figure: str) -> bool:
    return connection.execute(_HAS_MADE, {"session": session_id, "figure": figure}).first() is not None
