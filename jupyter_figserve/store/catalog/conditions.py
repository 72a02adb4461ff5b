"""Conditions that several queries share. Server process."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from . import tables

_S, _L, _T = tables.sessions.c, tables.links.c, tables.trash.c
_IDENTITY = ("owner", "scope", "notebook", "maker", "collection", "name")
_MAX_PART = 10_000
"""Longer than any name, title or path. SQLite refuses patterns of more than 50,000 bytes. Source: sqlite.org/limits."""


def of_running_sessions() -> sa.Select[tuple[str]]:
    """Select the ids of all figures made by running sessions."""
    made = tables.session_figures.c
    return sa.select(made.figure).join(tables.sessions, _S.id == made.session).where(_S.ended.is_(None))


def are_exact(query: Any, columns: Any) -> list[sa.ColumnElement[bool]]:
    """Conditions: the parts of an identity that a query names are the row's, the owner first."""
    given = {name: getattr(query, name) for name in _IDENTITY}
    return [columns[name] == value for name, value in given.items() if value is not None]


def is_shared(kind: str, row_id: sa.ColumnElement[str], now: float) -> sa.ColumnElement[bool]:
    """Condition: the row has an open link."""
    return sa.exists().where(_L.kind == kind, _L.target == row_id, is_open(now))


def is_in(notebook: sa.ColumnElement[str], path: str) -> sa.ColumnElement[bool]:
    """Condition: the notebook has the path, or is below the directory that has it."""
    return sa.or_(notebook == path, notebook.startswith(path.rstrip("/") + "/", autoescape=True))


def has_part(text: str, *columns: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Condition: a column contains the text, ignoring the case of ASCII letters."""
    if len(text) > _MAX_PART:
        return sa.false()
    return sa.or_(*(column.icontains(text, autoescape=True) for column in columns))


def is_open(now: float) -> sa.ColumnElement[bool]:
    """Condition: the link is not paused, has not expired and has views left."""
    not_expired, not_used_up = (
        sa.or_(_L.expires.is_(None), _L.expires > now),
        sa.or_(_L.views.is_(None), _L.seen < _L.views),
    )
    return sa.and_(_L.paused.is_(False), not_expired, not_used_up)


def is_gone(record: sa.ColumnElement[str], kind: str, table: sa.Table, now: float) -> sa.ColumnElement[bool]:
    """Condition: a record of ``table`` was deleted, and cannot be restored any more.

    In one statement, so that no deletion and no undo of another server falls between.
    """
    restorable = sa.select(_T.id).where(_T.kind == kind, _T.expires > now)
    return sa.and_(record.not_in(sa.select(table.c.id)), record.not_in(restorable))
