"""Trash: manifests of deleted figures and dashboards, from which a deletion can be undone for a time. Server process.

A deletion removes a record from the catalog at once, which disables its links and frees its quota. Its manifest stays
here, and the blobs of a figure stay with it, until the time in the file's name. ``reindex`` reads nothing here.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from .filesystem import make_private_directory
from .manifests import Manifest, read_manifest, remove_leftover, write_manifest

M = TypeVar("M", bound=Manifest)

_NAME = re.compile(r"([A-Za-z0-9]{1,64})-([0-9]{1,15})-([0-9]{1,15})\.json")


@dataclass(frozen=True)
class TrashEntry:
    """A deletion in the trash.

    Parameters
    ----------
    id
        Id of the deleted record.
    deleted, expires
        When it was deleted, and until when that can be undone, in seconds since the epoch.
    """

    id: str
    deleted: int
    expires: int
    path: Path


class Trash(Generic[M]):
    """Files ``<root>/<id>-<deleted>-<expires>.json``; changed only while the catalog's write lock is held.

    Parameters
    ----------
    kind
        Class of the manifests.
    """

    def __init__(self, root: Path, kind: type[M]) -> None:
        self.root = root
        self._kind = kind

    def put(self, manifest: M, deleted: float, expires: float) -> None:
        """Add the manifest of a record that is about to be deleted; it is on the disk when this returns."""
        make_private_directory(self.root)
        name = f"{manifest.record.id}-{math.floor(deleted)}-{math.ceil(expires)}.json"
        write_manifest(self.root / name, manifest, self.root)

    def list(self) -> Iterator[TrashEntry]:
        """Yield all deletions, in no order."""
        with contextlib.suppress(FileNotFoundError), os.scandir(self.root) as entries:
            for entry in entries:
                if match := _NAME.fullmatch(entry.name):
                    yield TrashEntry(match[1], int(match[2]), int(match[3]), Path(entry.path))

    def find(self, record_id: str, now: float) -> M | None:
        """Return the manifest of a record's latest deletion, None when there is none that can be undone."""
        entries = [entry for entry in self.list() if entry.id == record_id and now < entry.expires]
        manifests = (self.read(entry) for entry in sorted(entries, key=lambda entry: entry.deleted, reverse=True))
        return next((manifest for manifest in manifests if manifest is not None), None)

    def read(self, entry: TrashEntry) -> M | None:
        """Return the manifest of an entry, None when its file is damaged."""
        return read_manifest(entry.path, self._kind)

    def find_oldest(self, now: float) -> float | None:
        """Return the time of the earliest deletion that can be undone, None when there is none."""
        return min((entry.deleted for entry in self.list() if now < entry.expires), default=None)

    def remove(self, record_id: str) -> None:
        """Remove all entries of a record."""
        for entry in list(self.list()):
            if entry.id == record_id:
                self.discard(entry)

    def discard(self, entry: TrashEntry) -> None:
        """Remove one entry; a missing one is no error."""
        with contextlib.suppress(FileNotFoundError):
            entry.path.unlink()

    def remove_leftover(self) -> None:
        """Remove a file that a killed process was writing; the caller holds the catalog's write lock."""
        remove_leftover(self.root)
