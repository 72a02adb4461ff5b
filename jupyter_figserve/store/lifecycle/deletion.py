"""Deletion of figures, live figures and dashboards, and its undo. Server process, writer's thread."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import Conflict, NotFound
from ...model.links import Target
from ..catalog import links
from ..catalog.database import Catalog
from ..catalog.dialects import lock_files, lock_owner_of, lock_owners
from ..files.manifests import Manifest
from .aggregate import DeletableAggregate
from .trash import Trash

M = TypeVar("M", bound=Manifest)


class Deletion(Generic[M]):
    """Deletes records of one kind so that they can be restored for a time.

    Parameters
    ----------
    keep
        Seconds for which a deletion can be undone; None disables undo.
    """

    def __init__(self, aggregate: DeletableAggregate[M], trash: Trash[M], keep: float | None) -> None:
        self.trash = trash
        self._aggregate = aggregate
        self._keep = keep

    def delete(self, catalog: Catalog, record_ids: Sequence[str], now: float) -> int:
        """Remove records with their links; return how many there were. Called from the writer's thread."""
        deleted = catalog.transact(self._delete, record_ids, now)
        # Only after the commit: a kill in between leaves manifests that ``clean`` and ``reindex`` remove.
        catalog.transact(self._delete_manifests, deleted)
        return len(deleted)

    def undo(self, catalog: Catalog, record_id: str, now: float, missing: Collection[str] = ()) -> M:
        """Restore a deleted record with its links; one that exists is left alone. Called from the writer's thread.

        Parameters
        ----------
        missing
            Digests of its blobs that are gone.

        Raises
        ------
        NotFound
            When there is nothing to undo, or it is too late.
        Conflict
            When another record has its name.
        QuotaExceeded
            When there is no room for it.
        """
        return catalog.transact(self._undo, record_id, now, missing)

    def clean(self, connection: Connection, now: float) -> bool:
        """Remove one batch of expired deletions, and manifests that a kill left behind them; say whether any were."""
        expired = self.trash.list_expired(connection, now)
        self._delete_manifests(connection, expired)
        self.trash.remove(connection, expired)
        self._aggregate.release(connection, now)
        return bool(expired)

    def _delete(self, connection: Connection, record_ids: Sequence[str], now: float) -> list[str]:
        deleted = []
        for record_id in record_ids:
            lock_owner_of(connection, self._aggregate.table, record_id)
            links.lock_for_target(connection, Target(self._aggregate.kind, record_id))
            # Not the manifest on disk: views are counted in the catalog alone, and a restored link must keep its count.
            manifest = self._aggregate.describe(connection, record_id)
            if manifest is None:
                continue
            # Without undo the entry has expired already, and only tells ``clean`` about the manifest.
            self.trash.put(connection, manifest, now, now + (self._keep or 0.0))
            self._aggregate.remove(connection, manifest, now)
            deleted.append(record_id)
        self._aggregate.release(connection, now)
        return deleted

    def _delete_manifests(self, connection: Connection, record_ids: Sequence[str]) -> None:
        """Delete the manifests of records that no server has restored; the caller holds the write lock."""
        lock_files(connection)
        column = self._aggregate.table.c.id
        existing = set(connection.execute(sa.select(column).where(column.in_(record_ids))).scalars())
        for record_id in record_ids:
            if record_id not in existing:
                self._aggregate.delete_manifest(connection, record_id)

    def _undo(self, connection: Connection, record_id: str, now: float, missing: Collection[str]) -> M:
        manifest, noun = self._lock_deleted(connection, record_id, now), self._aggregate.noun
        existing = self._aggregate.describe(connection, record_id)
        if existing is not None:
            return existing
        if manifest is None:
            raise NotFound(f"There is no deleted {noun} with this id to restore.")
        identity = manifest.record.identity
        if self._aggregate.find_by_identity(connection, identity) is not None:
            raise Conflict(f"There is a new {noun} named {identity.name!r}; delete that one first, then undo.")
        self._aggregate.restore(connection, manifest, now, missing)
        self.trash.remove(connection, [record_id])
        self._aggregate.write_manifest(connection, record_id)
        restored = self._aggregate.describe(connection, record_id)
        assert restored is not None
        return restored

    def _lock_deleted(self, connection: Connection, record_id: str, now: float) -> M | None:
        """Exclude other changes of what the owner of a deleted record has; return its manifest as it is then."""
        owner = None
        while (manifest := self.trash.find(connection, record_id, now)) is not None:
            if owner == (owner := manifest.record.identity.owner):
                break
            # It may have been restored, or moved to another owner, meanwhile.
            lock_owners(connection, owner)
        return manifest
