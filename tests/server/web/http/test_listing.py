"""Long lists are fetched in parts, and come out as from one page."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_figserve.server.web.http.listing import list_in_parts


class Pages:
    """A list with the positions as cursors."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.asked: list[int] = []

    async def list_page(self, limit: int, cursor: str | None) -> tuple[list[int], str | None]:
        start = int(cursor or 0)
        end = min(self.size, start + limit)
        self.asked.append(limit)
        return list(range(start, end)), str(end) if end < self.size else None


@pytest.mark.parametrize(("size", "limit"), [(0, 50), (50, 50), (250, 50), (250, 230), (250, 1_000)])
async def test_parts_make_up_the_page(size, limit):
    """With the cursor after its last record."""
    pages, expected = Pages(size), min(size, limit)
    rows, cursor = await list_in_parts(pages.list_page, lambda number: {"n": number}, limit, None)
    assert [row["n"] for row in rows] == list(range(expected))
    assert cursor == (str(expected) if expected < size else None)
    assert max(pages.asked) <= 100


async def test_others_run_between_two_parts():
    """Each part gives way to what waits for the event loop."""
    pages, turns = Pages(1_000), []
    work = asyncio.ensure_future(list_in_parts(pages.list_page, lambda number: {}, 1_000, None))
    while not work.done():
        turns.append(len(pages.asked))
        await asyncio.sleep(0)
    assert len(set(turns)) >= 9
