"""Inspects the data directory and the database of this server, for ``jupyter figserve doctor``. Server process."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

from ...errors import FigServeError
from ...store.admin.diagnosis import DirectoryReport, inspect_directory
from ...store.store import Store


async def inspect_data_directory(store: Store) -> DirectoryReport:
    """Return the state of the store's directory; in a thread, since a network file system may be slow."""
    loop = asyncio.get_running_loop()
    report = await loop.run_in_executor(None, inspect_directory, store.directory, store.catalog.path)
    # Only SQLite cannot be on a network file system.
    return report if store.catalog.kind == "sqlite" else replace(report, network_type=None)


async def inspect_database(store: Store) -> dict[str, Any]:
    """Return which database has the catalog, and how long it takes to answer, None when it does not."""
    began = time.perf_counter()
    try:
        await store.check_catalog()
    except FigServeError:
        milliseconds = None
    else:
        milliseconds = round(1_000 * (time.perf_counter() - began), 1)
    return {"kind": store.catalog.kind, "name": store.catalog.label, "milliseconds": milliseconds}
