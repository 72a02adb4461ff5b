"""Adds to versions of figures what comes after they were published, in write transactions. Server process."""

from __future__ import annotations

import json

from sqlalchemy.engine import Connection

from ...model.figures import CellCode, FigureRecord, Representation, Source, Version
from ...model.quotas import PublishLimits
from ...model.source_check import SourceCheck
from . import figures, quotas, tables
from .dialects import lock_owner_of
from .publishing import INSERT_REPRESENTATION, check_quota, source_columns
from .references import release_blobs, retain_parts


def attach_source(
    connection: Connection,
    limits: PublishLimits,
    record: FigureRecord,
    number: int,
    source: Source,
    now: float,
    *,
    replaces: bool = False,
) -> bool:
    """Add the source to a version; return False when it is gone, or has one that neither failed nor is replaced."""
    lock_owner_of(connection, tables.figures, record.id)
    existing = figures.find(connection, record.id, number)
    if existing is None or not (replaces or existing.version.source is None or existing.version.has_failed_source):
        return False
    old, session = existing.version.source, existing.version.session
    if old is not None:
        release_blobs(connection, [old.digest], now)
        quotas.add(connection, existing.owner, session, figures=0, size=-old.size)
    check_quota(connection, limits, existing.identity, record.id, session, source.size)
    _change_version(
        connection, record.id, number, {**source_columns(source), "source_problem": "", "source_check": None}
    )
    retain_parts(connection, [source], now)
    quotas.add(connection, existing.owner, session, figures=0, size=source.size)
    return True


def attach_code(
    connection: Connection, limits: PublishLimits, record: FigureRecord, number: int, code: CellCode, now: float
) -> bool:
    """Add the code of its cell to a version; return False when it has one, or is gone."""
    lock_owner_of(connection, tables.figures, record.id)
    existing = figures.find(connection, record.id, number)
    if existing is None or existing.version.code is not None:
        return False
    session = existing.version.session
    check_quota(connection, limits, existing.identity, record.id, session, code.size)
    _change_version(connection, record.id, number, {"code_digest": code.digest, "code_size": code.size})
    retain_parts(connection, [code], now)
    quotas.add(connection, existing.owner, session, figures=0, size=code.size)
    return True


def add_representation(
    connection: Connection, limits: PublishLimits, record: FigureRecord, number: int, part: Representation, now: float
) -> bool:
    """Add an encoding to a version; return False when it has one of this type and width, or is gone."""
    lock_owner_of(connection, tables.figures, record.id)
    existing, is_vector = figures.find(connection, record.id, number), not part.format.is_raster
    if existing is None or any(
        known.mimetype == part.mimetype and (is_vector or known.width == part.width)
        for known in existing.version.representations
    ):
        return False
    version = existing.version
    check_quota(connection, limits, existing.identity, record.id, version.session, part.size)
    # After the others and the thumbnail: the first one is displayed.
    position = len(version.representations) + (version.thumbnail is not None)
    row = {"figure": record.id, "version": number, "position": position, "is_thumbnail": False}
    connection.execute(INSERT_REPRESENTATION, row | part.__dict__)
    retain_parts(connection, [part], now)
    quotas.add(connection, existing.owner, version.session, figures=0, size=part.size)
    return True


def record_source_problem(connection: Connection, figure_id: str, number: int, reason: str) -> None:
    """Record why a version has no source, unless it has one by now."""
    _change_version(connection, figure_id, number, {"source_problem": reason}, source=None)


def record_source_check(connection: Connection, figure_id: str, version: Version, check: SourceCheck) -> None:
    """Record whether a version's source could be rendered, unless it has another one by now."""
    digest = None if version.source is None else version.source.digest
    _change_version(connection, figure_id, version.number, {"source_check": json.dumps(check.as_json())}, source=digest)


def _change_version(
    connection: Connection, figure_id: str, number: int, values: dict[str, object], *, source: str | None = ""
) -> None:
    """Set columns of a version; only if its source has this digest, or it has none for None, unless that is empty."""
    row = tables.versions.c
    changed = tables.versions.update().where(row.figure == figure_id, row.number == number)
    if source != "":
        changed = changed.where(row.source_digest.is_(None) if source is None else row.source_digest == source)
    connection.execute(changed.values(values))
