"""Work on a data directory while no server uses it, for the command line: reindex and clean."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..catalog import tables
from ..catalog.database import opened
from ..files.blobs import LocalBlobStore
from ..files.filesystem import DirectoryLock, fsync_directory, make_private_directory
from ..files.manifests import Manifests
from . import deletion
from .boards import Boards
from .garbage_collection import GcReport
from .opening import CATALOG, open_store
from .rebuild import RebuildReport, restore


def reindex(directory: Path, progress: Callable[[int], None] = lambda _: None) -> RebuildReport:
    """Build the catalog anew from the manifests; the old one is kept beside it, and its keys carried over if legible.

    Raises
    ------
    Conflict
        While a server uses the directory.
    """
    for part in (directory, directory / "blobs", directory / "figures"):
        make_private_directory(part)
    path, fresh = directory / CATALOG, directory / "catalog-new.db"
    with DirectoryLock(directory).held(exclusive=True):
        _remove_database(fresh)
        with opened(fresh) as catalog:
            done = catalog.write(
                lambda c: restore(c, Manifests(directory / "figures"), LocalBlobStore(directory / "blobs"), progress)
            ).result()
            entered, unreadable = catalog.write(Boards(directory).restore).result()
            done = replace(done, dashboards=entered, unreadable=(*done.unreadable, *unreadable))
            trash = deletion.open_trash(directory)
            catalog.write(lambda c: deletion.hold_blobs(c, trash, time.time())).result()
            keys = _read_keys(path)
            if keys:
                catalog.write(lambda c: c.execute(tables.keys.insert(), keys)).result()
        if path.exists():
            aside = directory / f"catalog-before-reindex-{time.strftime('%Y%m%d-%H%M%S')}.db"
            for suffix in ("", "-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    os.rename(f"{path}{suffix}", f"{aside}{suffix}")
        os.rename(fresh, path)
        fsync_directory(directory)
    return done


def clean(directory: Path, progress: Callable[[int], None] = lambda _: None) -> GcReport:
    """Clean the whole of a directory; servers may be running on it. ``progress`` hears 1 to 256."""
    store = open_store(directory, keep_session_plots=None)
    total = GcReport()
    try:
        for shard in range(256):
            total += store.clean().result()
            progress(shard + 1)
        return total
    finally:
        store.close()


def _read_keys(path: Path) -> list[dict[str, object]]:
    if not path.exists():
        return []
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as old:
        names = [column.name for column in tables.keys.columns]
        rows = old.execute(
            "select id, secret_hash, owner, scopes, created, expires, label, kernel, last_used from keys"
        )
        return [dict(zip(names, row, strict=True)) for row in rows]
    return []


def _remove_database(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{path}{suffix}")
