"""Uploads: bodies have the limit of a figure."""

from __future__ import annotations

import pytest

from ...raw import answer_of, connect

LIMIT = 100_000
PATH = "/api/figures?name=big"


@pytest.fixture
def figserve_config() -> dict[str, object]:
    return {"figure_bytes": LIMIT}


async def test_too_long_a_length_is_rejected_at_once(owner):
    """413 before the client sends any byte of the body."""
    async with connect(owner.prefix) as connection:
        headers = {**owner.headers, "Content-Type": "image/png", "Content-Length": str(10 * LIMIT)}
        await connection.send_head("POST", PATH, headers)
        status, error = await answer_of(connection)
    assert (status, error["code"]) == (413, "too_large")


async def test_source_is_bounded_too(owner):
    """PUT requests have a limit, too."""
    figure = await owner.publish()
    path = f"/api/figures/{figure['id']}/versions/1/source?kind=figure"
    async with connect(owner.prefix) as connection:
        await connection.send_head("PUT", path, {**owner.headers, "Content-Length": str(10 * LIMIT)})
        assert (await answer_of(connection, path, "PUT"))[0] == 413
