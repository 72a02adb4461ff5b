"""Commands on a data directory: rebuilding the catalog, garbage collection. Command line."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from ..catalog import tables
from ..catalog.database import opened
from ..files.blobs import LocalBlobStore
from ..files.filesystem import DirectoryLock, fsync_directory, make_private_directory
from ..files.manifest_formats import FigureManifest, Manifests
from ..files.trash import Trash
from ..lifecycle.figures import track_deleted_blobs
from ..lifecycle.garbage_collection import GcReport
from ..store import Store
from .opening import CATALOG, open_store
from .rebuild import RebuildReport, restore


def reindex(directory: Path, progress: Callable[[int], None] = lambda _: None) -> RebuildReport:
    """Rebuild the catalog from the manifests and copy the keys of the old one, which is kept under another name.

    Raises
    ------
    Conflict
        When a server uses the directory.
    """
    for part in (directory, directory / "blobs", directory / "figures"):
        make_private_directory(part)
    path, rebuilt = directory / CATALOG, directory / "catalog-new.db"
    with DirectoryLock(directory).held(exclusive=True):
        _remove_database(rebuilt)
        with opened(rebuilt) as catalog:
            blobs = LocalBlobStore(directory / "blobs")
            report = catalog.write(lambda c: restore(c, Manifests.below(directory), blobs, progress)).result()
            trash = Trash(directory / "trash", FigureManifest)
            catalog.write(lambda c: track_deleted_blobs(c, trash, time.time())).result()
            keys = _read_keys(path)
            if keys:
                catalog.write(lambda c: c.execute(tables.keys.insert(), keys)).result()
        if path.exists():
            backup = directory / f"catalog-before-reindex-{time.strftime('%Y%m%d-%H%M%S')}.db"
            for suffix in ("", "-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    os.rename(f"{path}{suffix}", f"{backup}{suffix}")
        os.rename(rebuilt, path)
        fsync_directory(directory)
    return report


def clean(
    directory: Path, progress: Callable[[int], None] = lambda _: None, keep_session_plots: float | None = None
) -> GcReport:
    """Collect the garbage of a whole directory; servers may be using it. ``progress`` is called with 1 to 256.

    Parameters
    ----------
    keep_session_plots
        How long unshared figures outlive their session, in seconds; None keeps them.
    """
    store = open_store(directory, keep_session_plots=keep_session_plots)
    try:
        return asyncio.run(_collect_all(store, progress))
    finally:
        store.close()


async def _collect_all(store: Store, progress: Callable[[int], None]) -> GcReport:
    total = GcReport()
    for shard in range(256):
        total += await store.collect_garbage()
        progress(shard + 1)
    return total


def _read_keys(path: Path) -> list[dict[str, object]]:
    if not path.exists():
        return []
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as old:
        names = [column.name for column in tables.keys.columns]
        rows = old.execute(
            "select id, secret_hash, owner, scopes, created, expires, label, kernel, last_used, maker from keys"
        )
        return [dict(zip(names, row, strict=True)) for row in rows]
    return []


def _remove_database(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{path}{suffix}")
