"""Work of the main thread between two cells."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_figserve.kernel.cells import cell_monitor
from jupyter_figserve.kernel.cells.between_cells import BetweenCells

from ..figures.test_archiver import Shell


@pytest.fixture
def shell(monkeypatch) -> Shell:
    made = Shell()
    monkeypatch.setattr(cell_monitor, "find_shell", lambda: made)
    return made


def test_work_waits_for_the_end_of_the_cell(shell):
    """It runs in the loop of the main thread; what its deadline has passed for is dropped."""
    between, done = BetweenCells(), []

    async def run_cells() -> None:
        between.begin_cell()
        between.submit(lambda: done.append("first"), 10)
        between.submit(lambda: done.append("too late"), 0)
        await asyncio.sleep(0)
        assert done == []
        shell.callbacks["post_run_cell"]()
        await asyncio.sleep(0)
        assert done == ["first"]
        shell.callbacks["pre_run_cell"]()
        between.submit(lambda: done.append("second"), 10)
        await asyncio.sleep(0)
        assert done == ["first"]
        shell.callbacks["post_run_cell"]()
        await asyncio.sleep(0)
        between.submit(lambda: done.append("idle"), 10)
        await asyncio.sleep(0)

    asyncio.run(run_cells())
    assert done == ["first", "second", "idle"]
