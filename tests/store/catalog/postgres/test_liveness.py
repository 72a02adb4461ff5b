"""Outages of a real PostgreSQL: stopped, frozen, one of its processes frozen; and recovery without a restart."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from jupyter_figserve.errors import FigServeError, Unavailable
from jupyter_figserve.store.admin.opening import open_store
from jupyter_figserve.store.databases import PostgresSettings
from jupyter_figserve.store.store import Store

from ....conftest import require_postgres
from ....postgres import Cluster, private_cluster
from ....waiting import wait_until
from ...making import draft, publish, run

TIMEOUT = 2.0
"""Seconds for an answer; a busy machine may need some for its own."""
FOR_EVER = 20.0
"""Far longer than the timeout, and shorter than any limit of the operating system."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One that tests stop and freeze."""
    require_postgres()
    with private_cluster("catalog") as cluster:
        yield cluster


@pytest.fixture
def store(cluster: Cluster, tmp_path) -> Iterator[Store]:
    store = open_store(tmp_path / "figures", postgres=PostgresSettings(cluster.url("catalog"), TIMEOUT, 4))
    yield store
    store.close()


def fails_soon(store: Store) -> None:
    """A read and a change are refused, with a time to try again, long before the operating system gives up."""
    for request in (store.data_version(), store.figures.publish(draft(data=b"lost"))):
        began = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            run(request)
        assert time.monotonic() - began < FOR_EVER
        assert caught.value.retry_after > 0


def works(store: Store) -> bool:
    try:
        run(store.figures.find("x"))
        publish(store, data=str(time.monotonic()).encode())
    except Unavailable:
        return False
    return True


def test_stopped_database(cluster: Cluster, store: Store, caplog):
    """Each request fails at once; after the start they work, and the log has a line for each."""
    publish(store)
    with caplog.at_level(logging.WARNING, "jupyter_figserve"):
        cluster.stop()
        fails_soon(store)
        with pytest.raises(FigServeError, match=r"cannot be used: .*connect") as caught:
            open_store(store.directory, postgres=PostgresSettings(cluster.url("catalog"), TIMEOUT))
        assert len(str(caught.value).splitlines()) == 1
        wait_until(lambda: "does not answer" in caplog.text)
        cluster.start()
        wait_until(lambda: "answers again" in caplog.text)
        assert works(store)
    said = [record.message.partition("catalog ")[2] for record in caplog.records if "answer" in record.message]
    assert said == ["does not answer; figserve serves what it has cached.", "answers again."]


def test_restarted_database(cluster: Cluster, store: Store):
    """The pool's connections are all lost meanwhile; the first request works nevertheless."""
    publish(store)
    cluster.stop()
    cluster.start()
    run(store.figures.find("x"))
    publish(store, data=b"two")


def test_frozen_database(cluster: Cluster, store: Store):
    """It accepts connections and says nothing: requests fail, those that wait too; closing does not wait."""
    publish(store)

    async def many() -> list[object]:
        reads = [store.figures.find("x") for _ in range(12)]
        return await asyncio.gather(*reads, store.figures.publish(draft()), return_exceptions=True)

    with cluster.frozen():
        began = time.monotonic()
        assert {type(answer).__name__ for answer in run(many())} == {"DatabaseDown"}
        assert time.monotonic() - began < FOR_EVER
        fails_soon(store)
    wait_until(lambda: works(store))


def test_frozen_process_of_the_database(cluster: Cluster, store: Store):
    """Only the processes that serve this pool stand still: others take over, for reads and changes."""
    publish(store)
    with cluster.frozen(cluster.processes("catalog")):
        wait_until(lambda: works(store))


def test_statement_that_takes_long(cluster: Cluster, store: Store):
    """A change may wait for another one longer than an answer may take, as long as the database answers."""
    store.catalog.transact(_wait_for_a_lock)
    assert run(store.figures.find("x")) is None


def test_answer_that_is_on_its_way(store: Store):
    """A statement whose process is idle has ended, or the process is frozen, which shows at the next look."""
    liveness = store.catalog._liveness
    liveness.close()
    with store.catalog._engine.connect() as connection:
        connection.exec_driver_sql("select 1")
        driver = connection.connection.driver_connection
        for looks, is_closed in ((1, False), (2, True)):
            liveness._begin(connection, math.inf)
            liveness._statements[id(driver)].since = 0.0
            for _ in range(looks):
                liveness._look()
            liveness._end(driver)
            assert _is_lost(connection) == is_closed


def _is_lost(connection) -> bool:
    try:
        connection.exec_driver_sql("select 1")
    except sa.exc.DBAPIError:
        return True
    return False


def _wait_for_a_lock(connection) -> None:
    from jupyter_figserve.store.catalog.dialects import SECONDS

    connection.exec_driver_sql(f"select pg_sleep({1.5 * TIMEOUT})", execution_options={SECONDS: FOR_EVER})
