"""Sessions: start, reports, end; and notebooks that move."""

from __future__ import annotations

import pytest

from jupyter_figserve.model.sessions import Session
from jupyter_figserve.store.catalog import sessions, tables

from ..making import START, publish, run, session


@pytest.fixture
def note(store):
    def note(*arguments, **fields) -> None:
        store.catalog.write(lambda c: sessions.record(c, session(*arguments, **fields))).result()

    return note


def _find(store, session_id="kernel-1"):
    return sessions.find(store.catalog.reader, session_id)


def test_session_is_noted_and_seen_again(store, note):
    """The start is kept; last report and notebook are updated; an ended session becomes alive again."""
    note()
    store.catalog.write(lambda c: sessions.end(c, "kernel-1", START + 1)).result()
    note(started=START + 5, seen=START + 5, notebook="moved.ipynb")
    found = _find(store)
    assert (found.started, found.seen, found.notebook, found.ended) == (START, START + 5, "moved.ipynb", None)
    assert _find(store, "unknown") is None


def test_session_ends_once(store, note):
    """A second end changes nothing."""
    note()
    for when in (START + 1, START + 2):
        store.catalog.write(lambda c, when=when: sessions.end(c, "kernel-1", when)).result()
    assert _find(store).ended == START + 1


def test_silent_session_ends_when_it_was_last_seen(store, note):
    """Its server was killed; the others stay."""
    note("silent", seen=START)
    note("living", seen=START)
    note("ended", seen=START, ended=START - 5)
    store.catalog.write(lambda c: sessions.keep_alive(c, ["living"], START + 100)).result()
    assert store.catalog.write(lambda c: sessions.end_silent(c, START + 50)).result() == 1
    assert [_find(store, name).ended for name in ("silent", "living", "ended")] == [START, None, START - 5]


def test_silent_session_that_is_reported_again_is_alive(store, note):
    """Its computer was asleep; one that has ended stays so, and is not reported either."""
    note("asleep")
    note("ended")
    store.catalog.write(lambda c: sessions.end_silent(c, START + 50)).result()
    store.catalog.write(lambda c: sessions.record(c, session("ended", seen=START + 60))).result()
    store.catalog.write(lambda c: sessions.end(c, "ended", START + 70)).result()
    store.catalog.write(lambda c: sessions.keep_alive(c, ["asleep", "ended"], START + 100)).result()
    assert [(_find(store, name).seen, _find(store, name).ended) for name in ("asleep", "ended")] == [
        (START + 100, None),
        (START + 60, START + 70),
    ]


def test_session_that_has_ended_since_it_was_seen_stays_so(store, note):
    """The report of its notebook comes late."""
    note()
    store.catalog.write(lambda c: sessions.end(c, "kernel-1", START + 2)).result()
    note(seen=START + 1, notebook="late.ipynb")
    assert _find(store).ended == START + 2


def test_newest_version_that_a_session_made(store):
    """Publishing the same bytes again counts."""
    record = publish(store, data=b"one", session="k1")
    publish(store, data=b"two", session="k1")
    publish(store, data=b"two", session="k2")
    reader = store.catalog.reader
    rows = reader.execute(tables.session_figures.select()).all()
    assert {(row.session, row.version) for row in rows} == {("k1", 2), ("k2", 2)}
    assert sessions.has_made(reader, "k2", record.id)
    assert not sessions.has_made(reader, "k3", record.id)


def _notebooks(store, *records) -> list[str]:
    return [run(store.figures.get(record.id)).identity.notebook for record in records]


def test_renamed_notebook_takes_its_figures_along(store):
    """Ids stay and manifests are updated; publishing from the new path makes the next version."""
    moved, other = publish(store), publish(store, notebook="other.ipynb")
    bobs, elsewhere = publish(store, owner="bob"), publish(store, scope="/elsewhere")
    assert run(store.rename_notebook("ann", "/srv", "report.ipynb", "final.ipynb")) == 1
    assert _notebooks(store, moved, other, bobs, elsewhere) == ["final.ipynb", "other.ipynb"] + ["report.ipynb"] * 2
    assert "final.ipynb" in {manifest.record.identity.notebook for manifest in store.manifests.figures.read_all()}
    assert publish(store, data=b"two", notebook="final.ipynb").id == moved.id


def test_renamed_directory_takes_its_notebooks_along(store):
    """All below it, and none with only the same prefix; ``%`` and ``_`` in its name are literal."""
    inside = publish(store, notebook="a_b/x.ipynb"), publish(store, notebook="a_b/c/y.ipynb")
    beside = publish(store, notebook="a_bc/x.ipynb"), publish(store, notebook="aXb/x.ipynb")
    assert run(store.rename_notebook("ann", "/srv", "a_b", "new")) == 2
    assert _notebooks(store, *inside) == ["new/x.ipynb", "new/c/y.ipynb"]
    assert _notebooks(store, *beside) == ["a_bc/x.ipynb", "aXb/x.ipynb"]


