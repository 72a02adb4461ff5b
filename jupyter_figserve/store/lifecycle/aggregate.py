"""Records of one kind, in the catalog and as manifests. Server process, writer's thread."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from typing import ClassVar, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...model.figures import Identity
from ..catalog import manifest_queue
from ..catalog.dialects import lock_files
from ..files.manifests import Manifest, ManifestStore, Record

M = TypeVar("M", bound=Manifest)

MAX_UNWRITTEN = 500
"""Number of newest records that ``catch_up`` examines, more than one server defers at a time."""


class Aggregate(ABC, Generic[M]):
    """Writes the manifests of figures, live figures or dashboards from the catalog.

    All methods run in a write transaction, which excludes other writers of the files.
    """

    table: ClassVar[sa.Table]
    kind: ClassVar[str]

    def __init__(self, manifests: ManifestStore[M]) -> None:
        self.manifests = manifests

    @property
    def is_queued(self) -> bool:
        """Whether manifests are written after their changes, by ``ManifestWriter``."""
        return self.manifests.files.is_remote

    @abstractmethod
    def describe(self, connection: Connection, record_id: str) -> M | None:
        """Return the manifest of a record as the catalog has it, None when there is no such record."""

    def list_recent(self, connection: Connection) -> Iterable[Record]:
        """Return the records whose manifests a killed server may have left unwritten."""
        return ()

    def write_manifest(self, connection: Connection, record_id: str) -> None:
        """Bring a record's manifest up to date, at once or soon after the transaction."""
        if self.is_queued:
            manifest_queue.add(connection, self.kind, record_id)
            return
        lock_files(connection)
        manifest = self.describe(connection, record_id)
        if manifest is not None:
            self.manifests.write(manifest)

    def delete_manifest(self, connection: Connection, record_id: str) -> None:
        """Remove the manifest of a record that does not exist any more, at once or soon after the transaction."""
        if self.is_queued:
            manifest_queue.add(connection, self.kind, record_id)
        else:
            self.manifests.delete(record_id)

    def catch_up(self, connection: Connection) -> int:
        """Write the manifests that a killed server left unwritten, and return how many there were."""
        if self.is_queued:
            return 0
        behind = [record.id for record in self.list_recent(connection) if self.manifests.is_behind(record)]
        for record_id in behind:
            self.write_manifest(connection, record_id)
        return len(behind)


class DeletableAggregate(Aggregate[M]):
    """Figures, live figures or dashboards, whose deletion can be undone.

    Attributes
    ----------
    noun
        Name of one of them in messages.
    """

    noun: ClassVar[str]

    @abstractmethod
    def find_by_identity(self, connection: Connection, identity: Identity) -> Record | None:
        """Return the record of this identity, None when there is none."""

    @abstractmethod
    def remove(self, connection: Connection, manifest: M, now: float) -> None:
        """Remove a record with its links from the catalog."""

    @abstractmethod
    def restore(self, connection: Connection, manifest: M, now: float, missing: Collection[str]) -> None:
        """Add a deleted record with its links to the catalog again.

        Parameters
        ----------
        missing
            Digests of its blobs that are gone.

        Raises
        ------
        NotFound
            When its blobs are gone.
        QuotaExceeded
            When there is no room for it.
        """

    def release(self, connection: Connection, now: float) -> None:
        """Release what deleted records retain, except those that can be restored."""
