"""Live figures in the catalog: their declarations, sessions and stored images. Server process."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from ...model.events import LIVE_DELETED, LIVE_RESTORED
from ...model.figures import Identity, new_id
from ...model.links import LIVE, Target
from ...model.live import LiveDeclaration, LiveFigureRecord
from ...model.live_images import MAX_LIVE_IMAGES, LiveImage
from . import conditions, events, links, tables
from .dialects import Upsert, lock_owner_of, lock_owners
from .identities import has_identity, read_identity
from .references import release_blobs, retain_blob

_F, _P, _S = tables.live_figures.c, tables.live_images.c, tables.live_sessions.c
_OFFER = Upsert(tables.live_sessions, ["session", "name"], lambda new: {"live": new.live})


def upsert(
    connection: Connection, identity: Identity, session: str, declaration: LiveDeclaration, now: float
) -> LiveFigureRecord:
    """Record a live figure that a kernel offers, or its new declaration."""
    lock_owners(connection, identity.owner)
    known = find_by_identity(connection, identity)
    if known is None:
        record = LiveFigureRecord(new_id(), identity, declaration, now, now)
        insert(connection, record)
    else:
        record = replace(known, declaration=declaration, updated=now)
        text = json.dumps(declaration.as_json(), ensure_ascii=False)
        connection.execute(tables.live_figures.update().where(_F.id == record.id).values(updated=now, declaration=text))
    _OFFER(connection, {"session": session, "name": declaration.name, "live": record.id})
    return record


def insert(connection: Connection, record: LiveFigureRecord) -> None:
    """Add a live figure."""
    text = json.dumps(record.declaration.as_json(), ensure_ascii=False)
    row = {"id": record.id, "created": record.created, "updated": record.updated, "declaration": text}
    connection.execute(tables.live_figures.insert().values(row | record.identity.__dict__))


def delete(connection: Connection, record: LiveFigureRecord, now: float) -> None:
    """Remove a live figure with its links; its images stay until ``release``, and its sessions remember it."""
    connection.execute(tables.live_figures.delete().where(_F.id == record.id))
    links.remove_for_target(connection, Target(LIVE, record.id))
    events.add(connection, now, record.owner, LIVE_DELETED, _event_data(record))


def emit_restored_event(connection: Connection, record: LiveFigureRecord, now: float) -> None:
    """Add the event of an undone deletion."""
    events.add(connection, now, record.owner, LIVE_RESTORED, _event_data(record))


def release(connection: Connection, now: float) -> None:
    """Drop the images of deleted live figures, except of those that can be restored."""
    query = sa.select(_P.live, _P.key, _P.digest).where(conditions.is_gone(_P.live, LIVE, tables.live_figures, now))
    # Another server that drops them at the same time has locked them.
    for live_id, key, digest in connection.execute(query.with_for_update(skip_locked=True)).all():
        connection.execute(tables.live_images.delete().where(_P.live == live_id, _P.key == key))
        release_blobs(connection, [digest], now)


def find(connection: Connection, live_id: str) -> LiveFigureRecord | None:
    row = connection.execute(sa.select(tables.live_figures).where(_F.id == live_id)).first()
    return _record(row) if row else None


def find_by_identity(connection: Connection, identity: Identity) -> LiveFigureRecord | None:
    row = connection.execute(sa.select(tables.live_figures).where(has_identity(tables.live_figures, identity))).first()
    return _record(row) if row else None


def find_in_session(connection: Connection, session: str, name: str) -> LiveFigureRecord | None:
    """Return the live figure that a session offers, or offered, under this name."""
    query = sa.select(tables.live_figures).join(tables.live_sessions, _S.live == _F.id)
    row = connection.execute(query.where(_S.session == session, _S.name == name)).first()
    return _record(row) if row else None


def find_offered_id(connection: Connection, session: str, name: str) -> str | None:
    """Return the id of what a session offered last under this name, which may be deleted."""
    return connection.execute(sa.select(_S.live).where(_S.session == session, _S.name == name)).scalar()


def list_for_owner(connection: Connection, owner: str, limit: int = 1_000) -> list[LiveFigureRecord]:
    """Return an owner's live figures, latest offer first."""
    query = sa.select(tables.live_figures).where(_F.owner == owner).order_by(_F.updated.desc(), _F.id).limit(limit)
    return [_record(row) for row in connection.execute(query)]


def keep_image(connection: Connection, image: LiveImage, now: float) -> None:
    """Add the newest image of a request, whose blob is stored, and remove all but the newest few of the others.

    One that another server has kept meanwhile may be newer, and stays.
    """
    lock_owner_of(connection, tables.live_figures, image.live)
    same = sa.and_(_P.live == image.live, _P.key == image.key)
    before = connection.execute(sa.select(_P.digest, _P.rendered, _P.is_frozen).where(same)).first()
    frozen = image.is_frozen or (before is not None and before.is_frozen)
    if before is not None and image.rendered < before.rendered <= now:
        connection.execute(tables.live_images.update().where(same).values(is_frozen=frozen))
        return
    if before is None or before.digest != image.digest:
        retain_blob(connection, image.digest, image.size, now)
        if before is not None:
            release_blobs(connection, [before.digest], now)
    connection.execute(tables.live_images.delete().where(same))
    connection.execute(tables.live_images.insert().values(image.__dict__ | {"is_frozen": frozen}))
    _prune(connection, image, now)


def find_image(connection: Connection, live_id: str, key: str) -> LiveImage | None:
    row = connection.execute(sa.select(tables.live_images).where(_P.live == live_id, _P.key == key)).first()
    return LiveImage(**dict(row._mapping)) if row else None


def find_images(connection: Connection, keys: Collection[tuple[str, str]]) -> dict[str, LiveImage]:
    """Return a stored image of each live figure by its id, for ids with the key of a request."""
    query = sa.select(tables.live_images).where(sa.tuple_(_P.live, _P.key).in_(list(keys)))
    return {row.live: LiveImage(**dict(row._mapping)) for row in connection.execute(query)}


def _prune(connection: Connection, image: LiveImage, now: float) -> None:
    candidates = sa.and_(_P.live == image.live, _P.is_frozen.is_(False))
    query = sa.select(_P.key, _P.digest).where(candidates).order_by(_P.rendered.desc(), _P.key).offset(MAX_LIVE_IMAGES)
    for key, digest in connection.execute(query).all():
        connection.execute(tables.live_images.delete().where(_P.live == image.live, _P.key == key))
        release_blobs(connection, [digest], now)


def _record(row: Row[Any]) -> LiveFigureRecord:
    return LiveFigureRecord(
        row.id, read_identity(row), LiveDeclaration.from_json(json.loads(row.declaration)), row.created, row.updated
    )


def _event_data(record: LiveFigureRecord) -> dict[str, object]:
    return {"live": record.id, "session": None, "name": record.name, "notebook": record.identity.notebook or None}
