"""Live figures in the catalog: their lasting identity, their last pictures, the links onto them. Server process."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import Connection, Row

from ...model.figures import EncodedImage, Identity, new_id, sha256_hex
from ...model.live import LiveDeclaration, LiveFigureRecord
from ...model.live_images import KEPT_PICTURES, LivePicture
from ..files.blobs import BlobStore
from . import tables
from .identities import has_identity, read_identity
from .publishing import release_blobs, retain_blob

_F, _P, _S = tables.live_figures.c, tables.live_pictures.c, tables.live_sessions.c


def offer(
    connection: Connection, identity: Identity, session: str, declaration: LiveDeclaration, now: float
) -> LiveFigureRecord:
    """Enter what a kernel offers, or that it offers it anew."""
    text = json.dumps(declaration.as_json(), ensure_ascii=False)
    known = _find_by_identity(connection, identity)
    record = LiveFigureRecord(new_id(), identity, declaration, now, now) if known is None else replace(
        known, declaration=declaration, updated=now
    )  # fmt: skip
    if known is None:
        connection.execute(
            tables.live_figures.insert().values(
                id=record.id, created=now, updated=now, declaration=text, **identity.__dict__
            )
        )
    else:
        connection.execute(tables.live_figures.update().where(_F.id == record.id).values(updated=now, declaration=text))
    session_row = insert(tables.live_sessions).values(session=session, name=declaration.name, live=record.id)
    connection.execute(session_row.on_conflict_do_update(index_elements=["session", "name"], set_={"live": record.id}))
    return record


def restore(connection: Connection, record: LiveFigureRecord) -> None:
    """Enter a live figure as a manifest tells it."""
    text = json.dumps(record.declaration.as_json(), ensure_ascii=False)
    row = {"id": record.id, "created": record.created, "updated": record.updated, "declaration": text}
    connection.execute(tables.live_figures.insert().values(row | record.identity.__dict__))


def find(connection: Connection, live_id: str) -> LiveFigureRecord | None:
    row = connection.execute(sa.select(tables.live_figures).where(_F.id == live_id)).first()
    return _record(row) if row else None


def find_of_session(connection: Connection, session: str, name: str) -> LiveFigureRecord | None:
    """What a session offers, or offered, under a name."""
    query = sa.select(tables.live_figures).join(tables.live_sessions, _S.live == _F.id)
    row = connection.execute(query.where(_S.session == session, _S.name == name)).first()
    return _record(row) if row else None


def list_of_owner(connection: Connection, owner: str, limit: int = 1_000) -> list[LiveFigureRecord]:
    """Those that were offered last, first."""
    query = sa.select(tables.live_figures).where(_F.owner == owner).order_by(_F.updated.desc(), _F.id).limit(limit)
    return [_record(row) for row in connection.execute(query)]


def keep_picture(connection: Connection, blobs: BlobStore, picture: LivePicture, payload: EncodedImage) -> None:
    """Keep the newest picture of a request, and of the others the newest few.

    The blob is written inside the transaction, so that no cleaning can take it in between.
    """
    assert picture.digest == sha256_hex(payload.data)
    same = sa.and_(_P.live == picture.live, _P.key == picture.key)
    before = connection.execute(sa.select(_P.digest, _P.is_frozen).where(same)).first()
    if before is None or before.digest != picture.digest:
        blobs.put(picture.digest, payload.data)
        retain_blob(connection, picture.digest, picture.size, picture.drawn)
        if before is not None:
            release_blobs(connection, [before.digest], picture.drawn)
    connection.execute(tables.live_pictures.delete().where(same))
    frozen = picture.is_frozen or (before is not None and before.is_frozen)
    connection.execute(tables.live_pictures.insert().values(picture.__dict__ | {"is_frozen": frozen}))
    _prune(connection, picture)


def find_picture(connection: Connection, live_id: str, key: str) -> LivePicture | None:
    row = connection.execute(sa.select(tables.live_pictures).where(_P.live == live_id, _P.key == key)).first()
    return LivePicture(**dict(row._mapping)) if row else None


def _prune(connection: Connection, picture: LivePicture) -> None:
    mine = sa.and_(_P.live == picture.live, _P.is_frozen.is_(False))
    query = sa.select(_P.key, _P.digest).where(mine).order_by(_P.drawn.desc(), _P.key).offset(KEPT_PICTURES)
    for key, digest in connection.execute(query).all():
        connection.execute(tables.live_pictures.delete().where(_P.live == picture.live, _P.key == key))
        release_blobs(connection, [digest], picture.drawn)


def _find_by_identity(connection: Connection, identity: Identity) -> LiveFigureRecord | None:
    row = connection.execute(sa.select(tables.live_figures).where(has_identity(tables.live_figures, identity))).first()
    return _record(row) if row else None


def _record(row: Row[Any]) -> LiveFigureRecord:
    return LiveFigureRecord(
        row.id, read_identity(row), LiveDeclaration.from_json(json.loads(row.declaration)), row.created, row.updated
    )
