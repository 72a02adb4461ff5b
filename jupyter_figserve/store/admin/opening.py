"""Opens a data directory, also on a network file system, read-only, or with a damaged catalog. Server process."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import sqlalchemy as sa

from ...errors import Conflict, FigServeError, ReadOnly
from ..catalog.database import Catalog
from ..catalog.sqlite import CatalogBroken, SqliteCatalog
from ..databases import PostgresSettings
from ..files.blobs import BlobStore
from ..files.filesystem import DirectoryLock, find_network_type, is_writable, make_private_directory
from ..files.manifest_formats import Manifests
from ..files.places import Bucket, open_files
from ..files.remote_blobs import RemoteBlobStore
from ..startup import Startup, explain, is_temporary
from ..store import Store, StoreSettings
from .claims import check_bucket, check_unclaimed, claim, claim_bucket
from .rebuild import restore

if TYPE_CHECKING:
    from ..catalog.postgres.catalog import PostgresCatalog

_log = logging.getLogger("jupyter_figserve")
CATALOG = "catalog.db"


def open_store(
    directory: Path,
    *,
    catalog_path: Path | None = None,
    postgres: PostgresSettings | None = None,
    network_type: str | None = None,
    bucket: Bucket | None = None,
    may_wait: bool = False,
    **settings: Unpack[StoreSettings],
) -> Store:
    """Open the store in ``directory``, which is created when missing.

    Where nothing can be written, or the catalog is damaged or too new, ``store.read_only_because`` says why.

    Parameters
    ----------
    catalog_path
        Path of SQLite's catalog; None for the one in ``directory``.
    postgres
        Database of the catalog in place of SQLite.
    network_type
        Type of the network file system that holds the catalog; None to detect it.
    bucket
        Place of blobs and manifests, in place of the directory.
    may_wait
        Whether to return a store that cannot be used yet when database or bucket do not answer.

    Raises
    ------
    FigServeError
        When another server uses a directory on a network file system, or database or bucket cannot be used.
    """
    if postgres is not None:
        return _open_with_postgres(directory, postgres, bucket, settings, may_wait=may_wait)
    return _open_with_sqlite(
        directory, catalog_path or directory / CATALOG, network_type, bucket, settings, may_wait=may_wait
    )


def _open_with_sqlite(
    directory: Path,
    path: Path,
    network_type: str | None,
    bucket: Bucket | None,
    settings: StoreSettings,
    *,
    may_wait: bool,
) -> Store:
    check_unclaimed(directory)
    lock, (blobs, manifests) = DirectoryLock(path.parent), open_files(directory, bucket)
    writable = _make_directories(directory, path.parent, has_files=bucket is None)
    network_type = network_type or find_network_type(path.parent)
    if writable:
        _lock(lock, path.parent, network_type)
    catalog = _open_catalog(path, manifests, blobs, lock if writable else None, shared_memory=network_type is None)
    store = Store(catalog, blobs, manifests, lock, directory, **settings)
    return _start(store, [], may_wait=may_wait)


def _open_with_postgres(
    directory: Path, postgres: PostgresSettings, bucket: Bucket | None, settings: StoreSettings, *, may_wait: bool
) -> Store:
    """Open a store whose directory has the figures' bytes at most, so that its file system may be any."""
    from ..catalog.postgres.catalog import PostgresCatalog

    lock, (blobs, manifests) = DirectoryLock(directory), open_files(directory, bucket)
    is_writable = _make_directories(directory, directory, has_files=bucket is None)
    if is_writable:
        lock.acquire(exclusive=False)
    try:
        catalog = PostgresCatalog(postgres)
    except BaseException:
        lock.release()
        raise
    if not is_writable:
        catalog.read_only_because = f"{directory} cannot be written"
    is_claiming = is_writable and bucket is None
    store = Store(catalog, blobs, manifests, lock, directory, **settings)
    return _start(store, [lambda: _open_database(catalog, directory if is_claiming else None)], may_wait=may_wait)