def test_figure_whose_new_identity_is_taken_keeps_its_old_one(store):
    """The others move; nothing is lost."""
    taken = publish(store, "sales", b"theirs", notebook="final.ipynb")
    stays, moves = publish(store, "sales", b"mine"), publish(store, "costs", b"mine")
    assert run(store.rename_notebook("ann", "/srv", "report.ipynb", "final.ipynb")) == 1
    assert _notebooks(store, taken, stays, moves) == ["final.ipynb", "report.ipynb", "final.ipynb"]


def test_renamed_notebook_renames_its_sessions(store):
    """Running and ended ones, also below a renamed directory; those of another owner or root stay."""
    paths = {"a": "x/report.ipynb", "b": "x/y/other.ipynb", "c": "xy.ipynb"}
    for session_id, path in paths.items():
        run(store.sessions.record(Session(session_id, "ann", "/srv", path, START, START)))
    run(store.sessions.record(Session("d", "bob", "/srv", "x/report.ipynb", START, START)))
    run(store.rename_notebook("ann", "/srv", "x", "z"))
    run(store.rename_notebook("ann", "/srv", "z/report.ipynb", "final.ipynb"))
    found = {one: sessions.find(store.catalog.reader, one).notebook for one in "abcd"}
    assert found == {"a": "final.ipynb", "b": "z/y/other.ipynb", "c": "xy.ipynb", "d": "x/report.ipynb"}


def test_rename_of_an_unknown_notebook(store):
    """Most notebooks have no figures."""
    assert run(store.rename_notebook("ann", "/srv", "none.ipynb", "other.ipynb")) == 0


def test_sessions_are_listed_newest_first(store, note):
    """By owner, notebook and state; in pages, also with equal start times."""
    for number in range(5):
        note(f"kernel-{number}", started=START + number // 2, notebook=f"{number % 2}.ipynb")
    store.catalog.write(lambda c: sessions.end(c, "kernel-4", START)).result()
    reader = store.catalog.reader

    def ids(*arguments, **filters) -> list[str]:
        return [one.id for one in sessions.list_page(reader, *arguments, **filters)[0]]

    assert ids(None) == [f"kernel-{number}" for number in (4, 3, 2, 1, 0)]
    assert ids(None, alive=True) == [f"kernel-{number}" for number in (3, 2, 1, 0)]
    assert ids(None, notebook="1.ipynb") == ["kernel-3", "kernel-1"]
    assert ids("nobody") == []
    found, cursor = [], None
    for _ in range(3):
        page, cursor = sessions.list_page(reader, None, limit=2, cursor=cursor)
        found += [one.id for one in page]
    assert (found, cursor) == (ids(None), None)
    assert (sessions.count_alive(reader, "ann"), sessions.count_alive(reader, "nobody")) == (4, 0)


def test_figures_of_sessions_are_counted(store):
    """Figures, not versions; and the newest version of each that the session made."""
    for data in (b"one", b"two"):
        record = publish(store, data=data, session="kernel-1")
    other = publish(store, "other", session="kernel-1")
    publish(store, data=b"three", session="kernel-2")
    reader = store.catalog.reader
    assert sessions.count_figures(reader, ["kernel-1", "kernel-2", "kernel-3"]) == {"kernel-1": 2, "kernel-2": 1}
    assert sessions.find_versions(reader, "kernel-1") == {record.id: 2, other.id: 1}
    assert sessions.find_versions(reader, "kernel-2") == {record.id: 3}


def test_ended_sessions_without_figures_are_forgotten(store, note):
    """In batches; those that are alive, ended recently or have a figure stay."""
    for name in ("alive", "late", "full", "empty-1", "empty-2"):
        note(name)
    publish(store, session="full")
    for name, when in (("late", START + 10), ("full", START), ("empty-1", START), ("empty-2", START)):
        store.catalog.write(lambda c, name=name, when=when: sessions.end(c, name, when)).result()
    for gone in (1, 1, 0):
        assert store.catalog.write(lambda c: sessions.remove_empty(c, START + 5, 1)).result() == gone
    assert {one.id for one in sessions.list_page(store.catalog.reader, None)[0]} == {"alive", "late", "full"}


def test_running_and_ended_sessions_are_distinguished(store):
    """Latest first, up to the limit."""
    alive = [session(f"alive-{n}", started=START + n) for n in range(3)]
    ended = [session(f"ended-{n}", ended=START + n) for n in range(3)]
    for one in (*alive, *ended):
        run(store.sessions.record(one))
    assert sessions.list_running(store.catalog.reader, "ann", 2) == [alive[2], alive[1]]
    assert sessions.list_ended(store.catalog.reader, "ann", 2) == [ended[2], ended[1]]
    assert (
        sessions.list_running(store.catalog.reader, "bob", 9)
        == sessions.list_ended(store.catalog.reader, "bob", 9)
        == []
    )
    assert sessions.find_many(store.catalog.reader, ["alive-0", "ended-2", "none"]).keys() == {"alive-0", "ended-2"}
