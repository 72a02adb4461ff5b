"""Links of every kind in the catalog: find, change, list, remove, count views."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa

from jupyter_figserve.errors import InvalidInput, NotFound
from jupyter_figserve.model.dashboards import TEXT, Layout, PanelSpec
from jupyter_figserve.model.links import DASHBOARD, FIGURE, LIVE, TARGET_KINDS, VIEW_SECONDS, Target
from jupyter_figserve.model.live import LiveDeclaration
from jupyter_figserve.store.catalog import links, live_figures, tables

from ...tokens import new_token
from ..making import START, identity, link_to, other_process, publish, read_line, run, share, write_line


@pytest.fixture
def figure(store) -> str:
    return publish(store).id


def _figure(store) -> Target:
    return Target(FIGURE, publish(store).id)


def _live(store) -> Target:
    declared = LiveDeclaration("animal")
    record = store.catalog.write(lambda c: live_figures.upsert(c, identity("animal"), "k1", declared, START)).result()
    return Target(LIVE, record.id)


def _dashboard(store) -> Target:
    layout = Layout("Board", ((PanelSpec(TEXT, markdown="Notes"),),))
    return Target(DASHBOARD, run(store.dashboards.publish(identity("board"), layout, "k1")).id)


@pytest.fixture(params=[_figure, _live, _dashboard], ids=["figure", "live", "dashboard"])
def target(request, store) -> Target:
    return request.param(store)


def _add(store, target: Target, token: str | None = None, **fields):
    link = link_to(target, token, **fields)
    run(store.links.add(link))
    return link


def _find(store, link_id):
    return links.find(store.catalog.reader, link_id)


def _view(store, link, client: str, now: float = START) -> bool:
    return store.catalog.write(lambda c: links.count_view(c, link.id, client, now)).result()


def test_people_are_read_back(store, target):
    """Alone, in lists, by token; changing the audience replaces them, and a revoked link leaves none."""
    token = new_token()
    link = _add(store, target, token, audience="people", users=("ada", "bob"), groups=("lab",))
    assert _find(store, link.id) == link == links.find_by_token(store.catalog.reader, token)
    assert links.list_for_target(store.catalog.reader, target) == [link]
    run(store.links.change(link, {"users": ("eve",), "groups": ()}))
    assert (_find(store, link.id).users, _find(store, link.id).groups) == (("eve",), ())
    run(store.links.change(link, {"audience": "hub", "users": ()}))
    assert (_find(store, link.id).audience, _find(store, link.id).users) == ("hub", ())
    run(store.links.change(link, {"users": ("eve",), "audience": "people"}))
    run(store.links.revoke(link))
    assert store.catalog.reader.execute(sa.select(tables.link_people)).all() == []


def test_link_is_read_back(store, target):
    """Field by field, by its token, its id and its target."""
    token, values = new_token(), {"locked": {"since": 2011, "name": "é"}, "allowed": ("type",)}
    link = _add(store, target, token, expires=START + 60, label="for Bob", views=3, paused=True, **values)
    assert links.find_by_token(store.catalog.reader, token) == link
    assert _find(store, link.id) == link
    assert links.list_for_target(store.catalog.reader, target) == [link]


def test_version_is_read_back(store, figure):
    """A link may show one version of a figure."""
    assert _find(store, share(store, figure, version=1).id).version == 1


def test_kinds_do_not_mix(store, target):
    """The links of one target are not those of another with the same id and another kind."""
    link = _add(store, target)
    for kind in TARGET_KINDS:
        expected = [link] if kind == target.kind else []
        assert links.list_for_target(store.catalog.reader, Target(kind, target.id)) == expected


@pytest.mark.parametrize("change", [str.swapcase, lambda t: t[:-1], lambda t: t + "a", lambda t: t[::-1], lambda _: ""])
def test_no_other_token_finds_it(store, figure, change):
    """Not even the hash, which is all that the database has."""
    token = new_token()
    link = share(store, figure, token)
    assert links.find_by_token(store.catalog.reader, change(token)) is None
    assert links.find_by_token(store.catalog.reader, link.token_hash) is None


def test_changes_are_kept(store, figure):
    """In the catalog and in the figure's manifest."""
    link = share(store, figure)
    changed = run(store.links.change(link, {"paused": True, "label": "x", "expires": None}))
    assert changed == _find(store, link.id)
    assert (changed.paused, changed.label, changed.expires) == (True, "x", None)
    [manifest] = store.manifests.figures.read_all()
    assert manifest.links == (changed,)


