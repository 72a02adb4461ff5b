"""Queries for figures. Server process; read-only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from ...model.figures import CellCode, FigureRecord, Identity, Representation, Source, Version
from ...model.links import FIGURE
from ...model.queries import DEFAULT_LIMIT, Collection, FigureQuery, Neighbour
from ...model.quotas import Usage
from ...model.source_check import SourceCheck
from . import conditions, tables
from .identities import read_identity
from .pagination import clamp_limit, cut_page, select_page

MAX_COUNT = 1_000
"""Limit of a count: counting 300,000 figures would take longer than building the page."""
_F, _V, _R = tables.figures.c, tables.versions.c, tables.representations.c

# One row for each representation, with its figure and version. Statements are built once: building them costs more than
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
    _V.source_problem,
    _V.source_check,
    _V.code_digest,
    _V.code_size,
    _V.provenance,
    _R.is_thumbnail,
    *(_R[field.name] for field in fields(Representation)),
).select_from(
    tables.figures.join(tables.versions, _V.figure == _F.id).outerjoin(
        tables.representations, sa.and_(_R.figure == _V.figure, _R.version == _V.number)
    )
)
_PARTS = 25
"""Index of the first column of a representation."""
_OF_ID = _F.id == sa.bindparam("id")
_NEWEST_OF_ID = _WHOLE.where(_OF_ID, _V.number == _F.latest).order_by(_R.position)
_VERSION_OF_ID = _WHOLE.where(_OF_ID, _V.number == sa.bindparam("number")).order_by(_R.position)
_VERSIONS_OF_ID = _WHOLE.where(_OF_ID).order_by(_V.number.desc(), _R.position)
_NUMBERS_OF_ID = sa.select(_V.number).where(_V.figure == sa.bindparam("id")).order_by(_V.number.desc())
_NEWEST_OF_IDENTITY = _WHOLE.where(
    *(_F[field.name] == sa.bindparam(field.name) for field in fields(Identity)), _V.number == _F.latest
).order_by(_R.position)


def find(connection: Connection, figure_id: str, version: int | None = None) -> FigureRecord | None:
    """Return the figure with its newest version, or with the one given."""
    if version is None:
        rows = connection.execute(_NEWEST_OF_ID, {"id": figure_id}).all()
    else:
        rows = connection.execute(_VERSION_OF_ID, {"id": figure_id, "number": version}).all()
    return next(_records(rows), None)


def find_by_identity(connection: Connection, identity: Identity) -> FigureRecord | None:
    return next(_records(connection.execute(_NEWEST_OF_IDENTITY, identity.__dict__).all()), None)


def list_versions(connection: Connection, figure_id: str) -> list[Version]:
    """Return all versions that are kept, newest first."""
    return [record.version for record in _records(connection.execute(_VERSIONS_OF_ID, {"id": figure_id}).all())]


def list_numbers(connection: Connection, figure_id: str) -> Sequence[int]:
    """Return the numbers of all versions that are kept, newest first."""
    return connection.execute(_NUMBERS_OF_ID, {"id": figure_id}).scalars().all()


def list_page(
    connection: Connection, query: FigureQuery, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> tuple[list[FigureRecord], str | None]:
    """Return one page of figures, newest first, and the cursor of the next (None at the end).

    Raises
    ------
    InvalidInput
        When the cursor is not valid.
    """
    limit = clamp_limit(limit)
    # ``+ 0`` disables the index on the order, so that SQLite sorts the few candidates instead of scanning all figures.
    updated_column = _F.updated + 0 if query.is_narrow else _F.updated
    page = sa.select(_F.id, _F.updated, _F.latest).where(*_conditions(query))
    keys = connection.execute(select_page(page, updated_column, _F.id, limit, cursor)).all()
    shown, next_cursor = cut_page(keys, limit, lambda key: (key.updated, key.id))
    rows = connection.execute(
        _WHOLE.where(_F.id.in_([key.id for key in shown]), _V.number == _F.latest).order_by(
            _F.updated.desc(), _F.id.desc(), _R.position
        )
    ).all()
    return list(_records(rows)), next_cursor


def measure(
    connection: Connection, query: FigureQuery, after: str | None = None, limit: int = 2_000
) -> tuple[Usage, str | None]:
    """Count figures and the bytes of their newest versions' representations.

    Parameters
    ----------
    after
        Measure ``limit`` figures after this id (``""`` for the first ones), so that a million of them block nobody;
        the second value is then where to continue, None at the end. None measures all at once.
    """
    some = sa.select(_F.id, _F.latest).where(*_conditions(query))
    if after is not None:
        some = some.where(_F.id > after).order_by(_F.id).limit(limit)
    part = some.subquery()
    joined = part.outerjoin(
        tables.representations,
        sa.and_(_R.figure == part.c.id, _R.version == part.c.latest, _R.is_thumbnail.is_(False)),
    )
    count, size = sa.func.count(part.c.id.distinct()), sa.func.coalesce(sa.func.sum(_R.size), 0)
    row = connection.execute(sa.select(count, size, sa.func.max(part.c.id)).select_from(joined)).one()
    return Usage(row[0], int(row[1])), row[2] if after is not None and row[0] == limit else None


def list_ids(connection: Connection, query: FigureQuery) -> Sequence[str]:
    return connection.execute(sa.select(_F.id).where(*_conditions(query))).scalars().all()


def count_in_notebook(connection: Connection, owner: str, scope: str, notebook: str) -> int:
    """Count the figures of a notebook, up to ``MAX_COUNT``."""
    return _count(connection, _F.owner == owner, _F.scope == scope, _F.notebook == notebook)


def count_in_notebooks(connection: Connection, owner: str, notebooks: Sequence[tuple[str, str]]) -> list[int]:
    """Count the figures of each notebook, which is named by its scope and path, up to ``MAX_COUNT``."""
    return [count_in_notebook(connection, owner, scope, notebook) for scope, notebook in notebooks]


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
        found.append(Collection(name, _count(connection, _F.owner == owner, _F.collection == name)))
    return found


def find_neighbours(connection: Connection, record: FigureRecord) -> tuple[Neighbour | None, Neighbour | None]:
    """Return the next newer and the next older figure of its owner."""
    here = sa.tuple_(sa.literal(record.updated), sa.literal(record.id))
    position, query = sa.tuple_(_F.updated, _F.id), sa.select(_F.id, _F.name, _F.title).where(_F.owner == record.owner)
    newer = query.where(position > here).order_by(_F.updated, _F.id).limit(1)
    older = query.where(position < here).order_by(_F.updated.desc(), _F.id.desc()).limit(1)
    found = [connection.execute(one).first() for one in (newer, older)]
    before, after = (Neighbour(row.id, row.title or row.name) if row else None for row in found)
    return before, after


def _count(connection: Connection, *where: sa.ColumnElement[bool]) -> int:
    some = sa.select(_F.id).where(*where).limit(MAX_COUNT).subquery()
    return connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()


def _conditions(query: FigureQuery) -> list[Any]:
    found = conditions.are_exact(query, _F)
    if query.ids is not None:
        found.append(_F.id.in_(query.ids))
    if query.owner is not None and (query.running or query.session is not None or query.ids is not None):
        # ``+ ""`` disables the owner's index in favour of the ids below.
        found[0] = _F.owner + "" == query.owner
    if query.session is not None:
        made = tables.session_figures.c
        found.append(_F.id.in_(sa.select(made.figure).where(made.session == query.session)))
    if query.shared_at is not None:
        found.append(conditions.is_shared(FIGURE, _F.id, query.shared_at))
    if query.running:
        found.append(_F.id.in_(conditions.of_running_sessions()))
    if query.text:
        found.append(conditions.has_part(query.text, _F.name, _F.title, _F.notebook))
    return found


def _records(rows: Iterable[Row[Any]]) -> Iterator[FigureRecord]:
    """Group rows by version, in the order of their first rows."""
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
        source_problem=first.source_problem,
        code=CellCode(first.code_digest, first.code_size) if first.code_digest is not None else None,
        check=SourceCheck.from_json(json.loads(first.source_check)) if first.source_check else None,
    )
    return FigureRecord(first.id, read_identity(first), first.origin, first.created, first.updated, version)


def _source(row: Row[Any]) -> Source | None:
    if row.source_digest is None:
        return None
    return Source(row.source_kind, row.source_digest, row.source_size, json.loads(row.source_libraries or "{}"))
