"""Commands on a data directory: rebuilding the catalog, garbage collection. Command-line process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import Conflict
from ...model.links import FIGURE
from ..catalog import tables
from ..catalog.database import Catalog
from ..catalog.postgres.catalog import PostgresCatalog
from ..catalog.sqlite import opened
from ..databases import PostgresSettings
from ..files.blobs import BlobStore
from ..files.filesystem import DirectoryLock, fsync_directory, make_private_directory
from ..files.manifest_formats import FigureManifest, Manifests
from ..files.places import Bucket, opened_files
from ..files.remote_blobs import RemoteBlobStore
from ..lifecycle.figures import track_deleted_blobs
from ..lifecycle.garbage_collection import GcReport
from ..lifecycle.trash import Trash
from .claims import belongs_to, check_unclaimed, is_claimed, take_bucket, write_claim
from .opening import CATALOG, open_store
from .rebuild import RebuildReport, restore

_COPIED = (tables.trash, tables.keys, tables.owners)
"""Tables whose rows are in no manifest: they are copied from the old catalog, as far as it can be read."""


def reindex(
    directory: Path,
    progress: Callable[[int], None] = lambda _: None,
    *,
    bucket: Bucket | None = None,
    take_over: bool = False,
) -> RebuildReport:
    """Rebuild the catalog from the manifests and copy keys, quotas and trash of the old one, which is kept as a backup.

    Parameters
    ----------
    bucket
        Place of the manifests, in place of the directory.
    take_over
        Whether to use a bucket that belongs to another catalog, which is lost.

    Raises
    ------
    FigServeError
        When a server or a catalog in PostgreSQL uses the directory, or the bucket does not answer or belongs to another
        catalog; nothing has changed.
    """
    for part in (directory, *([] if bucket else [directory / "blobs", directory / "figures"])):
        make_private_directory(part)
    check_unclaimed(directory)
    path, rebuilt = directory / CATALOG, directory / "catalog-new.db"
    with DirectoryLock(directory).held(exclusive=True):
        _remove_database(rebuilt)
        with opened(rebuilt) as catalog, opened_files(directory, bucket) as (blobs, manifests):
            if (known := _read_id(path)) is not None:
                # It is the same catalog: the images stay its own.
                catalog.write(partial(_insert, table=tables.meta, rows=[{"key": "id", "value": known}])).result()
            if isinstance(blobs, RemoteBlobStore):
                take_bucket(blobs, catalog, known, by_force=take_over)
            report = _rebuild(catalog, path, manifests, blobs, progress)
        _install(rebuilt, path)
    return report


def fill(
    postgres: PostgresSettings,
    directory: Path,
    progress: Callable[[int], None] = lambda _: None,
    *,
    bucket: Bucket | None = None,
    take_over: bool = False,
) -> RebuildReport:
    """Rebuild the catalog in an empty database.

    Keys, quotas and trash come from SQLite's catalog where that was the one of the images until now; those of a lost
    database are lost with it.

    Raises
    ------
    Conflict
        When a server uses the directory, the database has figures, or the bucket belongs to another catalog.
    """
    with (
        DirectoryLock(directory).held(exclusive=True),
        contextlib.closing(PostgresCatalog.opened(postgres)) as catalog,
        opened_files(directory, bucket) as (blobs, manifests),
    ):
        if not catalog.is_empty():
            raise Conflict(f"The database {catalog.label} has figures already: reindex fills an empty one only.")
        path, old = directory / CATALOG, _read_id(directory / CATALOG)
        if isinstance(blobs, RemoteBlobStore):
            is_of_sqlite = belongs_to(blobs, old)
            take_bucket(blobs, catalog, old, by_force=take_over)
        else:
            is_of_sqlite = not is_claimed(directory)
        report = _rebuild(catalog, path if is_of_sqlite else None, manifests, blobs, progress)
        if bucket is None:
            write_claim(directory, catalog)
        return report


def _rebuild(
    catalog: Catalog, old: Path | None, manifests: Manifests, blobs: BlobStore, progress: Callable[[int], None]
) -> RebuildReport:
    """Fill an empty catalog from the manifests, and from SQLite's old one."""
    now, rows = time.time(), {table.name: _read_rows(old, table) for table in _COPIED}
    rows["trash"] = [row for row in rows["trash"] if row["expires"] > now]
    # A kill during a deletion leaves the manifest, whose links must not open again.
    deleted = frozenset(row["id"] for row in rows["trash"])
    report = catalog.write(lambda c: restore(c, manifests, blobs, progress, deleted)).result()
    for table in _COPIED:
        catalog.write(partial(_insert, table=table, rows=rows[table.name])).result()
    catalog.write(lambda c: track_deleted_blobs(c, Trash(FIGURE, FigureManifest), now)).result()
    return replace(report, keys=len(rows["keys"]))


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
        return asyncio.run(store.collect_all_garbage(progress))
    finally:
        store.close()


def _install(rebuilt: Path, path: Path) -> None:
    """Replace the catalog by a new one, and keep the old one next to it."""
    if path.exists():
        backup = path.with_name(f"catalog-before-reindex-{time.strftime('%Y%m%d-%H%M%S')}.db")
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{path}{suffix}", f"{backup}{suffix}")
    os.rename(rebuilt, path)
    fsync_directory(path.parent)


def _insert(connection: Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(table.insert(), rows)


def _read_id(path: Path) -> str | None:
    """Return the id of SQLite's catalog, None where it has none or cannot be read."""
    return next((row["value"] for row in _read_rows(path, tables.meta) if row["key"] == "id"), None)


def _read_rows(path: Path | None, table: sa.Table) -> list[dict[str, Any]]:
    """Return the rows of a table of a catalog that may be missing or damaged; as many as can be read."""
    names, found = [column.name for column in table.columns], []
    if path is not None and path.exists():
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as old:
            for row in old.execute(f"select {', '.join(names)} from {table.name}"):  # noqa: S608 - names of ours
                found.append(dict(zip(names, row, strict=True)))
    return found


def _remove_database(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{path}{suffix}")
