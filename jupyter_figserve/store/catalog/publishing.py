"""Adds, changes and removes versions of figures, in write transactions. Server process."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...model.events import FIGURE_CHANGED, FIGURE_DELETED, FIGURE_PUBLISHED
from ...model.figures import FigureRecord, Identity, Source, Version, new_id
from ...model.links import FIGURE, Target
from ...model.new_version import NewVersion
from ...model.quotas import PublishLimits, Quota
from . import events, figures, links, quotas, sessions, tables
from .dialects import lock_owners
from .references import release_blobs, retain_parts

# The statements of every publish are built once: building one costs more than running it.
_figure: sa.BindParameter[str] = sa.bindparam("figure")
_number: sa.BindParameter[int] = sa.bindparam("number")
_UPDATE_FIGURE = tables.figures.update().where(tables.figures.c.id == _figure)
_INSERT_VERSION = tables.versions.insert()
INSERT_REPRESENTATION = tables.representations.insert()
_DELETE_VERSION = tables.versions.delete().where(
    tables.versions.c.figure == _figure, tables.versions.c.number == _number
)
_DELETE_REPRESENTATIONS = tables.representations.delete().where(
    tables.representations.c.figure == _figure, tables.representations.c.version == _number
)
_PINNED = sa.select(tables.dashboard_figures.c.version).where(tables.dashboard_figures.c.figure == _figure)


def check_quota(
    connection: Connection, limits: PublishLimits, identity: Identity, known: str | None, session: str | None, size: int
) -> None:
    """Check that the owner and the session have room for ``size`` more bytes.

    Parameters
    ----------
    known
        Id of the figure, None for a new one.
    """
    quota_of: Mapping[str, Quota] = {"owner": limits.owner_quota, "session": limits.session_quota}
    places, new_to = {"owner": identity.owner}, set() if known else {"owner", "session"}
    if session:
        places["session"] = session
        if known and not sessions.has_made(connection, session, known):
            new_to.add("session")
    quotas.check(connection, quota_of, places, size, new_to)


def check_room(connection: Connection, limits: PublishLimits, draft: NewVersion, version: Version) -> None:
    """Raise ``QuotaExceeded`` where ``publish`` would."""
    known = figures.find_by_identity(connection, draft.identity)
    if known is None or not version.is_duplicate_of(known.version):
        check_quota(connection, limits, draft.identity, known.id if known else None, version.session, version.size)


def publish(connection: Connection, limits: PublishLimits, draft: NewVersion, version: Version) -> FigureRecord:
    """Add ``version`` of ``draft`` to its figure, unless it is a duplicate of the newest one.

    ``version.number`` is ignored; the next number is assigned.
    """
    identity, origin = draft.identity, draft.origin
    lock_owners(connection, identity.owner)
    known = figures.find_by_identity(connection, identity)
    if known is not None and draft.caption is None:
        version = replace(version, caption=known.version.caption)
    if known is not None and version.is_duplicate_of(known.version):
        if version.session:
            sessions.record_version(connection, version.session, known.id, known.version.number)
        return known
    check_quota(connection, limits, identity, known.id if known else None, version.session, version.size)
    now = version.created
    number = known.version.number + 1 if known else 1
    if known is None:
        record = FigureRecord(new_id(), identity, origin, now, now, replace(version, number=number))
        _insert_figure(connection, record)
    else:
        record = replace(known, updated=now, version=replace(version, number=number))
        connection.execute(
            _UPDATE_FIGURE, {"figure": record.id, "updated": now, "latest": number, "title": version.title}
        )
    _insert_version(connection, record.id, record.version, now)
    quotas.add(connection, record.owner, version.session, figures=int(known is None), size=version.size)
    if version.session:
        sessions.record_version(connection, version.session, record.id, number)
    _prune(connection, record, limits.keep_versions, now)
    events.add(connection, now, record.owner, FIGURE_PUBLISHED, event_data(record))
    return record


def restore(connection: Connection, record: FigureRecord, versions: Sequence[Version]) -> None:
    """Add a figure read from a manifest (newest version first), without quota check or event."""
    _insert_figure(connection, record)
    for position, version in enumerate(reversed(versions)):
        _insert_version(connection, record.id, version, version.created)
        quotas.add(connection, record.owner, version.session, figures=int(position == 0), size=version.size)
        if version.session:
            sessions.record_version(connection, version.session, record.id, version.number)


def change_text(connection: Connection, record: FigureRecord, text: Mapping[str, str], now: float) -> None:
    """Replace title, alternative text and caption of the newest version; ``record`` was read in this transaction."""
    newest = tables.versions.c
    connection.execute(
        tables.versions.update()
        .where(newest.figure == record.id, newest.number == record.version.number)
        .values(**text)
    )
    changed = tables.figures.update().where(tables.figures.c.id == record.id)
    connection.execute(changed.values(title=text["title"], updated=now))
    events.add(connection, now, record.owner, FIGURE_CHANGED, event_data(record))


def delete(connection: Connection, record: FigureRecord, now: float) -> None:
    """Remove a figure with its versions and links, and release its blobs."""
    links.remove_for_target(connection, Target(FIGURE, record.id))
    for version in figures.list_versions(connection, record.id):
        _remove_version(connection, record, version, now)
    quotas.add(connection, record.owner, None, figures=-1, size=0)
    connection.execute(tables.session_figures.delete().where(tables.session_figures.c.figure == record.id))
    connection.execute(tables.figures.delete().where(tables.figures.c.id == record.id))
    events.add(connection, now, record.owner, FIGURE_DELETED, event_data(record))


def _insert_version(connection: Connection, figure_id: str, version: Version, now: float) -> None:
    row = {name: getattr(version, name) for name in ("number", "created", "session", "title", "alt", "caption")}
    provenance = json.dumps(version.provenance, ensure_ascii=False)
    connection.execute(
        _INSERT_VERSION,
        row
        | {"figure": figure_id, "provenance": provenance, "source_problem": version.source_problem}
        | {"code_digest": version.code and version.code.digest, "code_size": version.code and version.code.size}
        | source_columns(version.source),
    )
    parts = [(False, part) for part in version.representations]
    if version.thumbnail:
        parts.append((True, version.thumbnail))
    connection.execute(
        INSERT_REPRESENTATION,
        [
            {"figure": figure_id, "version": version.number, "position": position, "is_thumbnail": is_thumbnail}
            | part.__dict__
            for position, (is_thumbnail, part) in enumerate(parts)
        ],
    )
    retain_parts(connection, version.parts, now)


def _insert_figure(connection: Connection, record: FigureRecord) -> None:
    identity = record.identity
    connection.execute(
        tables.figures.insert().values(
            id=record.id,
            owner=identity.owner,
            scope=identity.scope,
            notebook=identity.notebook,
            maker=identity.maker,
            name=identity.name,
            collection=identity.collection,
            title=record.version.title,
            origin=record.origin,
            created=record.created,
            updated=record.updated,
            latest=record.version.number,
        )
    )


def _prune(connection: Connection, record: FigureRecord, keep: int, now: float) -> None:
    """Remove the oldest versions beyond ``keep`` that no link and no dashboard shows."""
    numbers = figures.list_numbers(connection, record.id)
    if not keep or len(numbers) <= keep:
        return
    pinned = {link.version for link in links.list_for_target(connection, Target(FIGURE, record.id))}
    pinned.update(connection.execute(_PINNED, {"figure": record.id}).scalars())
    for number in [n for n in numbers if n not in pinned][keep:]:
        old = figures.find(connection, record.id, number)
        assert old is not None
        _remove_version(connection, record, old.version, now)


def _remove_version(connection: Connection, record: FigureRecord, version: Version, now: float) -> None:
    which = {"figure": record.id, "number": version.number}
    connection.execute(_DELETE_REPRESENTATIONS, which)
    connection.execute(_DELETE_VERSION, which)
    release_blobs(connection, [part.digest for part in version.parts], now)
    quotas.add(connection, record.owner, version.session, figures=0, size=-version.size)


def source_columns(source: Source | None) -> dict[str, object]:
    if source is None:
        return dict.fromkeys(("source_kind", "source_digest", "source_size", "source_libraries"))
    return {
        "source_kind": source.kind,
        "source_digest": source.digest,
        "source_size": source.size,
        "source_libraries": json.dumps(source.libraries),
    }


def event_data(record: FigureRecord) -> dict[str, object]:
    return {
        "figure": record.id,
        "name": record.name,
        "version": record.version.number,
        "session": record.version.session,
        "notebook": record.identity.notebook,
        "collection": record.identity.collection,
    }
