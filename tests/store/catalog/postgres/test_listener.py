"""Notifications: what another server adds is heard at once, also after the database was restarted."""

from __future__ import annotations

import threading

import pytest

from jupyter_figserve.store.catalog import events

from ...making import START

pytestmark = pytest.mark.postgresql


def test_events_of_another_server_are_heard(open_here):
    """Once for its connection, then for each change with events, until it is ended."""
    here, there = open_here(), open_here()
    heard, announced = threading.Semaphore(0), []
    stop = here.watch(heard.release, announced.append)
    assert heard.acquire(timeout=20)
    there.catalog.write(lambda c: events.add(c, START, "ann", "figure.published", {})).result()
    assert heard.acquire(timeout=20)
    stop()
    there.catalog.write(lambda c: events.add(c, START, "ann", "figure.published", {})).result()
    assert not heard.acquire(blocking=False)


def test_lost_connection_is_opened_again(open_here, databases):
    """It then calls once, as something may have been missed."""
    here, heard, announced = open_here(), threading.Semaphore(0), []
    stop = here.watch(heard.release, announced.append)
    assert heard.acquire(timeout=20)
    with databases.cluster.connect() as connection:
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%'")
    assert heard.acquire(timeout=20)
    stop()
