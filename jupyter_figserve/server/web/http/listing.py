"""Long lists, fetched in parts between which other requests run. Server process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
_PART_SIZE = 100


async def list_in_parts(
    list_page: Callable[[int, str | None], Awaitable[tuple[Sequence[T], str | None]]],
    to_json: Callable[[T], dict[str, Any]],
    limit: int,
    cursor: str | None,
) -> tuple[list[dict[str, Any]], str | None]:
    """Return the JSON of at most ``limit`` records, and the cursor of the rest.

    Parameters
    ----------
    list_page
        Takes a limit and a cursor; returns the records and the next cursor, None at the end.
    """
    rows: list[dict[str, Any]] = []
    while True:
        found, cursor = await list_page(min(_PART_SIZE, limit - len(rows)), cursor)
        rows += [to_json(record) for record in found]
        if cursor is None or len(rows) >= limit:
            return rows, cursor
        # A read of SQLite never suspends.
        await asyncio.sleep(0)
