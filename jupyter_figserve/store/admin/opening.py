"""Opening a data directory: the usual way, on a network file system, read-only, and with a broken catalog."""

from __future__ import annotations

import logging
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import Conflict, ReadOnly
from ...model.quotas import PublishLimits
from ...model.times import Clock, system_clock
from ..catalog.database import Catalog, CatalogBroken
from ..files import live_manifests
from ..files.blobs import LocalBlobStore
from ..files.filesystem import DirectoryLock, find_network_type, is_writable, make_private_directory
from ..files.manifests import Manifests
from ..store import Store
from .boards import Boards
from .rebuild import catch_up, restore

logger = logging.getLogger("jupyter_figserve")
CATALOG = "catalog.db"


def open_store(
    directory: Path,
    *,
    catalog_path: Path | None = None,
    limits: PublishLimits | None = None,
    keep_session_plots: float | None = None,
    keep_deleted: float | None = None,
    clock: Clock = system_clock,
    network_type: str | None = None,
) -> Store:
    """The store in ``directory``, which is made when missing.

    A directory that cannot be written, a damaged catalog and one of a newer schema than this package can use are
    opened for reading; ``store.read_only_because`` says why, and every change raises ``ReadOnly`` with it.

    Parameters
    ----------
    catalog_path
        Where the catalog is, when it is not in ``directory``.
    keep_session_plots
        Seconds that unshared plots outlive their session; None for ever.
    keep_deleted
        Seconds for which a deletion can be undone; None when it cannot.
    network_type
        The network file system that the directory lies on; found out when not given.

    Raises
    ------
    Conflict
        On a network file system, when another server has the directory.
    """
    path = catalog_path or directory / CATALOG
    lock, manifests, blobs = (
        DirectoryLock(path.parent),
        Manifests(directory / "figures"),
        LocalBlobStore(directory / "blobs"),
    )
    writable = _make_directories(directory, path.parent)
    network_type = network_type or find_network_type(path.parent)
    if writable:
        _lock(lock, path.parent, network_type)
    catalog = _open_catalog(path, manifests, blobs, lock if writable else None, shared_memory=network_type is None)
    store = Store(
        catalog,
        blobs,
        manifests,
        directory=directory,
        limits=limits or PublishLimits(),
        keep_session_plots=keep_session_plots,
        keep_deleted=keep_deleted,
        lock=lock,
        clock=clock,
    )
    if store.read_only_because is None:
        blobs.make_directories()
        store.write(lambda connection: _tidy(connection, store)).result()
    else:
        logger.warning("figserve serves what it has but keeps nothing new: %s.", store.read_only_because)
    return store


def _tidy(connection: Connection, store: Store) -> None:
    """What a kill left half-written or unwritten."""
    store.manifests.remove_leftover()
    store.trash.remove_leftover()
    store.boards.remove_leftover()
    catch_up(connection, store.manifests)
    live_manifests.catch_up(connection, store.live_manifests)


def _make_directories(directory: Path, of_catalog: Path) -> bool:
    """Whether the directories can be written; they are private whatever the umask."""
    try:
        for part in (directory, directory / "blobs", directory / "figures"):
            make_private_directory(part)
        if not of_catalog.exists():
            # Only when it is ours alone: a catalog may be put into a directory that others use too.
            make_private_directory(of_catalog)
    except OSError:
        return False
    return is_writable(directory) and is_writable(of_catalog)


def _lock(lock: DirectoryLock, directory: Path, network_type: str | None) -> None:
    try:
        lock.acquire(exclusive=network_type is not None)
    except Conflict as error:
        if network_type is None:
            raise
        raise Conflict(
            f"{directory} lies on a network file system ({network_type}), where one server at a time may have the"
            " catalog, and another has it. Put the catalog on a local disk with FigServe.database_url"
            " (sqlite:////local/path.db), or all of it with FigServe.data_dir.",
            code="data_directory_in_use",
        ) from error
    if network_type is not None:
        logger.warning(
            "%s lies on a network file system (%s): this server holds the catalog alone. FigServe.database_url can put"
            " it on a local disk.",
            directory,
            network_type,
        )


def _open_catalog(
    path: Path, manifests: Manifests, blobs: LocalBlobStore, lock: DirectoryLock | None, *, shared_memory: bool
) -> Catalog:
    """``lock`` is None where nothing can be written."""
    try:
        if lock is None:
            return Catalog(path, read_only=True)
        with lock.opening():
            return Catalog(path, shared_memory=shared_memory)
    except CatalogBroken as error:
        reason = f"{error.message}; run 'jupyter figserve reindex' with the servers stopped"
    except ReadOnly as error:
        reason = error.message.rstrip(".")
    except sa.exc.DatabaseError as error:
        reason = f"{path} could not be opened ({error.orig})"
    return _rebuilt_in_memory(manifests, blobs, reason)


def _rebuilt_in_memory(manifests: Manifests, blobs: LocalBlobStore, reason: str) -> Catalog:
    """For reading only, from the manifests; the damaged file is left as it is."""
    catalog = Catalog(None)
    catalog.write(lambda connection: restore(connection, manifests, blobs)).result()
    catalog.write(Boards(manifests.root.parent).restore).result()
    catalog.read_only_because = reason
    return catalog
