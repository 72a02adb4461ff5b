"""What was deleted and may still come back: the manifest of each, beside those of the living. Server process.

A deletion removes a figure or a dashboard from the catalog at once, so that its links end and its room is free; only
its manifest waits here, and a figure's blobs with it, until the time in the file's name has come. Nothing here is ever
read by ``reindex``.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from ...errors import InvalidInput
from .filesystem import fsync_directory, make_private_directory

M = TypeVar("M")

_NAME = re.compile(r"([A-Za-z0-9]{1,64})-([0-9]{1,15})-([0-9]{1,15})\.json")


@dataclass(frozen=True)
class TrashEntry:
    """One deletion: of what, when, and until when it can be undone (seconds since the epoch)."""

    id: str
    deleted: int
    expires: int
    path: Path


class Trash(Generic[M]):
    """Files ``<root>/<id>-<deleted>-<expires>.json``; changed only while the catalog's write lock is held.

    Parameters
    ----------
    to_json, from_json
        How a manifest is written, and read again.
    """

    def __init__(
        self, root: Path, to_json: Callable[[M], dict[str, Any]], from_json: Callable[[dict[str, Any]], M]
    ) -> None:
        self.root = root
        self._to_json, self._from_json = to_json, from_json

    def put(self, its_id: str, manifest: M, deleted: float, expires: float) -> None:
        """Keep what is known of something that is about to be deleted; durable when this returns."""
        make_private_directory(self.root)
        path = self.root / f"{its_id}-{math.floor(deleted)}-{math.ceil(expires)}.json"
        # One name is enough and cannot be left in numbers: whoever writes holds the catalog's lock.
        beside = self.root / "writing.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(beside, flags, 0o600), "w", encoding="utf-8") as file:
            json.dump(self._to_json(manifest), file, ensure_ascii=False, separators=(",", ":"))
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        fsync_directory(self.root)

    def list(self) -> Iterator[TrashEntry]:
        """All deletions, in no order."""
        with contextlib.suppress(FileNotFoundError), os.scandir(self.root) as entries:
            for entry in entries:
                if match := _NAME.fullmatch(entry.name):
                    yield TrashEntry(match[1], int(match[2]), int(match[3]), Path(entry.path))

    def find(self, its_id: str, now: float) -> M | None:
        """What was known of it at its latest deletion, None when it cannot come back (any more)."""
        waiting = [one for one in self.list() if one.id == its_id and now < one.expires]
        found = (self.read(one) for one in sorted(waiting, key=lambda one: one.deleted, reverse=True))
        return next((manifest for manifest in found if manifest is not None), None)

    def read(self, one: TrashEntry) -> M | None:
        """None when the file is damaged."""
        try:
            return self._from_json(json.loads(one.path.read_text(encoding="utf-8")))
        except (OSError, ValueError, LookupError, TypeError, RecursionError, InvalidInput):
            return None

    def oldest(self, now: float) -> float | None:
        """When the earliest of the deletions came that can still be undone; None when none can."""
        return min((one.deleted for one in self.list() if now < one.expires), default=None)

    def remove(self, its_id: str) -> None:
        """Forget all deletions of it."""
        for one in list(self.list()):
            if one.id == its_id:
                self.drop(one)

    def drop(self, one: TrashEntry) -> None:
        with contextlib.suppress(FileNotFoundError):
            one.path.unlink()

    def remove_leftover(self) -> None:
        """What a kill left half-written; the caller holds the catalog's write lock."""
        with contextlib.suppress(FileNotFoundError):
            (self.root / "writing.tmp").unlink()
