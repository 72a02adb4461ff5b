"""Conditions that several queries share. Server process."""

from __future__ import annotations

import sqlalchemy as sa

from . import tables

_S, _L = tables.sessions.c, tables.links.c


def made_by_running() -> sa.Select[tuple[str]]:
    """Ids of all figures that sessions made which are alive."""
    made = tables.session_figures.c
    return sa.select(made.figure).join(tables.sessions, _S.id == made.session).where(_S.ended.is_(None))


def is_open(now: float) -> sa.ColumnElement[bool]:
    """Condition: a link that is neither paused, nor past its end, nor used up."""
    unended, unused = sa.or_(_L.expires.is_(None), _L.expires > now), sa.or_(_L.views.is_(None), _L.seen < _L.views)
    return sa.and_(_L.paused.is_(False), unended, unused)
