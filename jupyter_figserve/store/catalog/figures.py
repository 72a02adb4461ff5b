"""Figures read from the catalog as records. Server process; nothing here writes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from ...model.figures import FigureRecord, Identity, Representation, Source, Version
from ...model.links import FIGURE
from ...model.queries import DEFAULT_LIMIT, MAX_LIMIT, FigureQuery
from ...model.quotas import Usage
from . import conditions, tables
from .identities import read_identity
from .pagination import Page, decode_cursor, encode_cursor

_F, _V, _R = tables.figures.c, tables.versions.c, tables.representations.c

# One row a representation, each with its figure and version. Statements are made once: making them costs more than
# running them.
_WHOLE: sa.Select[Any] = sa.select(
    _F.id,
    _F.owner,
    _F.scope,
    _F.notebook,
    _F.maker,
    _F.name,
    _F.collection,
    _F.origin,
    _F.created,
    _F.updated,
    _V.number,
    _V.created.label("made"),
    _V.session,
    _V.title,
    _V.alt,
    _V.caption,
    _V.source_kind,
    _V.source_digest,
    _V.source_size,
    _V.source_libraries,
    _V.provenance,
    _R.is_thumbnail,
    *(_R[field.name] for field in fields(Representation)),
).select_from(
    tables.figures.join(tables.versions, _V.figure == _F.id).outerjoin(
        tables.representations, sa.and_(_R.figure == _V.figure, _R.version == _V.number)
    )
)
_PARTS = 21
"""Where the columns of a representation begin."""
_OF_ID = _F.id == sa.bindparam("id")
_NEWEST_OF_ID = _WHOLE.where(_OF_ID, _V.number == _F.latest).order_by(_R.position)
_VERSION_OF_ID = _WHOLE.where(_OF_ID, _V.number == sa.bindparam("number")).order_by(_R.position)
_VERSIONS_OF_ID = _WHOLE.where(_OF_ID).order_by(_V.number.desc(), _R.position)
_NUMBERS_OF_ID = sa.select(_V.number).where(_V.figure == sa.bindparam("id")).order_by(_V.number.desc())
_NEWEST_OF_IDENTITY = _WHOLE.where(
    *(_F[field.name] == sa.bindparam(field.name) for field in fields(Identity)), _V.number == _F.latest
).order_by(_R.position)


def find(connection: Connection, figure_id: str, version: int | None = None) -> FigureRecord | None:
    """The figure with its newest version, or with the one asked for."""
    if version is None:
        rows = connection.execute(_NEWEST_OF_ID, {"id": figure_id}).all()
    else:
        rows = connection.execute(_VERSION_OF_ID, {"id": figure_id, "number": version}).all()
    return next(_records(rows), None)


def find_by_identity(connection: Connection, identity: Identity) -> FigureRecord | None:
    return next(_records(connection.execute(_NEWEST_OF_IDENTITY, identity.__dict__).all()), None)


def versions(connection: Connection, figure_id: str) -> list[Version]:
    """All that are kept, newest first."""
    return [record.version for record in _records(connection.execute(_VERSIONS_OF_ID, {"id": figure_id}).all())]


def numbers(connection: Connection, figure_id: str) -> Sequence[int]:
    """The numbers of all versions that are kept, newest first."""
    return connection.execute(_NUMBERS_OF_ID, {"id": figure_id}).scalars().all()


def list_page(
    connection: Connection, which: FigureQuery, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> Page:
    """One page of figures, newest first.

    Raises
    ------
    InvalidInput
        When the cursor is not one that a page gave.
    """
    limit = max(1, min(limit, MAX_LIMIT))
    # Of few candidates, SQLite is to look at these and sort them, instead of going through all figures in their order.
    updated_column = _F.updated + 0 if which.is_narrow else _F.updated
    page = sa.select(_F.id, _F.updated, _F.latest).order_by(updated_column.desc(), _F.id.desc()).limit(limit + 1)
    page = page.where(*_conditions(which))
    if cursor is not None:
        updated, figure_id = decode_cursor(cursor)
        page = page.where(sa.tuple_(updated_column, _F.id) < sa.tuple_(sa.literal(updated), sa.literal(figure_id)))
    keys = connection.execute(page).all()
    inside = keys[:limit]
    rows = connection.execute(
        _WHOLE.where(_F.id.in_([key.id for key in inside]), _V.number == _F.latest).order_by(
            _F.updated.desc(), _F.id.desc(), _R.position
        )
    ).all()
    following = encode_cursor(inside[-1].updated, inside[-1].id) if len(keys) > limit else None
    return list(_records(rows)), following


def measure(
    connection: Connection, which: FigureQuery, after: str | None = None, limit: int = 2_000
) -> tuple[Usage, str | None]:
    """How many figures there are, and the bytes of their newest versions' representations.

    Parameters
    ----------
    after
        Measure ``limit`` figures behind this id (``""`` for the first ones), so that nobody waits for a million; the
        second value is then where to go on, None at the end. None measures all at once.
    """
    some = sa.select(_F.id, _F.latest).where(*_conditions(which))
    if after is not None:
        some = some.where(_F.id > after).order_by(_F.id).limit(limit)
    part = some.subquery()
    joined = part.outerjoin(
        tables.representations,
        sa.and_(_R.figure == part.c.id, _R.version == part.c.latest, _R.is_thumbnail.is_(False)),
    )
    count, size = sa.func.count(part.c.id.distinct()), sa.func.coalesce(sa.func.sum(_R.size), 0)
    row = connection.execute(sa.select(count, size, sa.func.max(part.c.id)).select_from(joined)).one()
    return Usage(row[0], row[1]), row[2] if after is not None and row[0] == limit else None


def ids(connection: Connection, which: FigureQuery) -> Sequence[str]:
    return connection.execute(sa.select(_F.id).where(*_conditions(which))).scalars().all()


def without(connection: Connection, mimetype: str, most: int) -> list[tuple[str, int]]:
    """Figures whose newest version has a source and no representation of this type: ids and versions."""
    has_one = sa.exists().where(_R.figure == _V.figure, _R.version == _V.number, _R.mimetype == mimetype)
    query = (
        sa.select(_V.figure, _V.number)
        .join(tables.figures, sa.and_(_F.id == _V.figure, _F.latest == _V.number))
        .where(_V.source_digest.is_not(None), ~has_one)
        .limit(most)
    )
    return [(row.figure, row.number) for row in connection.execute(query)]


def _conditions(which: FigureQuery) -> list[Any]:
    exact = {"owner": _F.owner, "scope": _F.scope, "notebook": _F.notebook, "maker": _F.maker}
    exact |= {"collection": _F.collection, "name": _F.name}
    found = [column == getattr(which, name) for name, column in exact.items() if getattr(which, name) is not None]
    if which.owner is not None and (which.running or which.session is not None):
        # Not by the owner's index, but by the ids that follow.
        found[0] = _F.owner + "" == which.owner
    if which.session is not None:
        made = tables.session_figures.c
        found.append(_F.id.in_(sa.select(made.figure).where(made.session == which.session)))
    if which.shared_at is not None:
        row = tables.links.c
        is_shown = row.kind == FIGURE, row.target == _F.id, conditions.is_open(which.shared_at)
        found.append(sa.exists().where(*is_shown))
    if which.running:
        found.append(_F.id.in_(conditions.made_by_running()))
    if which.text:
        found.append(
            sa.or_(*(column.icontains(which.text, autoescape=True) for column in (_F.name, _F.title, _F.notebook)))
        )
    return found


def _records(rows: Iterable[Row[Any]]) -> Iterator[FigureRecord]:
    """Rows of one version belong together; the order of versions is that of their first rows."""
    grouped: dict[tuple[str, int], list[Row[Any]]] = {}
    for row in rows:
        grouped.setdefault((row.id, row.number), []).append(row)
    return iter([_record(group) for group in grouped.values()])


def _record(rows: list[Row[Any]]) -> FigureRecord:
    first = rows[0]
    shown = [(row[_PARTS], Representation(*row[_PARTS + 1 :])) for row in rows if row[_PARTS] is not None]
    version = Version(
        number=first.number,
        created=first.made,
        session=first.session,
        title=first.title,
        alt=first.alt,
        caption=first.caption,
        representations=tuple(part for is_thumbnail, part in shown if not is_thumbnail),
        thumbnail=next((part for is_thumbnail, part in shown if is_thumbnail), None),
        source=_source(first),
        provenance=json.loads(first.provenance),
    )
    return FigureRecord(first.id, read_identity(first), first.origin, first.created, first.updated, version)


def _source(row: Row[Any]) -> Source | None:
    if row.source_digest is None:
        return None
    return Source(row.source_kind, row.source_digest, row.source_size, json.loads(row.source_libraries or "{}"))
