"""Copies a data directory to PostgreSQL and to a bucket; can be killed and run again. Command-line process."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection

from ...errors import Conflict, FigServeError, NotFound
from ...model.figures import sha256_hex
from ...model.quotas import PublishLimits
from ..catalog import tables
from ..catalog.database import Catalog
from ..catalog.postgres.catalog import PostgresCatalog
from ..catalog.sqlite import SqliteCatalog
from ..databases import PostgresSettings
from ..files.blobs import BlobStore, LocalBlobStore
from ..files.filesystem import DirectoryLock
from ..files.manifest_formats import Manifests
from ..files.places import Bucket, opened_files
from ..files.remote_blobs import RemoteBlobStore
from ..lifecycle.aggregate import Aggregate
from ..lifecycle.dashboards import DashboardAggregate
from ..lifecycle.figures import FigureAggregate
from ..lifecycle.live_figures import LiveFigureAggregate
from .claims import claim_bucket
from .opening import CATALOG
from .rebuild import count_rows

ROWS, BLOBS, MANIFESTS, CHECK = "rows", "images and sources", "manifests", "check"
Progress = Callable[[str, int, int], None]
"""Called with what is copied, how many are done, and how many there are."""
_NOT_COPIED = {"meta", "manifest_queue", "kernel_lines"}
_BATCH = 500
_AT_ONCE = 8
_MARKER = "migrated_from"
_DONE = " done"


@dataclass
class MigrationReport:
    """What the target has, and what it could not get.

    Parameters
    ----------
    rows
        Number of rows by table.
    damaged
        Digests of blobs that are not what their digest says; they are not copied.
    missing
        Digests to which the catalog refers, and which the directory does not have.
    """

    rows: dict[str, int] = field(default_factory=dict)
    blobs: int = 0
    manifests: int = 0
    damaged: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def migrate(
    directory: Path,
    postgres: PostgresSettings | None,
    bucket: Bucket | None,
    progress: Progress = lambda *_: None,
) -> MigrationReport:
    """Copy the catalog to a database and the files to a bucket, where they are given, and compare both sides.

    The directory stays as it is. What a killed migration has copied is not copied again.

    Raises
    ------
    NotFound
        When the directory has no catalog.
    Conflict
        When a server uses the directory, or the target has other figures.
    FigServeError
        When the target differs at the end.
    """
    path, report = directory / CATALOG, MigrationReport()
    if not path.exists():
        raise NotFound(f"{directory} has no catalog to migrate. Name the directory of the figures with --data-dir.")
    with (
        DirectoryLock(directory).held(exclusive=True),
        contextlib.closing(SqliteCatalog(path)) as source,
        contextlib.ExitStack() as stack,
    ):
        target = None
        if postgres is not None:
            target = stack.enter_context(contextlib.closing(PostgresCatalog.opened(postgres)))
            target.write(partial(_claim, target=target, marker=_marker(path))).result()
        # The bytes first: a catalog that is complete refers to nothing that is not there.
        if bucket is not None:
            _copy_files(directory, source.reader, bucket, target or source, report, progress)
        if target is not None:
            _copy_catalog(path, source.reader, target, report, progress)
    return report


def _marker(path: Path) -> str:
    return sha256_hex(str(path.resolve()).encode())


def _copy_files(
    directory: Path,
    connection: Connection,
    bucket: Bucket,
    catalog: Catalog,
    report: MigrationReport,
    progress: Progress,
) -> None:
    """Copy blobs and manifests to a bucket, which belongs to ``catalog`` from then on."""
    source = LocalBlobStore(directory / "blobs")
    with opened_files(directory, bucket) as (blobs, manifests), ThreadPoolExecutor(_AT_ONCE) as threads:
        blobs.prepare()
        if isinstance(blobs, RemoteBlobStore):
            claim_bucket(blobs, catalog)
        digests = sorted(source.list_digests())
        present = frozenset(blobs.list_digests())
        results = []
        for result in threads.map(partial(_copy_blob, source, blobs, present), digests):
            results.append(result)
            progress(BLOBS, len(results), len(digests))
        report.blobs = results.count(True)
        report.damaged = tuple(digest for digest, is_sound in zip(digests, results, strict=True) if not is_sound)
        report.missing = tuple(sorted(_referenced(connection) - set(digests)))
        report.manifests = _copy_manifests(connection, manifests, threads, progress)
    source.close()


def _copy_blob(source: BlobStore, target: BlobStore, present: frozenset[str], digest: str) -> bool:
    """Copy a blob and read it back; return False when the source is damaged.

    Raises
    ------
    FigServeError
        When the bucket has other bytes under this digest.
    """
    if digest not in present:
        data = source.find(digest)
        if data is None or sha256_hex(data) != digest:
            return False
        target.put(digest, data)
    copied = target.find(digest)
    if copied is None or sha256_hex(copied) != digest:
        raise FigServeError(
            f"{target.location} returns other bytes than were stored, under blobs/{digest[:2]}/{digest}."
        )
    return True


def _referenced(connection: Connection) -> set[str]:
    columns = tables.blobs.c
    return set(connection.execute(sa.select(columns.digest).where(columns.refs > 0)).scalars())


def _copy_manifests(
    connection: Connection, manifests: Manifests, threads: ThreadPoolExecutor, progress: Progress
) -> int:
    """Write the manifests of all records from the catalog, and return how many there are."""
    aggregates: Sequence[Aggregate[Any]] = (
        FigureAggregate(manifests.figures, PublishLimits()),
        LiveFigureAggregate(manifests.live_figures, PublishLimits()),
        DashboardAggregate(manifests.dashboards),
    )
    total, done = sum(count_rows(connection, aggregate.table) for aggregate in aggregates), 0
    for aggregate in aggregates:
        for rows in _batches(connection, aggregate.table):
            found = [aggregate.describe(connection, row["id"]) for row in rows]
            done += len(list(threads.map(aggregate.manifests.write, found)))
            progress(MANIFESTS, done, total)
    return done


def _copy_catalog(
    path: Path, source: Connection, target: PostgresCatalog, report: MigrationReport, progress: Progress
) -> None:
    copied = [table for table in tables.metadata.sorted_tables if table.name not in _NOT_COPIED]
    total, done = sum(count_rows(source, table) for table in copied), 0
    for table in copied:
        after = _find_last(target.reader, table)
        done += 0 if after is None else count_rows(target.reader, table)
        for rows in _batches(source, table, after):
            target.write(partial(_insert, table=table, rows=rows)).result()
            done += len(rows)
            progress(ROWS, done, total)
    _check(source, target.reader, copied, report, progress)
    target.write(partial(_finish, marker=_marker(path))).result()


def _claim(connection: Connection, target: Catalog, marker: str) -> None:
    """Mark an empty database as the target of this migration, or go on with one that was interrupted."""
    columns = tables.meta.c
    known = connection.execute(sa.select(columns.value).where(columns.key == _MARKER)).scalar()
    if known == marker:
        return
    if known == marker + _DONE:
        raise Conflict(f"This directory was migrated to {target.label} already.", code="already_migrated")
    if known is not None or any(
        count_rows(connection, table) for table in (tables.figures, tables.dashboards, tables.keys)
    ):
        raise Conflict(f"{target.label} has other figures; migrate to an empty database.", code="database_in_use")
    connection.execute(tables.meta.insert().values(key=_MARKER, value=marker))


def _finish(connection: Connection, marker: str) -> None:
    connection.execute(tables.meta.update().where(tables.meta.c.key == _MARKER).values(value=marker + _DONE))
    # New events go on after those that were copied, for clients that replay them.
    newest = connection.execute(sa.select(sa.func.max(tables.events.c.id))).scalar()
    if newest is not None:
        connection.execute(
            sa.text("select setval(pg_get_serial_sequence('events', 'id'), :newest)"), {"newest": newest}
        )


def _insert(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    connection.execute(postgresql.insert(table).on_conflict_do_nothing(), [dict(row) for row in rows])


def _check(
    source: Connection, target: Connection, copied: Sequence[sa.Table], report: MigrationReport, progress: Progress
) -> None:
    """Compare the number of rows and a digest of all their values."""
    for position, table in enumerate(copied, 1):
        (rows, digest), other = _digest(source, table), _digest(target, table)
        if (rows, digest) != other:
            raise FigServeError(
                f"The table {table.name} differs after the migration ({rows:,} and {other[0]:,} rows). Empty the"
                " database and run migrate again.",
                code="migration_differs",
            )
        report.rows[table.name] = rows
        progress(CHECK, position, len(copied))


def _digest(connection: Connection, table: sa.Table) -> tuple[int, str]:
    """Return the number of rows and the sha256 of their values."""
    count, digest = 0, hashlib.sha256()
    for rows in _batches(connection, table):
        count += len(rows)
        for row in rows:
            digest.update(repr([row[column.name] for column in table.columns]).encode())
    return count, digest.hexdigest()


def _batches(connection: Connection, table: sa.Table, after: Sequence[Any] | None = None) -> Iterator[Sequence[Any]]:
    """Yield the rows of a table in the order of its primary key, after one of them."""
    key = list(table.primary_key.columns)
    query = sa.select(table).order_by(*key).limit(_BATCH)
    while True:
        rest = query if after is None else query.where(sa.tuple_(*key) > sa.tuple_(*map(sa.literal, after)))
        rows = connection.execute(rest).mappings().all()
        if not rows:
            return
        yield rows
        after = [rows[-1][column.name] for column in key]


def _find_last(connection: Connection, table: sa.Table) -> Sequence[Any] | None:
    """Return the greatest primary key, None for an empty table."""
    key = list(table.primary_key.columns)
    return connection.execute(sa.select(*key).order_by(*(column.desc() for column in key)).limit(1)).first()
