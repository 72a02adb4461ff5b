"""Which catalog the images of a data directory belong to. Server process, and the command line.

Cleaning removes images that the catalog does not know. So a server, or a command, that opens a directory with another
catalog than before must be refused: it would remove all of them.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from ...errors import Conflict
from ..catalog.postgres.catalog import PostgresCatalog
from ..files.filesystem import atomic_write

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
            " Name another directory in FigServe.data_dir, or fill the database with 'jupyter figserve reindex"
            " --database URL'.",
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
    if _read(directory) is not None:
        raise Conflict(
            f"The images in {directory} belong to a catalog in PostgreSQL. Set FigServe.database_url, or give the"
            f" command --database URL. To go on with SQLite instead, remove {directory / _CLAIM} and run"
            " 'jupyter figserve reindex'.",
            code="catalog_mismatch",
        )


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
