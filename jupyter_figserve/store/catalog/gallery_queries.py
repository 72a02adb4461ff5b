"""Further queries of the gallery: sessions, links and neighbours, each by one indexed query. Server process.

Server process; read-only.
"""

from __future__ import annotations

from collections.abc import Collection as AnyCollection

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...model.figures import FigureRecord
from ...model.links import FIGURE
from ...model.live_images import LiveImage
from ...model.queries import Collection, Neighbour
from ...model.sessions import Session
from . import conditions, tables

MAX_COUNT = 1_000
"""Limit of a count: counting 300,000 figures would take longer than building the page."""
_F, _S, _L = tables.figures.c, tables.sessions.c, tables.links.c


def running_sessions(connection: Connection, owner: str, limit: int) -> list[Session]:
    """Return sessions that are alive, latest start first."""
    return _sessions(connection, _S.owner == owner, _S.ended.is_(None), order=_S.started, limit=limit)


def ended_sessions(connection: Connection, owner: str, limit: int) -> list[Session]:
    """Return sessions that have ended, latest end first."""
    return _sessions(connection, _S.owner == owner, _S.ended.is_not(None), order=_S.ended, limit=limit)


def get_sessions(connection: Connection, ids: AnyCollection[str]) -> dict[str, Session]:
    """Return the known ones of these sessions, by id."""
    return {session.id: session for session in _sessions(connection, _S.id.in_(ids), order=_S.started, limit=len(ids))}


def count_in_notebook(connection: Connection, owner: str, scope: str, notebook: str) -> int:
    """Count the figures of a notebook, up to ``MAX_COUNT``."""
    here = _F.owner == owner, _F.scope == scope, _F.notebook == notebook
    some = sa.select(_F.id).where(*here).limit(MAX_COUNT).subquery()
    return connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()


def list_collections(connection: Connection, owner: str, limit: int) -> list[Collection]:
    """Return collections in the order of their names, each with its count of figures, up to ``MAX_COUNT``.

    Each name is one step in the index: ``SELECT DISTINCT`` would read an entry for each figure.
    """
    found: list[Collection] = []
    while len(found) < limit:
        after = found[-1].name if found else ""
        smallest = sa.select(sa.func.min(_F.collection)).where(_F.owner == owner, _F.collection > after)
        name = connection.execute(smallest).scalar_one()
        if name is None:
            break
        some = sa.select(_F.id).where(_F.owner == owner, _F.collection == name).limit(MAX_COUNT).subquery()
        count = connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
        found.append(Collection(name, count))
    return found


def count_open_links(
    connection: Connection, targets: AnyCollection[str], now: float, kind: str = FIGURE
) -> dict[str, int]:
    """Count the open links of each of these figures, live figures or dashboards."""
    shown = _L.kind == kind, _L.target.in_(targets), conditions.is_open(now)
    query = sa.select(_L.target, sa.func.count()).where(*shown).group_by(_L.target)
    return {row[0]: row[1] for row in connection.execute(query)}


def find_detached(connection: Connection, owner: str) -> set[str]:
    """Return the ids of an owner's live figures that are detached."""
    live, function = tables.live_figures.c, tables.live_sources.c
    query = sa.select(live.id).join(tables.live_sources, function.live == live.id).where(live.owner == owner)
    return set(connection.execute(query).scalars())


def find_live_images(connection: Connection, keys: AnyCollection[tuple[str, str]]) -> dict[str, LiveImage]:
    """Return a stored image of each live figure by its id, for ids with the key of a request."""
    columns = tables.live_images.c
    query = sa.select(tables.live_images).where(sa.tuple_(columns.live, columns.key).in_(list(keys)))
    return {row.live: LiveImage(**dict(row._mapping)) for row in connection.execute(query)}


def find_neighbours(connection: Connection, record: FigureRecord) -> tuple[Neighbour | None, Neighbour | None]:
    """Return the next newer and the next older figure of its owner."""
    here = sa.tuple_(sa.literal(record.updated), sa.literal(record.id))
    position, query = sa.tuple_(_F.updated, _F.id), sa.select(_F.id, _F.name, _F.title).where(_F.owner == record.owner)
    newer = query.where(position > here).order_by(_F.updated, _F.id).limit(1)
    older = query.where(position < here).order_by(_F.updated.desc(), _F.id.desc()).limit(1)
    found = [connection.execute(one).first() for one in (newer, older)]
    before, after = (Neighbour(row.id, row.title or row.name) if row else None for row in found)
    return before, after


def _sessions(
    connection: Connection, *conditions: sa.ColumnElement[bool], order: sa.ColumnElement[float], limit: int
) -> list[Session]:
    query = sa.select(tables.sessions).where(*conditions).order_by(order.desc()).limit(limit)
    return [Session(**dict(row._mapping)) for row in connection.execute(query)]
