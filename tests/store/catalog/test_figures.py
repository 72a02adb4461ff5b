"""Figures read from the catalog: one, by identity, and in pages."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from jupyter_figserve.errors import NotFound
from jupyter_figserve.model.queries import MAX_LIMIT, Collection, FigureQuery
from jupyter_figserve.store.catalog import figures
from jupyter_figserve.store.catalog.figures import list_page

from ..making import START, identity, publish, run, session, share


def _names(store, *, limit: int = 50, **which) -> list[str]:
    return [record.name for record in list_page(store.catalog.reader, FigureQuery(**which), limit)[0]]


@pytest.fixture
def five(store, clock):
    """Five figures, a minute apart: f0 is the oldest."""
    for n in range(5):
        publish(store, f"f{n}", bytes([n]))
        clock.turn(60)
    return store


def test_unknown_figures(store):
    """``find`` returns None and ``get`` raises, for an id and for a version."""
    record = publish(store)
    assert run(store.figures.find("A" * 16)) is None
    assert run(store.figures.find(record.id, 2)) is None
    assert figures.find_by_identity(store.catalog.reader, identity("other")) is None
    with pytest.raises(NotFound, match="no such figure"):
        run(store.figures.get("A" * 16))
    with pytest.raises(NotFound, match="no version 2"):
        run(store.figures.get(record.id, 2))


def test_found_by_identity(store):
    """The newest version of the one figure."""
    publish(store, data=b"one")
    record = publish(store, data=b"two")
    assert figures.find_by_identity(store.catalog.reader, identity()) == record


def test_list_is_newest_first(five):
    """By the time of the last version."""
    assert _names(five) == ["f4", "f3", "f2", "f1", "f0"]
    publish(five, "f1", b"again")
    assert _names(five)[0] == "f1"


def test_list_has_whole_records(store):
    """With thumbnail and source, each figure once."""
    first = publish(store, "a", thumbnail=b"small", source=b"pickle")
    second = publish(store, "b", thumbnail=b"tiny")
    found, _ = list_page(store.catalog.reader, FigureQuery())
    assert sorted(found, key=lambda r: r.name) == [first, second]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 9])
def test_pages_are_the_list_cut_up(five, limit: int):
    """Each figure once, in order; the last page has no cursor."""
    found, cursor, pages = [], None, 0
    while True:
        page, cursor = list_page(five.catalog.reader, FigureQuery(), limit, cursor)
        found += [record.name for record in page]
        pages += 1
        if cursor is None:
            break
    assert found == ["f4", "f3", "f2", "f1", "f0"]
    assert pages == -(-5 // limit)


def test_pages_are_stable_under_inserts(five):
    """What is published between two pages neither repeats nor hides an older figure."""
    first, cursor = list_page(five.catalog.reader, FigureQuery(), 2)
    publish(five, "new", b"new")
    second, _ = list_page(five.catalog.reader, FigureQuery(), 2, cursor)
    assert [r.name for r in (*first, *second)] == ["f4", "f3", "f2", "f1"]


def test_pages_are_stable_when_the_last_one_is_deleted(five):
    """A cursor is a position in the order, not a row."""
    first, cursor = list_page(five.catalog.reader, FigureQuery(), 2)
    run(five.figures.delete([first[-1].id]))
    second, _ = list_page(five.catalog.reader, FigureQuery(), 2, cursor)
    assert [r.name for r in second] == ["f2", "f1"]


def test_pages_over_figures_of_one_moment(store):
    """Equal times are ordered by id."""
    names = {publish(store, f"f{n}", bytes([n])).name for n in range(7)}
    found, cursor = [], None
    while True:
        page, cursor = list_page(store.catalog.reader, FigureQuery(), 2, cursor)
        found += [record.name for record in page]
        if cursor is None:
            break
    assert len(found) == len(names)
    assert set(found) == names


@pytest.mark.parametrize(("limit", "count"), [(0, 1), (-5, 1), (3, 3), (MAX_LIMIT * 10, 5)])
def test_limit_is_clamped(five, limit: int, count: int):
    """At least one, at most a thousand."""
    assert len(list_page(five.catalog.reader, FigureQuery(), limit)[0]) == count


@pytest.fixture
def varied(store):
    """Figures that differ in each filter."""
    publish(store, "sales", title="Profit 100%", session="k1", notebook="a/one.ipynb")
    publish(store, "costs_2024", title="Profit 1000", session="k2", notebook="b/two.ipynb")
    publish(store, "costsX2024", title="back\\slash/", session="k2", notebook="", maker="kernel-9")
    publish(store, "sales", title="Bob's", owner="bob", session=None, notebook="a/one.ipynb")
    return store


@pytest.mark.parametrize(
    ("which", "names"),
    [
        ({}, ["costsX2024", "costs_2024", "sales", "sales"]),
        ({"owner": "bob"}, ["sales"]),
        ({"session": "k2"}, ["costsX2024", "costs_2024"]),
        ({"session": "k1", "name": "sales"}, ["sales"]),
        ({"notebook": "a/one.ipynb", "owner": "ann"}, ["sales"]),
        ({"notebook": ""}, ["costsX2024"]),
        ({"maker": "kernel-9"}, ["costsX2024"]),
        ({"maker": ""}, ["costs_2024", "sales", "sales"]),
        ({"scope": "/elsewhere"}, []),
        ({"name": "sale"}, []),
        ({"text": "SALE"}, ["sales", "sales"]),
        ({"text": "two.ipynb"}, ["costs_2024"]),
        ({"text": "100%"}, ["sales"]),
        ({"text": "s_2"}, ["costs_2024"]),
        ({"text": "\\slash/"}, ["costsX2024"]),
        ({"text": "%"}, ["sales"]),
        ({"text": "'; drop table figures; --"}, []),
        ({"text": "%" * 60_000}, []),
        ({"text": ""}, ["costsX2024", "costs_2024", "sales", "sales"]),
    ],
)
def test_filters(varied, which, names: list[str]):
    """Fields match exactly; text matches parts of name, title or notebook, with literal ``%`` and ``_``."""
    assert sorted(_names(varied, **which)) == names
    assert len(figures.list_ids(varied.catalog.reader, FigureQuery(**which))) == len(names)


def test_session_has_figures_that_it_published_again(store):
    """Identical bytes make no version, but the figure belongs to that session too."""
    publish(store, session="k1")
    publish(store, session="k2")
    assert _names(store, session="k1") == _names(store, session="k2") == ["sales"]


def test_versions_and_their_numbers(store):
    """Newest first; none of an unknown figure."""
    for n in range(3):
        record = publish(store, data=bytes([n]), thumbnail=b"t")
    reader = store.catalog.reader
    assert [v.number for v in figures.list_versions(reader, record.id)] == [3, 2, 1]
    assert list(figures.list_numbers(reader, record.id)) == [3, 2, 1]
    assert figures.list_versions(reader, "A" * 16) == []


@pytest.mark.parametrize(
    "which",
    [
        FigureQuery("ann"),
        FigureQuery("ann", notebook="report.ipynb"),
        FigureQuery("ann", name="sales"),
        FigureQuery("ann", session="kernel-1"),
        FigureQuery("ann", scope="/srv", notebook="report.ipynb", maker=""),
    ],
)
@pytest.mark.sqlite
def test_fast_queries_use_an_index(five, which):
    """No query of an owner scans all figures, and only those of a session or notebook sort."""
    assert not which.is_slow
    plans = []

    @sa.event.listens_for(five.catalog._engine, "before_cursor_execute")
    def explain(connection, cursor, statement, parameters, context, executemany):
        if "LIMIT" in statement:
            cursor.execute(f"explain query plan {statement}", parameters)
            plans.extend(row[3] for row in cursor.fetchall())

    list_page(five.catalog.reader, which)
    assert any("USING INDEX" in step or "USING COVERING INDEX" in step for step in plans), plans
    assert not [step for step in plans if step.startswith("SCAN")], plans
    assert which.is_narrow or not [step for step in plans if "TEMP B-TREE" in step], plans


@pytest.mark.parametrize("which", [FigureQuery("ann", text="al"), FigureQuery()])
def test_queries_without_an_index_are_slow(which):
    """Text search, and lists of all owners."""
    assert which.is_slow


def test_figures_of_a_notebook_are_counted_to_a_bound(store, monkeypatch):
    """Only those of this owner and directory."""
    monkeypatch.setattr(figures, "MAX_COUNT", 3)
    for number in range(5):
        publish(store, f"f{number}")
    publish(store, "other", scope="/elsewhere")
    assert figures.count_in_notebook(store.catalog.reader, "ann", "/srv", "report.ipynb") == 3
    assert figures.count_in_notebook(store.catalog.reader, "ann", "/elsewhere", "report.ipynb") == 1


def test_collections_are_listed_by_name_with_their_figures(store):
    """Of one owner, at most as many as asked for; figures of notebooks are in none."""
    for number in range(3):
        publish(store, f"f{number}", notebook="", scope="", collection="nightly")
    publish(store, "f", notebook="", scope="", collection="alpha")
    publish(store, "f", owner="bob", notebook="", scope="", collection="theirs")
    publish(store, "f")
    assert figures.list_collections(store.catalog.reader, "ann", 5) == [
        Collection("alpha", 1),
        Collection("nightly", 3),
    ]
    assert figures.list_collections(store.catalog.reader, "ann", 1) == [Collection("alpha", 1)]


def test_neighbours_are_the_next_in_the_gallery(store, clock):
    """Of the same owner, also with equal times."""
    records = [publish(store, f"f{n}") for n in range(3)]
    clock.turn(1)
    publish(store, "foreign", owner="bob")
    order = figures.list_ids(store.catalog.reader, FigureQuery("ann"))
    assert len(order) == 3
    listed = [record.id for record in list_page(store.catalog.reader, FigureQuery("ann"))[0]]
    for place, figure in enumerate(listed):
        record = next(one for one in records if one.id == figure)
        newer, older = figures.find_neighbours(store.catalog.reader, record)
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
def test_filtered_figures_are_paginated(store, clock, which: FigureQuery):
    """Each figure once, newest first, for every combination of filters."""
    for one in (session("kernel-1"), session("kernel-2", ended=START)):
        run(store.sessions.record(one))
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
        page, cursor = list_page(store.catalog.reader, which, 3, cursor)
        seen += [record.id for record in page]
        if cursor is None:
            break
    assert seen == matching[::-1]


def test_ended_session_is_not_running(store):
    """Its figures leave the list when it ends."""
    run(store.sessions.record(session("kernel-1")))
    record = publish(store)
    assert figures.list_ids(store.catalog.reader, FigureQuery("ann", running=True)) == [record.id]
    run(store.sessions.end("kernel-1", START + 1))
    assert figures.list_ids(store.catalog.reader, FigureQuery("ann", running=True)) == []
