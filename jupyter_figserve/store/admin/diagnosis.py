"""Read-only checks of a data directory. Server process, and the command line."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...model.private_files import has_modes
from ..catalog.sqlite import MAX_CHECKED_BYTES
from ..catalog.tables import SCHEMA
from ..files.filesystem import find_network_type
from .opening import CATALOG

_SECRETS = ("catalog.db", "catalog.db-wal", "signing.keys", "catalog.lock")


@dataclass(frozen=True)
class DirectoryReport:
    """State of a data directory on the file system.

    Parameters
    ----------
    open_to_others
        Paths that other users of the machine can read or write.
    network_type
        Type of the network file system that holds the catalog, None for a local one.
    free, total
        Size of the file system in bytes, None where it is unknown.
    """

    path: str
    exists: bool
    is_writable: bool = False
    is_own: bool = True
    open_to_others: tuple[str, ...] = ()
    network_type: str | None = None
    free: int | None = None
    total: int | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"open_to_others": list(self.open_to_others)}


def inspect_directory(path: Path, catalog: Path | None = None) -> DirectoryReport:
    """Check modes, owner and free space of a data directory.

    Parameters
    ----------
    catalog
        Path of the catalog, when it is outside the directory.
    """
    if not path.is_dir():
        return DirectoryReport(str(path), exists=False)
    files = [path, *(path / name for name in _SECRETS), *([catalog] if catalog else [])]
    free, total = _disk_space(path)
    return DirectoryReport(
        str(path),
        exists=True,
        is_writable=os.access(path, os.W_OK | os.X_OK) and not _is_mounted_read_only(path),
        is_own=not hasattr(os, "geteuid") or path.stat().st_uid == os.geteuid(),
        open_to_others=tuple(str(file) for file in files if _is_open_to_others(file)),
        network_type=find_network_type((catalog or path / CATALOG).parent),
        free=free,
        total=total,
    )


def find_defect(catalog: Path) -> str | None:
    """Return what is wrong with a catalog, as the rest of a sentence; None when it is intact or does not exist.

    It is opened read-only, also while a server writes it; the pages of a very large one are not checked.
    """
    if not catalog.exists():
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"{catalog.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as file:
            schema = dict(file.execute("select key, value from meta")).get("schema", "0")
            if catalog.stat().st_size <= MAX_CHECKED_BYTES:
                (result,) = file.execute("pragma quick_check(1)").fetchone()
                if result != "ok":
                    return f"is damaged: {result}"
            works_from = dict(file.execute("select key, value from meta")).get("works_from", "0")
    except sqlite3.DatabaseError as error:
        return f"cannot be read: {error}"
    if int(schema) > SCHEMA and int(works_from) > SCHEMA:
        return f"was written by a newer jupyter_figserve (schema {schema}, this one knows {SCHEMA})"
    return None


def _is_open_to_others(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return has_modes() and bool(stat.S_IMODE(path.stat().st_mode) & 0o077)
    return False


def _is_mounted_read_only(path: Path) -> bool:
    """Whether the mount is read-only, which ``os.access`` does not report to root."""
    with contextlib.suppress(OSError, AttributeError):
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    return False


def _disk_space(path: Path) -> tuple[int | None, int | None]:
    with contextlib.suppress(OSError):
        usage = shutil.disk_usage(path)
        return usage.free, usage.total
    return None, None
