"""Which catalog the images of a data directory or a bucket belong to. Server process, and the command line.

Cleaning removes images that the catalog does not know. So a server, or a command, that opens a directory or a bucket
with another catalog than before must be refused: it would remove all of them.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import Conflict
from ..catalog.database import Catalog
from ..files.filesystem import atomic_write
from ..files.remote_blobs import CLAIM, RemoteBlobStore

if TYPE_CHECKING:
    from ..catalog.postgres.catalog import PostgresCatalog

_CLAIM = "catalog.id"


def claim(directory: Path, catalog: PostgresCatalog, sqlite_path: Path) -> None:
    """Record that the images in a directory belong to a catalog in PostgreSQL.

    Raises
    ------
    Conflict
        When they belong to another one, or to SQLite.
    """
    claimed = _read(directory)
    if claimed is None and _has_figures(sqlite_path) and catalog.is_empty():
        raise Conflict(
            f"The images in {directory} belong to {sqlite_path.name} there, and the database {catalog.label} is empty."
            " Name another directory in FigServe.data_dir, or copy the figures to the database with 'jupyter figserve"
            " migrate --to-database URL'.",
            code="catalog_mismatch",
        )
    if claimed not in (None, catalog.id):
        raise Conflict(
            f"The images in {directory} belong to another database than {catalog.label}. Correct FigServe.database_url"
            " or FigServe.data_dir; a lost database is rebuilt by 'jupyter figserve reindex'.",
            code="catalog_mismatch",
        )
    if claimed is None:
        write_claim(directory, catalog)


def write_claim(directory: Path, catalog: PostgresCatalog) -> None:
    atomic_write(directory / _CLAIM, f"{catalog.id}\n".encode(), directory / f".{_CLAIM}")


def check_unclaimed(directory: Path) -> None:
    """Refuse to open a directory with SQLite whose images belong to PostgreSQL.

    Raises
    ------
    Conflict
        When they do.
    """
    if is_claimed(directory):
        raise Conflict(
            f"The images in {directory} belong to a catalog in PostgreSQL. Set FigServe.database_url, or give the"
            f" command --database URL. To go on with SQLite instead, remove {directory / _CLAIM} and run"
            " 'jupyter figserve reindex'.",
            code="catalog_mismatch",
        )


def is_claimed(directory: Path) -> bool:
    """Whether the images in a directory belong to a catalog in PostgreSQL."""
    return _read(directory) is not None


def claim_bucket(blobs: RemoteBlobStore, catalog: Catalog) -> None:
    """Record that the images in a bucket belong to a catalog.

    Raises
    ------
    Conflict
        When they belong to another one.
    Unavailable
        When the bucket does not answer.
    """
    known = blobs.read_claim()
    if known is None:
        if catalog.is_empty() and next(iter(blobs.list_digests()), None) is not None:
            raise Conflict(
                f"{blobs.location} has images, and the catalog {catalog.label} is empty. Correct FigServe.blob_url or"
                " FigServe.database_url; a lost catalog is rebuilt by 'jupyter figserve reindex'.",
                code="catalog_mismatch",
            )
        if blobs.add_claim(_describe(catalog)):
            return
        known = blobs.read_claim()
    _check_bucket(blobs, catalog, known)


def check_bucket(blobs: RemoteBlobStore, catalog: Catalog) -> None:
    """Refuse a bucket whose images belong to another catalog, or to none.

    Raises
    ------
    Conflict
        When they do.
    """
    _check_bucket(blobs, catalog, blobs.read_claim())


def belongs_to(blobs: RemoteBlobStore, catalog_id: str | None) -> bool:
    """Whether the images in a bucket belong to the catalog with this id."""
    known = blobs.read_claim()
    return known is not None and catalog_id is not None and _read_id(known) == catalog_id


def take_bucket(blobs: RemoteBlobStore, catalog: Catalog, replaced: str | None, *, by_force: bool) -> None:
    """Record that the images in a bucket belong to a catalog that was rebuilt from it.

    Parameters
    ----------
    replaced
        Id of the catalog in whose place it is; None when that is unknown.
    by_force
        Whether to take it from any other one.

    Raises
    ------
    Conflict
        When they belong to another one.
    """
    known = blobs.read_claim()
    if known is not None and not by_force and _read_id(known) not in (catalog.id, replaced):
        raise Conflict(
            f"The images in {blobs.location} belong to another catalog{_name(known)}. If that one is lost, stop all"
            " servers that use the bucket, and give the option --take-over.",
            code="catalog_mismatch",
        )
    blobs.replace_claim(_describe(catalog))


def _check_bucket(blobs: RemoteBlobStore, catalog: Catalog, known: bytes | None) -> None:
    if known is None or _read_id(known) != catalog.id:
        raise Conflict(
            f"The images in {blobs.location} belong to another catalog{_name(known)} than {catalog.label}. Correct"
            " FigServe.blob_url or FigServe.database_url, or give this server a prefix of its own in the bucket. A lost"
            " catalog is rebuilt by 'jupyter figserve reindex --take-over'; if the images are this one's nevertheless,"
            f" remove the object {CLAIM} there.",
            code="catalog_mismatch",
        )


def _describe(catalog: Catalog) -> bytes:
    """Return the claim of a catalog; its name is for people."""
    name = catalog.label if catalog.path is None else str(catalog.path)
    return json.dumps({"id": catalog.id, "catalog": name}).encode()


def _parse(claim: bytes | None) -> dict[str, object]:
    with contextlib.suppress(ValueError):
        found = json.loads(claim or b"")
        if isinstance(found, dict):
            return found
    return {}


def _read_id(claim: bytes) -> object:
    return _parse(claim).get("id")


def _name(claim: bytes | None) -> str:
    name = _parse(claim).get("catalog")
    return f" ({name:.200})" if isinstance(name, str) else ""


def _read(directory: Path) -> str | None:
    with contextlib.suppress(OSError):
        return (directory / _CLAIM).read_text(encoding="utf-8").strip()
    return None


def _has_figures(path: Path) -> bool:
    with contextlib.suppress(sqlite3.Error):
        if path.exists():
            with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as catalog:
                return catalog.execute("select 1 from figures limit 1").fetchone() is not None
    return False
