"""Inspects the data directory of this server, for ``jupyter figserve doctor``. Server process."""

from __future__ import annotations

import asyncio

from ...store.admin.diagnosis import DirectoryReport, inspect_directory
from ...store.store import Store


async def inspect_data_directory(store: Store) -> DirectoryReport:
    """Return the state of the store's directory; in a thread, since a network file system may be slow."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, inspect_directory, store.directory, store.catalog.path)
