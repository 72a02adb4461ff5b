"""Queries of the gallery besides its page of figures."""

from __future__ import annotations

import pytest

from jupyter_figserve.model.queries import Collection, FigureQuery
from jupyter_figserve.store.catalog import figures, gallery_queries, sessions

from ..making import START, publish, session, share


@pytest.fixture
def reader(store):
    return store.catalog.reader


def note(store, *made) -> None:
    for one in made:
        store.catalog.write(lambda connection, one=one: sessions.record(connection, one)).result()


def test_running_and_ended_sessions_are_distinguished(store, reader):
    """Latest first, up to the limit."""
    alive = [session(f"alive-{n}", started=START + n) for n in range(3)]
    ended = [session(f"ended-{n}", ended=START + n) for n in range(3)]
    note(store, *alive, *ended)
    assert gallery_queries.running_sessions(reader, "ann", 2) == [alive[2], alive[1]]
    assert gallery_queries.ended_sessions(reader, "ann", 2) == [ended[2], ended[1]]
    assert gallery_queries.running_sessions(reader, "bob", 9) == gallery_queries.ended_sessions(reader, "bob", 9) == []
    assert gallery_queries.get_sessions(reader, ["alive-0", "ended-2", "none"]).keys() == {"alive-0", "ended-2"}


def test_figures_of_a_notebook_are_counted_to_a_bound(store, reader, monkeypatch):
    """Only those of this owner and directory."""
    monkeypatch.setattr(gallery_queries, "MAX_COUNT", 3)
    for number in range(5):
        publish(store, f"f{number}")
    publish(store, "other", scope="/elsewhere")
    assert gallery_queries.count_in_notebook(reader, "ann", "/srv", "report.ipynb") == 3
    assert gallery_queries.count_in_notebook(reader, "ann", "/elsewhere", "report.ipynb") == 1


def test_collections_are_listed_by_name_with_their_figures(store, reader):
    """Of one owner, at most as many as asked for; figures of notebooks are in none."""
    for number in range(3):
        publish(store, f"f{number}", notebook="", scope="", collection="nightly")
    publish(store, "f", notebook="", scope="", collection="alpha")
    publish(store, "f", owner="bob", notebook="", scope="", collection="theirs")
    publish(store, "f")
    assert gallery_queries.list_collections(reader, "ann", 5) == [Collection("alpha", 1), Collection("nightly", 3)]
    assert gallery_queries.list_collections(reader, "ann", 1) == [Collection("alpha", 1)]


def test_open_links_are_those_that_open(store, reader):
    """Not paused, expired or used up."""
    record, other = publish(store), publish(store, "other")
    for fields in ({}, {"expires": START + 10}, {"paused": True}, {"views": 2, "seen": 2}, {"views": 2, "seen": 1}):
        share(store, record.id, **fields)
    assert gallery_queries.count_open_links(reader, [record.id, other.id], START + 9) == {record.id: 3}
    assert gallery_queries.count_open_links(reader, [record.id], START + 10) == {record.id: 2}


def test_neighbours_are_the_next_in_the_gallery(store, reader, clock):
    """Of the same owner, also with equal times."""
    records = [publish(store, f"f{n}") for n in range(3)]
    clock.turn(1)
    publish(store, "foreign", owner="bob")
    order = figures.ids(reader, FigureQuery("ann"))
    assert len(order) == 3
    listed = [record.id for record in figures.list_page(reader, FigureQuery("ann"))[0]]
    for place, figure in enumerate(listed):
        record = next(one for one in records if one.id == figure)
        newer, older = gallery_queries.find_neighbours(reader, record)
        assert (newer and newer.id) == (listed[place - 1] if place else None)
        assert (older and older.id) == (listed[place + 1] if place < 2 else None)


@pytest.mark.parametrize(
    "which",
    [
        FigureQuery("ann", shared_at=START),
        FigureQuery("ann", running=True),
        FigureQuery("ann", scope="/srv", notebook="report.ipynb"),
        FigureQuery("ann", session="kernel-1"),
        FigureQuery("ann", session="kernel-1", shared_at=START, running=True, text="f"),
    ],
)
def test_filtered_figures_are_paginated(store, reader, clock, which: FigureQuery):
    """Each figure once, newest first, for every combination of filters."""
    note(store, session("kernel-1"), session("kernel-2", ended=START))
    matching = []
    for number in range(7):
        matching.append(publish(store, f"f{number}", bytes([number])).id)
        share(store, matching[-1])
        clock.turn(1)
        publish(store, f"x{number}", session="kernel-2", notebook="other.ipynb")
        publish(store, f"f{number}", owner="bob")
        clock.turn(1)
    seen, cursor = [], None
    while True:
        page, cursor = figures.list_page(reader, which, 3, cursor)
        seen += [record.id for record in page]
        if cursor is None:
            break
    assert seen == matching[::-1]


def test_ended_session_is_not_running(store, reader):
    """Its figures leave the list when it ends."""
    note(store, session("kernel-1"))
    record = publish(store)
    assert figures.ids(reader, FigureQuery("ann", running=True)) == [record.id]
    store.catalog.write(lambda connection: sessions.end(connection, "kernel-1", START + 1)).result()
    assert figures.ids(reader, FigureQuery("ann", running=True)) == []
