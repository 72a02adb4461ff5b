"""Dashboards in the store: identity, versions, references, renames, and rebuilding."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_figserve.errors import Conflict
from jupyter_figserve.model.dashboards import FIGURE, TEXT, Layout, PanelSpec
from jupyter_figserve.model.links import DASHBOARD, Link, Target, hash_secret, new_link_id
from jupyter_figserve.model.quotas import PublishLimits
from jupyter_figserve.store.admin.offline import reindex
from jupyter_figserve.store.catalog import dashboards, events, links

from ...tokens import new_token
from ..making import START, identity, publish, run, session

NOTES = PanelSpec(TEXT, markdown="Notes")
TOKEN = new_token()


def layout(*panels: PanelSpec, title: str = "Board") -> Layout:
    return Layout(title, (panels or (NOTES,),))


def keep(store, *panels: PanelSpec, name: str = "board", **words):
    return run(store.dashboards.publish(identity(name), layout(*panels, **words), "kernel-1"))


def link_to(dashboard: str, **fields) -> Link:
    return Link(new_link_id(), hash_secret(TOKEN), Target(DASHBOARD, dashboard), START, **fields)


def test_same_layout_is_the_same_version(store):
    """Another layout is the next version; each version has an event."""
    first = keep(store)
    assert keep(store) == first
    second = keep(store, NOTES, NOTES)
    assert (second.id, second.version) == (first.id, 2)
    assert dashboards.find(store.catalog.reader, first.id) == second
    kinds = [event.kind for event in events.after(store.catalog.reader, 0)]
    assert kinds == ["dashboard.published", "dashboard.published"]


def test_names_tell_dashboards_apart(store):
    """In one notebook; a list has the newest first, by name and by text."""
    board, other = keep(store), keep(store, name="other", title="Other")
    assert board.id != other.id
    found = dashboards.list_page(store.catalog.reader, dashboards.DashboardQuery("ann", text="OTHER"))[0]
    assert found == [other]
    assert dashboards.list_page(store.catalog.reader, dashboards.DashboardQuery("bob"))[0] == []
    assert dashboards.list_page(store.catalog.reader, dashboards.DashboardQuery("ann", text="_" * 60_000))[0] == []


def test_shown_figures_stay(open_here, clock):
    """Figures of ended sessions, and pinned versions beyond ``keep_versions``."""
    store = open_here(keep_session_plots=60.0, limits=PublishLimits(keep_versions=1))
    from jupyter_figserve.store.catalog import sessions

    store.catalog.write(lambda c: sessions.record(c, session(ended=START))).result()
    shown, alone = publish(store), publish(store, "alone", b"other")
    keep(store, PanelSpec(FIGURE, shown.id, version=1))
    publish(store, data=b"two")
    publish(store, data=b"three")
    assert [version.number for version in run(store.figures.list_versions(shown.id))] == [3, 1]
    store.catalog.write(lambda c: sessions.record(c, session(ended=START))).result()
    clock.turn(3_600)
    run(store.collect_garbage())
    assert run(store.figures.find(alone.id)) is None
    assert run(store.figures.find(shown.id)) is not None


def test_deletion_takes_links_and_manifest(store):
    """A link to a deleted dashboard is rejected."""
    board = keep(store)
    run(store.links.add(link_to(board.id)))
    assert run(store.dashboards.delete(board))
    assert not run(store.dashboards.delete(board))
    assert links.find_by_token(store.catalog.reader, TOKEN) is None
    assert list(store.manifests.dashboards.read_all()) == []
    with pytest.raises(Conflict):
        run(store.links.add(link_to(board.id)))


def test_follows_its_notebook(store):
    """A rename keeps id and links; publishing under the new path makes the next version."""
    board = keep(store)
    run(store.rename_notebook("ann", "/srv", "report.ipynb", "final.ipynb"))
    moved = replace(identity("board"), notebook="final.ipynb")
    assert run(store.dashboards.publish(moved, layout(), None)).id == board.id


@pytest.mark.sqlite
def test_lost_catalog_is_rebuilt_with_dashboards(open_here, directory: Path):
    """From their private manifests, with links; an unreadable manifest is reported."""
    store = open_here()
    board = keep(store)
    link = link_to(board.id, locked={"type": "Bear"}, allowed=("since",))
    run(store.links.add(link))
    store.close()
    for suffix in ("", "-wal", "-shm"):
        (directory / f"catalog.db{suffix}").unlink(missing_ok=True)
    (manifest,) = (directory / "dashboards").iterdir()
    assert stat.S_IMODE(manifest.stat().st_mode) == 0o600
    broken = directory / "dashboards" / "broken.json"
    broken.write_text("{")
    done = reindex(directory)
    assert (done.dashboards, done.unreadable) == (1, (str(broken),))
    store = open_here()
    assert dashboards.find(store.catalog.reader, board.id) == board
    assert links.find_by_token(store.catalog.reader, TOKEN) == link
