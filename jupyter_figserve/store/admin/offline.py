"""Commands on a data directory: rebuilding the catalog, garbage collection. Command line."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import Conflict
from ...model.links import FIGURE
from ..catalog import tables
from ..catalog.postgres.catalog import PostgresCatalog
from ..catalog.sqlite import opened
from ..databases import PostgresSettings
from ..files.filesystem import DirectoryLock, fsync_directory, make_private_directory
from ..files.manifest_formats import FigureManifest
from ..files.places import Bucket, opened_files
from ..lifecycle.figures import track_deleted_blobs
from ..lifecycle.garbage_collection import GcReport
from ..lifecycle.trash import Trash
from ..store import Store
from .claims import check_unclaimed, write_claim
from .opening import CATALOG, open_store
from .rebuild import RebuildReport, restore


def reindex(
    directory: Path, progress: Callable[[int], None] = lambda _: None, *, bucket: Bucket | None = None
) -> RebuildReport:
    """Rebuild the catalog from the manifests and copy keys and trash of the old one, which is kept as a backup.

    Parameters
    ----------
    bucket
        Place of the manifests, in place of the directory.

    Raises
    ------
    FigServeError
        When a server or a catalog in PostgreSQL uses the directory, or the bucket does not answer; nothing has changed.
    """
    for part in (directory, *([] if bucket else [directory / "blobs", directory / "figures"])):
        make_private_directory(part)
    check_unclaimed(directory)
    path, rebuilt = directory / CATALOG, directory / "catalog-new.db"
    with DirectoryLock(directory).held(exclusive=True):
        _remove_database(rebuilt)
        with opened(rebuilt) as catalog:
            now = time.time()
            trash = [row for row in _read_rows(path, tables.trash) if row["expires"] > now]
            # A kill during a deletion leaves the manifest, whose links must not open again.
            deleted = frozenset(row["id"] for row in trash)
            with opened_files(directory, bucket) as (blobs, manifests):
                report = catalog.write(lambda c: restore(c, manifests, blobs, progress, deleted)).result()
            for table, rows in ((tables.trash, trash), (tables.keys, _read_rows(path, tables.keys))):
                catalog.write(partial(_insert, table=table, rows=rows)).result()
            catalog.write(lambda c: track_deleted_blobs(c, Trash(FIGURE, FigureManifest), now)).result()
        if path.exists():
            backup = directory / f"catalog-before-reindex-{time.strftime('%Y%m%d-%H%M%S')}.db"
            for suffix in ("", "-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    os.rename(f"{path}{suffix}", f"{backup}{suffix}")
        os.rename(rebuilt, path)
        fsync_directory(directory)
    return report


def fill(
    postgres: PostgresSettings,
    directory: Path,
    progress: Callable[[int], None] = lambda _: None,
    *,
    bucket: Bucket | None = None,
) -> RebuildReport:
    """Rebuild the catalog in an empty database; keys and what could be restored are lost with the old one.

    Raises
    ------
    Conflict
        When a server uses the directory, or the database has figures.
    """
    with DirectoryLock(directory).held(exclusive=True), contextlib.closing(PostgresCatalog(postgres)) as catalog:
        if not catalog.is_empty():
            raise Conflict(f"The database {catalog.label} has figures already: reindex fills an empty one only.")
        with opened_files(directory, bucket) as (blobs, manifests):
            report = catalog.write(lambda c: restore(c, manifests, blobs, progress)).result()
        if bucket is None:
            write_claim(directory, catalog)
        return report


def clean(
    directory: Path,
    progress: Callable[[int], None] = lambda _: None,
    keep_session_plots: float | None = None,
    *,
    bucket: Bucket | None = None,
    catalog_path: Path | None = None,
    postgres: PostgresSettings | None = None,
) -> GcReport:
    """Collect the garbage of a whole directory; servers may be using it. ``progress`` is called with 1 to 256.

    Parameters
    ----------
    keep_session_plots
        How long unshared figures outlive their session, in seconds; None keeps them.
    bucket
        Place of the blobs, in place of the directory.
    catalog_path, postgres
        The catalog, when it is not in the directory.
    """
    store = open_store(
        directory, catalog_path=catalog_path, postgres=postgres, bucket=bucket, keep_session_plots=keep_session_plots
    )
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


def _insert(connection: Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(table.insert(), rows)


def _read_rows(path: Path, table: sa.Table) -> list[dict[str, Any]]:
    """Return the rows of a table of a catalog that may be missing or damaged; as many as can be read."""
    names, found = [column.name for column in table.columns], []
    if path.exists():
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as old:
            for row in old.execute(f"select {', '.join(names)} from {table.name}"):  # noqa: S608 - names of ours
                found.append(dict(zip(names, row, strict=True)))
    return found


def _remove_database(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{path}{suffix}")
