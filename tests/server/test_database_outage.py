"""A server whose PostgreSQL stops: links that were in use stay for a minute, all else is 503, and nothing restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from ..conftest import require_postgres
from ..postgres import Cluster, private_cluster
from .conftest import DEADLINE
from .sample_images import png

SECRET = "s3cr3t"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    require_postgres()
    with private_cluster("catalog") as cluster:
        yield cluster


@pytest.fixture
def figserve_config(cluster: Cluster) -> dict[str, object]:
    url = cluster.url("catalog").replace("figserve@", f"figserve:{SECRET}@")
    return {"database_url": url, "database_timeout": 5.0}


async def test_outage(cluster: Cluster, owner, stranger, clock, caplog):
    """The whole of it: before, during and after."""
    figure = await owner.publish()
    used, unused, revoked = [(await owner.share(figure)) for _ in range(3)]
    for link in (used, revoked):
        assert (await stranger.get(link["image_url"])).status == 200
    await owner.delete(f"/api/links/{revoked['id']}")
    status = (await owner.get("/api/status")).json()["database"]
    assert (status["kind"], status["name"].startswith("PostgreSQL")) == ("postgresql", True)
    assert "database" not in (await stranger.get("/api/status")).json()

    cluster.stop()
    clock.advance(50)
    assert (await stranger.get(used["image_url"])).status == 200
    for answer in (
        await stranger.get(unused["image_url"]),
        await stranger.get(revoked["image_url"]),
        await owner.get("/api/figures"),
        await owner.post(f"/api/figures/{figure['id']}/links", {}),
    ):
        assert (answer.status, answer.code) == (503, "database_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
    status = (await owner.get("/api/status")).json()
    assert (status["database"]["milliseconds"], "counts" in status) == (None, False)
    assert (await owner.get("/api/diagnosis")).json()["database"] == status["database"]
    clock.advance(11)
    assert (await stranger.get(used["image_url"])).status == 503

    cluster.start()
    async with asyncio.timeout(DEADLINE):
        while (await owner.get("/api/figures")).status != 200:
            await asyncio.sleep(0.05)
    assert (await stranger.get(unused["image_url"])).status == 200
    assert (await stranger.get(revoked["image_url"])).status == 404
    assert (await owner.get("/api/status")).json()["counts"]["figures"] == 1
    assert SECRET not in caplog.text


class TestLateDatabase:
    """The database is down when the server starts."""

    @pytest.fixture
    def figserve_config(self, cluster: Cluster) -> Iterator[dict[str, object]]:
        with cluster.connect() as connection:
            connection.execute("create database late")
        cluster.stop()
        replica = {"replica_url": "http://127.0.0.1:1/figserve"}
        yield {"database_url": cluster.url("late"), "database_timeout": 5.0, **replica}
        if not cluster.is_running:
            cluster.start()

    async def test_late_database(self, cluster: Cluster, owner, stranger, context, caplog):
        """The server is alive, says 503 with a sentence and a time to come back, and works without a restart."""
        for answer in (
            await owner.get("/api/figures"),
            await stranger.get("/f/" + 32 * "x"),
            await owner.ask("POST", "/api/figures", png(), {"Content-Type": "image/png"}, name="early"),
        ):
            assert (answer.status, answer.code) == (503, "database_unavailable")
            assert int(answer.headers["Retry-After"]) > 0
        assert (await stranger.get("/api/health/live")).status == 200
        assert (await stranger.get("/api/health/ready")).status == 503
        cluster.start()
        async with asyncio.timeout(DEADLINE):
            while (await stranger.get("/api/health/ready")).status != 200:
                await asyncio.sleep(0.05)
        link = await owner.share(await owner.publish())
        assert (await stranger.get(link["image_url"])).status == 200
        async with asyncio.timeout(DEADLINE):
            while not context.events._listeners:
                await asyncio.sleep(0.05)
        assert "Traceback" not in caplog.text