def test_changes_at_the_same_time_are_both_kept_and_shown(store, figure):
    """Each was asked for when the link was as before."""
    link = share(store, figure)
    run(store.links.change(link, {"paused": True}))
    changed = run(store.links.change(link, {"label": "x"}))
    assert (changed.paused, changed.label) == (True, "x")
    assert changed == _find(store, link.id)


def test_link_of_what_was_just_deleted_is_not_revoked(store, figure):
    """It would come back with an undo, so nobody is told that it was."""
    link = share(store, figure)
    run(store.figures.delete([figure]))
    with pytest.raises(NotFound, match="has just been deleted"):
        run(store.links.revoke(link))


def test_no_change_is_no_error(store, figure):
    """An empty change returns the link unchanged."""
    link = share(store, figure)
    assert run(store.links.change(link, {})) == link


@pytest.mark.parametrize("changes", [{}, {"paused": False}])
def test_revoked_link_cannot_be_changed(store, target, changes):
    """A link that was revoked in the meantime is an error."""
    link = _add(store, target)
    run(store.links.revoke(link))
    with pytest.raises(NotFound):
        run(store.links.change(link, changes))


def test_change_and_revocation_leave_other_links_alone(store, target):
    """Revoking twice is no error."""
    link, other = _add(store, target), _add(store, target, created=START + 1)
    changed = run(store.links.change(link, {"paused": True, "label": "x"}))
    assert links.list_for_target(store.catalog.reader, target) == [other, changed]
    assert (changed.paused, changed.label) == (True, "x")
    run(store.links.revoke(changed))
    run(store.links.revoke(changed))
    assert links.list_for_target(store.catalog.reader, target) == [other]


def test_only_expired_links_are_removed(store, target):
    """In batches; links without an expiry stay for ever."""
    ended = [_add(store, target, expires=START + n) for n in range(3)]
    kept = {_add(store, target, expires=end).id for end in (START + 9, None)}
    assert store.catalog.write(lambda c: links.remove_expired(c, START + 5, 2)).result() == 2
    assert store.catalog.write(lambda c: links.remove_expired(c, START + 5, 2)).result() == 1
    left = {link.id for link in links.list_for_target(store.catalog.reader, target)}
    assert left == kept
    assert not left & {link.id for link in ended}


def test_links_of_one_target_are_removed_together(store, target):
    """With their viewers; the links of another target stay."""
    mine, other = _add(store, target, views=2), share(store, publish(store, "another").id, views=2)
    for link in (mine, other):
        _view(store, link, "client")
    store.catalog.write(lambda c: links.remove_for_target(c, target)).result()
    reader = store.catalog.reader
    assert links.list_for_target(reader, target) == []
    assert not links.is_known_viewer(reader, mine.id, "client", START)
    assert links.is_known_viewer(reader, other.id, "client", START)


def test_revoked_link_is_gone(store, figure):
    """From the catalog and from the manifest, with its viewers."""
    token = new_token()
    link = share(store, figure, token, views=2)
    _view(store, link, "client")
    run(store.links.revoke(link))
    run(store.links.revoke(link))
    assert links.find_by_token(store.catalog.reader, token) is None
    assert not links.is_known_viewer(store.catalog.reader, link.id, "client", START)
    [manifest] = store.manifests.figures.read_all()
    assert manifest.links == ()


def test_lists_are_newest_first_and_the_owner_s(store, figure):
    """By figure, by owner, or all; of every kind."""
    live, dashboard = _add(store, _live(store)), _add(store, _dashboard(store))
    other = publish(store, owner="bob").id
    older, newer = share(store, figure, created=START), share(store, figure, created=START + 1)
    bobs = share(store, other, created=START + 2)
    reader = store.catalog.reader
    found, _ = links.list_page(reader, "ann", None)
    assert (found[0], {*found}) == (newer, {newer, older, live, dashboard})
    assert links.list_page(reader, "bob", None) == ([bobs], None)
    assert links.list_page(reader, None, None)[0][:2] == [bobs, newer]
    assert links.list_page(reader, None, figure) == ([newer, older], None)
    assert links.list_page(reader, "bob", figure) == ([], None)
    assert links.list_for_target(reader, Target(FIGURE, figure)) == [newer, older]


def test_pages_continue_where_they_ended(store, figure):
    """Also when links were created at the same time, and when the last one of the page has been revoked since."""
    made = {share(store, figure).id for _ in range(5)}
    reader = store.catalog.reader
    first, cursor = links.list_page(reader, "ann", None, 2)
    run(store.links.revoke(first[-1]))
    second, at_end = links.list_page(reader, "ann", None, 3, cursor)
    assert (len(second), at_end) == (3, None)
    assert {link.id for link in (*first, *second)} == made
    with pytest.raises(InvalidInput):
        links.list_page(reader, "ann", None, 2, first[0].id)


