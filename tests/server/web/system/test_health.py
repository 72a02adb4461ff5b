"""``/api/health``: for load balancers, without details."""

from __future__ import annotations

import logging


async def test_health_is_open_to_all_and_says_nothing(stranger, caplog):
    """One word for everybody, under any host name, and no line in the log for each probe."""
    caplog.set_level(logging.INFO)
    for kind in ("live", "ready"):
        answer = await stranger.get(f"/api/health/{kind}", {"Host": "10.1.2.3:8765"})
        assert (answer.status, answer.json()) == (200, {"status": "ok"})
        assert answer.headers["Cache-Control"] == "private, no-store"
    assert not [record for record in caplog.records if "health" in record.getMessage()]


async def test_a_server_without_its_catalog_is_alive_and_not_ready(stranger, context, monkeypatch, caplog):
    """The reason is in the log, and not in the response."""

    async def fail() -> int:
        raise OSError("the database at 10.9.9.9 refuses")

    monkeypatch.setattr(type(context.store), "data_version", lambda self: fail())
    answer = await stranger.get("/api/health/ready")
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "not_ready", "1")
    assert "10.9.9.9" not in answer.text
    assert "10.9.9.9 refuses" in caplog.text
    assert (await stranger.get("/api/health/live")).status == 200


async def test_a_server_that_stops_is_not_ready(stranger, context):
    """It still answers what it is asked."""
    context.monitoring.readiness.drain()
    assert (await stranger.get("/api/health/ready")).status == 503
    assert (await stranger.get("/api/status")).status == 200
