"""Deletion of figures and dashboards, and its undo. Server process, writer's thread."""

from __future__ import annotations

from typing import Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import Conflict, NotFound
from ..catalog.database import Catalog
from ..files.manifests import Manifest
from ..files.trash import Trash
from .aggregate import DeletableAggregate

M = TypeVar("M", bound=Manifest)
_BATCH = 200


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

    def delete(self, connection: Connection, record_id: str, now: float) -> bool:
        """Remove a record with its links; return False when it is gone already."""
        # Not the manifest on disk: views are counted in the catalog alone, and a restored link must keep its count.
        manifest = self._aggregate.describe(connection, record_id)
        if manifest is None:
            return False
        if self._keep is not None:
            self.trash.put(manifest, now, now + self._keep)
        self._aggregate.remove(connection, manifest, now)
        self._release(connection, now)
        self._aggregate.manifests.delete(record_id)
        return True

    def undo(self, catalog: Catalog, record_id: str, now: float) -> M:
        """Restore a deleted record with its links; one that exists is left alone. Called from the writer's thread.

        Raises
        ------
        NotFound
            When there is nothing to undo, or it is too late.
        Conflict
            When another record has its name.
        QuotaExceeded
            When there is no room for it.
        """
        manifest = catalog.transact(self._undo, record_id, now)
        # Only after the commit: a kill in between leaves an entry that ``clean`` removes.
        catalog.transact(lambda _: self.trash.remove(record_id))
        return manifest

    def clean(self, connection: Connection, now: float) -> None:
        """Discard expired deletions, and repair a deletion or undo that a kill interrupted.

        A kill can leave a record that exists and is in the trash, with or without its manifest, or the manifest of a
        deleted record.
        """
        aggregate, column = self._aggregate, self._aggregate.table.c.id
        entries = list(self.trash.list())
        for start in range(0, len(entries), _BATCH):
            batch = entries[start : start + _BATCH]
            query = sa.select(column).where(column.in_([entry.id for entry in batch]))
            existing = set(connection.execute(query).scalars())
            for entry in batch:
                if entry.id in existing and not aggregate.manifests.has(entry.id):
                    aggregate.write_manifest(connection, entry.id)
                elif entry.id in existing:
                    self.trash.discard(entry)
                elif entry.expires <= now:
                    aggregate.manifests.delete(entry.id)
                    self.trash.discard(entry)
        self._release(connection, now)

    def _undo(self, connection: Connection, record_id: str, now: float) -> M:
        existing = self._aggregate.describe(connection, record_id)
        if existing is not None:
            return existing
        manifest, noun = self.trash.find(record_id, now), self._aggregate.noun
        if manifest is None:
            raise NotFound(f"There is no deleted {noun} with this id to restore.")
        identity = manifest.record.identity
        if self._aggregate.find_by_identity(connection, identity) is not None:
            raise Conflict(f"There is a new {noun} named {identity.name!r}; delete that one first, then undo.")
        self._aggregate.restore(connection, manifest, now)
        restored = self._aggregate.write_manifest(connection, record_id)
        assert restored is not None
        return restored

    def _release(self, connection: Connection, now: float) -> None:
        self._aggregate.release(connection, (entry.id for entry in self.trash.list() if now < entry.expires))
