"""Trash: manifests of deleted records, from which a deletion can be undone for a time. Server process.

A deletion removes a record from the catalog at once, which disables its links and frees its quota. Its manifest moves
to a table, so that every server of the catalog can restore it, and its blobs stay until its time is up.
"""

from __future__ import annotations

import builtins
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from ...model.figures import DIGEST, Identity
from ..catalog import tables
from ..files.manifests import Manifest, parse_manifest

M = TypeVar("M", bound=Manifest)
_T = tables.trash.c
_BATCH = 500


@dataclass(frozen=True)
class TrashEntry(Generic[M]):
    """A deletion.

    Parameters
    ----------
    id, owner
        Of the deleted record.
    deleted, expires
        When it was deleted, and until when that can be undone, in seconds since the epoch.
    manifest
        None when it is damaged.
    """

    id: str
    owner: str
    deleted: float
    expires: float
    manifest: M | None


class Trash(Generic[M]):
    """The deletions of one kind of records.

    Parameters
    ----------
    kind
        In the table.
    manifest_class
        Class of the manifests.
    """

    def __init__(self, kind: str, manifest_class: type[M]) -> None:
        self._kind = kind
        self._manifest_class = manifest_class

    def put(self, connection: Connection, manifest: M, deleted: float, expires: float) -> None:
        """Add a record that is deleted in the same transaction."""
        record = manifest.record
        self.remove(connection, [record.id])
        text = json.dumps(manifest.as_json(), ensure_ascii=False, separators=(",", ":"))
        values = {"kind": self._kind, "id": record.id, "owner": record.identity.owner, "manifest": text}
        connection.execute(tables.trash.insert().values(deleted=deleted, expires=expires, **values))

    def find(self, connection: Connection, record_id: str, now: float) -> M | None:
        """Return the manifest of a deleted record, None when it cannot be restored."""
        row = connection.execute(self._select(now).where(_T.id == record_id)).first()
        return self._entry(row).manifest if row else None

    def find_by_identity(self, connection: Connection, identity: Identity, now: float) -> builtins.list[M]:
        """Return the manifests of deleted records of one identity, the newest deletion first."""
        found = self.list(connection, now, identity.owner)
        return [one.manifest for one in found if one.manifest and one.manifest.record.identity == identity]

    def list(
        self, connection: Connection, now: float, owner: str | None = None, limit: int | None = None
    ) -> builtins.list[TrashEntry[M]]:
        """Return the deletions that can be undone, the newest first; ``owner`` None for those of everybody."""
        query = self._select(now).order_by(_T.deleted.desc(), _T.id).limit(limit)
        if owner is not None:
            query = query.where(_T.owner == owner)
        return [self._entry(row) for row in connection.execute(query)]

    def list_expired(self, connection: Connection, now: float) -> builtins.list[str]:
        """Return the ids of one batch of records that cannot be restored any more."""
        query = sa.select(_T.id).where(_T.kind == self._kind, _T.expires <= now).limit(_BATCH)
        return builtins.list(connection.execute(query).scalars())

    def count(self, connection: Connection, now: float) -> int:
        """Return the number of deletions that can be undone."""
        query = sa.select(sa.func.count()).select_from(tables.trash).where(_T.kind == self._kind, _T.expires > now)
        return int(connection.execute(query).scalar_one())

    def find_digests(self, connection: Connection, now: float) -> set[str]:
        """Return the digests of all blobs that belong to deletions that can be undone."""
        query = sa.select(_T.manifest).where(_T.kind == self._kind, _T.expires > now)
        return {digest for text in connection.execute(query).scalars() for digest in DIGEST.findall(text)}

    def find_oldest(self, connection: Connection, now: float) -> float | None:
        """Return the time of the earliest deletion that can be undone, None when there is none."""
        query = sa.select(sa.func.min(_T.deleted)).where(_T.kind == self._kind, _T.expires > now)
        return connection.execute(query).scalar()

    def remove(self, connection: Connection, record_ids: Collection[str]) -> None:
        connection.execute(tables.trash.delete().where(_T.kind == self._kind, _T.id.in_(record_ids)))

    def _select(self, now: float) -> sa.Select[tuple[str, ...]]:
        return sa.select(tables.trash).where(_T.kind == self._kind, _T.expires > now)

    def _entry(self, row: Row[tuple[str, ...]]) -> TrashEntry[M]:
        values = row._mapping
        manifest = parse_manifest(values["manifest"], self._manifest_class, values["id"])
        return TrashEntry(values["id"], values["owner"], values["deleted"], values["expires"], manifest)
