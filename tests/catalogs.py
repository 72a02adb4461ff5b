"""Data directories with an empty catalog, so that hundreds of servers do not each run the migrations."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from jupyter_figserve.store.admin.opening import CATALOG
from jupyter_figserve.store.catalog.sqlite import opened


def make_data_directory(path: Path) -> None:
    """Create a private directory with a catalog that has the current schema and no figures."""
    path.mkdir(mode=0o700, parents=True)
    catalog = path / CATALOG
    catalog.touch(mode=0o600)
    catalog.write_bytes(_empty_catalog())


@functools.cache
def _empty_catalog() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / CATALOG
        with opened(path):
            pass
        return path.read_bytes()
