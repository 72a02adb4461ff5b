"""A deleted dashboard can be restored with its links for a time, also after a kill."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_figserve.errors import Conflict, NotFound, QuotaExceeded
from jupyter_figserve.model.dashboards import FIGURE, TEXT, DashboardRecord, Layout, PanelSpec
from jupyter_figserve.model.links import DASHBOARD, Link, Target, hash_secret, new_link_id
from jupyter_figserve.store.admin.offline import reindex
from jupyter_figserve.store.catalog import dashboards, events, links, sessions, tables

from ...tokens import new_token
from ..making import START, Killed, has_manifest, identity, kill, publish, rows, run, session

pytestmark = pytest.mark.sqlite

HOUR = 3_600.0
TOKEN = new_token()


@pytest.fixture
def store(open_here):
    return open_here(keep_deleted=HOUR)


@pytest.fixture
def board(store) -> DashboardRecord:
    """With a figure, a text and a link."""
    rows = ((PanelSpec(FIGURE, publish(store).id), PanelSpec(TEXT, markdown="Notes")),)
    made = run(store.dashboards.publish(identity("board"), Layout("Board", rows), "k1"))
    link = Link(
        id=new_link_id(),
        token_hash=hash_secret(TOKEN),
        target=Target(DASHBOARD, made.id),
        created=START,
        locked={"type": "Bear"},
        allowed=("since",),
    )
    run(store.links.add(link))
    return made


def find(store, board: DashboardRecord) -> DashboardRecord | None:
    return dashboards.find(store.catalog.reader, board.id)


KEPT = (tables.dashboards, tables.dashboard_figures, tables.links)


def test_everything_is_restored(store, board):
    """Layout, references and link, row by row, with an event each."""
    before = {table.name: rows(store, table) for table in KEPT}
    assert all(before.values())
    assert run(store.dashboards.delete(board))
    assert find(store, board) is None
    assert links.find_by_token(store.catalog.reader, TOKEN) is None
    assert run(store.dashboards.find_deleted(board.id)) == board
    assert run(store.dashboards.restore(board.id)) == board
    assert {table.name: rows(store, table) for table in KEPT} == before
    assert has_manifest(store.manifests.dashboards, board.id)
    assert rows(store, tables.trash) == set()
    kinds = [event.kind for event in events.after(store.catalog.reader, 0)]
    assert kinds[-2:] == ["dashboard.deleted", "dashboard.restored"]
    assert run(store.dashboards.restore(board.id)) == board


def test_revoked_link_stays_revoked(store, board):
    """Undoing a deletion undoes nothing else."""
    run(store.links.revoke(links.find_by_token(store.catalog.reader, TOKEN)))
    run(store.dashboards.delete(board))
    run(store.dashboards.restore(board.id))
    assert links.find_by_token(store.catalog.reader, TOKEN) is None


def test_time_is_up(store, board, clock):
    """It cannot be restored, and garbage collection removes it."""
    run(store.dashboards.delete(board))
    clock.turn(HOUR + 1)
    with pytest.raises(NotFound):
        run(store.dashboards.restore(board.id))
    assert run(store.dashboards.find_deleted(board.id)) is None
    run(store.collect_garbage())
    assert rows(store, tables.trash) == set()
    assert rows(store, tables.dashboard_figures) == set()


def test_deletion_without_undoing(open_here, board):
    """With ``keep_deleted=None``, nothing can be restored, and the next cleaning empties the trash."""
    store = open_here()
    assert run(store.dashboards.delete(board))
    assert rows(store, tables.dashboard_figures) == set()
    with pytest.raises(NotFound):
        run(store.dashboards.restore(board.id))


def test_another_of_its_name(store, board):
    """A new dashboard with its name stays, and the old one remains restorable."""
    run(store.dashboards.delete(board))
    layout = replace(board.layout, title="New")
    newer = run(store.dashboards.publish(board.identity, layout, "k1"))
    with pytest.raises(Conflict, match="'board'"):
        run(store.dashboards.restore(board.id))
    assert find(store, newer) == newer
    run(store.dashboards.delete(newer))
    assert run(store.dashboards.restore(board.id)) == board


def test_figures_wait_for_it(open_here, clock):
    """A plot of an ended session, referenced only by the dashboard, is removed when the dashboard expires."""
    store = open_here(keep_deleted=HOUR, keep_session_plots=60.0)
    figure = publish(store)
    layout = Layout("Board", ((PanelSpec(FIGURE, figure.id),),))
    board = run(store.dashboards.publish(identity("board"), layout, "k1"))
    store.catalog.write(lambda c: sessions.record(c, session(ended=START))).result()
    clock.turn(2 * HOUR)
    run(store.dashboards.delete(board))
    run(store.collect_garbage())
    assert run(store.figures.find(figure.id)) is not None
    clock.turn(HOUR + 1)
    for _ in range(2):
        run(store.collect_garbage())
    assert run(store.figures.find(figure.id)) is None


def test_kill_after_a_deletion(store, board, monkeypatch, clock):
    """It is deleted and can be restored; the manifest that is left goes with the time for that."""
    with monkeypatch.context() as patched:
        patched.setattr(store.manifests.dashboards, "delete", kill)
        with pytest.raises(Killed):
            run(store.dashboards.delete(board))
    assert find(store, board) is None
    assert run(store.dashboards.find_deleted(board.id)) == board
    assert has_manifest(store.manifests.dashboards, board.id)
    clock.turn(HOUR + 1)
    run(store.collect_garbage())
    assert not has_manifest(store.manifests.dashboards, board.id)


def test_kill_in_the_middle_of_an_undoing(store, board, monkeypatch, clock, directory: Path):
    """It stays deleted; when it expires, the manifest that was written too early is removed."""
    run(store.dashboards.delete(board))
    with monkeypatch.context() as patched:
        write = store.manifests.dashboards.write
        patched.setattr(store.manifests.dashboards, "write", lambda manifest: (write(manifest), kill()))
        with pytest.raises(Killed):
            run(store.dashboards.restore(board.id))
    assert find(store, board) is None
    clock.turn(HOUR + 1)
    run(store.collect_garbage())
    store.close()
    assert reindex(directory).dashboards == 0


def test_kill_before_an_undoing_is_committed(store, board, monkeypatch):
    """It stays deleted, and can be restored again."""
    run(store.dashboards.delete(board))
    with monkeypatch.context() as patched:
        patched.setattr(store.dashboard_deletion.trash, "remove", kill)
        with pytest.raises(Killed):
            run(store.dashboards.restore(board.id))
    assert find(store, board) is None
    run(store.collect_garbage())
    run(store.dashboards.restore(board.id))
    assert find(store, board) == board
    assert rows(store, tables.trash) == set()


def test_full_disk_leaves_it(store, board, monkeypatch):
    """When the trash cannot be written, nothing is deleted."""
    full = OSError(28, "No space left on device")
    monkeypatch.setattr(store.dashboard_deletion.trash, "put", lambda *_: (_ for _ in ()).throw(full))
    with pytest.raises(QuotaExceeded):
        run(store.dashboards.delete(board))
    assert find(store, board) == board
    assert has_manifest(store.manifests.dashboards, board.id)
