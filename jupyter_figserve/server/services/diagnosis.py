"""Inspects the data directory and the database of this server, for ``jupyter figserve doctor``. Server process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

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
    catalog = store.catalog
    return {"kind": catalog.kind, "name": catalog.label, "milliseconds": await _measure(store.check_catalog)}


async def inspect_blobs(store: Store) -> dict[str, Any]:
    """Return where images are stored, without credentials, and how long it takes to answer, None when it does not."""
    name = store.blobs.location
    kind, separator, _ = name.partition("://")
    return {
        "kind": kind if separator else "directory",
        "name": name,
        "milliseconds": await _measure(store.check_blobs),
    }


async def _measure(check: Callable[[], Awaitable[None]]) -> float | None:
    began = time.perf_counter()
    try:
        await check()
    except Exception:
        # A diagnosis reports as much of a broken store as it can.
        return None
    return round(1_000 * (time.perf_counter() - began), 1)