def _start(store: Store, steps: list[Callable[[], None]], *, may_wait: bool) -> Store:
    """Do the first steps and the common ones, and return the store."""
    if store.read_only_because is None:
        steps = [*steps, lambda: _prepare_files(store), lambda: _recover(store)]
    else:
        _log.warning("figserve serves existing figures but stores no new ones: %s.", store.read_only_because)
    store.startup = Startup(*steps)
    try:
        store.startup.run(may_wait=may_wait)
    except BaseException:
        store.close()
        raise
    return store


def _open_database(catalog: PostgresCatalog, directory: Path | None) -> None:
    """Open a catalog for requests; ``directory`` has the images that belong to it, None where no claim is needed."""
    try:
        catalog.open()
        if directory is not None:
            # Of two that start at once, the second finds the claim of the first.
            with DirectoryLock(directory).opening():
                claim(directory, catalog, directory / CATALOG)
    except FigServeError as error:
        if not is_temporary(error):
            catalog.refuse(partial(explain, error))
        raise
    catalog.admit()


def _prepare_files(store: Store) -> None:
    """Check that the images belong to the catalog; a full disk does not keep figures from being served."""
    blobs = store.blobs
    try:
        blobs.prepare()
    except OSError as error:
        _log.warning("figserve could not write to %s when it started: %s", blobs.location, error.strerror)
    if isinstance(blobs, RemoteBlobStore):
        claim_bucket(blobs, store.catalog)
        store.check_claim = partial(check_bucket, blobs, store.catalog)


def _recover(store: Store) -> None:
    """Finish the work of a killed server; a failure, such as a full disk, does not keep figures from being served."""
    try:
        store.recover().result()
    except (OSError, FigServeError) as error:
        if isinstance(error, FigServeError) and is_temporary(error):
            raise
        reason = error.strerror if isinstance(error, OSError) else str(error)
        _log.warning("figserve could not write to %s when it started: %s", store.directory, reason)
    store.manifest_writer.open()


def _make_directories(directory: Path, catalog_directory: Path, *, has_files: bool) -> bool:
    """Create the directories with private modes, regardless of the umask; return whether they can be written."""
    try:
        for part in (directory, *([directory / "blobs", directory / "figures"] if has_files else [])):
            make_private_directory(part)
        if not catalog_directory.exists():
            # An existing one keeps its mode: the setting may name a directory that other programs use too.
            make_private_directory(catalog_directory)
    except OSError:
        return False
    return is_writable(directory) and is_writable(catalog_directory)


def _lock(lock: DirectoryLock, directory: Path, network_type: str | None) -> None:
    try:
        lock.acquire(exclusive=network_type is not None)
    except Conflict as error:
        if network_type is None:
            raise
        raise Conflict(
            f"{directory} is on a network file system ({network_type}), where only one server at a time can use the"
            " catalog, and another one is using it. Put the catalog on a local disk with FigServe.database_url"
            " (sqlite:////local/path.db), or the whole data directory with FigServe.data_dir.",
            code="data_directory_in_use",
        ) from error
    if network_type is not None:
        _log.warning(
            "%s is on a network file system (%s): no other server can use the catalog. Put it on a local disk with"
            " FigServe.database_url.",
            directory,
            network_type,
        )


def _open_catalog(
    path: Path, manifests: Manifests, blobs: BlobStore, lock: DirectoryLock | None, *, shared_memory: bool
) -> Catalog:
    """Open the catalog, or rebuild it in memory when it is damaged; ``lock`` is None where nothing can be written."""
    try:
        if lock is None:
            return SqliteCatalog(path, read_only=True)
        with lock.opening():
            return SqliteCatalog(path, shared_memory=shared_memory)
    except CatalogBroken as error:
        reason = f"{error.message}; run 'jupyter figserve reindex' with the servers stopped"
    except ReadOnly as error:
        reason = error.message.rstrip(".")
    except sa.exc.DatabaseError as error:
        reason = f"{path} could not be opened ({error.orig}); check FigServe.data_dir, its permissions and its disk"
    return _rebuild_in_memory(manifests, blobs, reason)


def _rebuild_in_memory(manifests: Manifests, blobs: BlobStore, reason: str) -> Catalog:
    """Rebuild a catalog from the manifests, for reading; the damaged file is left as it is."""
    catalog = SqliteCatalog(None)
    catalog.write(lambda connection: restore(connection, manifests, blobs)).result()
    catalog.read_only_because = reason
    return catalog