def test_open_links_are_those_that_open(store):
    """Not paused, expired or used up."""
    record, other = publish(store), publish(store, "other")
    for fields in ({}, {"expires": START + 10}, {"paused": True}, {"views": 2, "seen": 2}, {"views": 2, "seen": 1}):
        share(store, record.id, **fields)
    assert links.count_open(store.catalog.reader, [record.id, other.id], START + 9) == {record.id: 3}
    assert links.count_open(store.catalog.reader, [record.id], START + 10) == {record.id: 2}


def test_views_are_used_up(store, figure):
    """One for each client; when none is left, the view is rejected and not counted."""
    link = share(store, figure, views=2)
    assert [_view(store, link, client) for client in ("a", "b", "c")] == [True, True, False]
    assert _find(store, link.id).seen == 2


def test_one_client_s_requests_within_ten_minutes_are_one_view(store, figure):
    """A later request counts again; a clock that was set back does not make views free."""
    link = share(store, figure, views=2)
    times = [0, 1, VIEW_SECONDS - 1]
    assert all(_view(store, link, "a", START + t) for t in times)
    assert _find(store, link.id).seen == 1
    assert links.is_known_viewer(store.catalog.reader, link.id, "a", START + VIEW_SECONDS - 1)
    assert not links.is_known_viewer(store.catalog.reader, link.id, "a", START + VIEW_SECONDS)
    assert not links.is_known_viewer(store.catalog.reader, link.id, "a", START - 1)
    assert _view(store, link, "a", START + VIEW_SECONDS)
    assert not _view(store, link, "a", START - 10 * VIEW_SECONDS)
    assert _find(store, link.id).seen == 2
    assert _find(store, link.id).last_seen == START + VIEW_SECONDS


def test_link_without_a_limit_counts(store, target):
    """All views are counted; a revoked link has none left."""
    link = _add(store, target)
    assert all(_view(store, link, f"client {n}") for n in range(5))
    run(store.links.add_views([(link.id, f"later {n}", START + n) for n in range(7)] + [("lnkunknown", "a", START)]))
    assert (_find(store, link.id).seen, _find(store, link.id).last_seen) == (12, START + 6)
    run(store.links.revoke(link))
    assert not _view(store, link, "late")


def test_viewers_are_known_to_all_servers(store, target):
    """Whom one server has counted, another one does not count again within ten minutes, nor after a restart."""
    link = _add(store, target)
    for times in ([0.0, VIEW_SECONDS - 1], [1.0], [VIEW_SECONDS, VIEW_SECONDS + 1], [VIEW_SECONDS + 2, 3.0]):
        run(store.links.add_views([(link.id, "a", START + time) for time in times]))
    assert _find(store, link.id).seen == 3
    assert links.is_known_viewer(store.catalog.reader, link.id, "a", START + 4)
    run(store.links.add_views([(link.id, str(n % 700), START) for n in range(1_400)]))
    assert _find(store, link.id).seen == 703


def test_views_are_atomic_over_threads(store, figure):
    """Forty clients race for five views: five get one."""
    link, won, start = share(store, figure, views=5), [], threading.Barrier(8)

    def race(thread: int) -> None:
        start.wait()
        won.extend(_view(store, link, f"{thread}-{n}") for n in range(5))

    threads = [threading.Thread(target=race, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 35 + [True] * 5
    assert _find(store, link.id).seen == 5


RACER = """
import sys
from pathlib import Path
from jupyter_figserve.store.catalog import links
from jupyter_figserve.store.catalog.sqlite import opened
with opened(Path(sys.argv[1])) as catalog:
    print("ready", flush=True)
    sys.stdin.readline()
    futures = [
        catalog.write(lambda c, n=n: links.count_view(c, sys.argv[2], f"{sys.argv[3]}-{n}", 1.8e9)) for n in range(30)
    ]
    print(sum(future.result() for future in futures), flush=True)
"""


@pytest.mark.sqlite
def test_views_are_atomic_over_processes(store, figure, directory):
    """Two servers on one directory never use the same view."""
    link = share(store, figure, views=20)
    path = directory / "catalog.db"
    with other_process(RACER, path, link.id, "a") as first, other_process(RACER, path, link.id, "b") as second:
        for process in (first, second):
            assert read_line(process) == "ready"
        for process in (first, second):
            write_line(process)
        assert int(read_line(first)) + int(read_line(second)) == 20
    assert _find(store, link.id).seen == 20
