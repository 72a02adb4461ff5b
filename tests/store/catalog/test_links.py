"""Links in the catalog: found by their token, changed, listed, and their views counted."""

from __future__ import annotations

import threading

import pytest

from jupyter_figserve.errors import InvalidInput, NotFound
from jupyter_figserve.model.links import VIEW_SECONDS, new_token
from jupyter_figserve.store.catalog import links
from jupyter_figserve.store.catalog.pagination import encode_cursor

from ..making import START, hear, other_process, publish, say, share


@pytest.fixture
def figure(store) -> str:
    return publish(store).id


def _find(store, link_id):
    return links.find(store.catalog.reader, link_id)


def _view(store, link, client: str, now: float = START) -> bool:
    return store.write(lambda c: links.count_view(c, link.id, client, now)).result()


def test_link_comes_back_as_it_was_made(store, figure):
    """Field by field, by its token and by its id."""
    token = new_token()
    link = share(
        store, figure, token, expires=START + 60, version=1, label="for Bob", views=3, paused=True, audience="link"
    )
    assert links.find_by_token(store.catalog.reader, token) == link
    assert _find(store, link.id) == link


@pytest.mark.parametrize("change", [str.swapcase, lambda t: t[:-1], lambda t: t + "a", lambda t: t[::-1], lambda _: ""])
def test_no_other_token_finds_it(store, figure, change):
    """Nor does the hash, which is what the database holds."""
    token = new_token()
    link = share(store, figure, token)
    assert links.find_by_token(store.catalog.reader, change(token)) is None
    assert links.find_by_token(store.catalog.reader, link.token_hash) is None


def test_changes_are_kept(store, figure):
    """In the catalog and in the figure's manifest."""
    link = share(store, figure)
    changed = store.change_link(link, {"paused": True, "label": "x", "expires": None}).result()
    assert changed == _find(store, link.id)
    assert (changed.paused, changed.label, changed.expires) == (True, "x", None)
    [manifest] = store.manifests.read_all()
    assert manifest.links == (changed,)


def test_no_change_is_no_error(store, figure):
    """An empty request answers with the link as it is."""
    link = share(store, figure)
    assert store.change_link(link, {}).result() == link


@pytest.mark.parametrize("changes", [{}, {"paused": False}])
def test_revoked_link_cannot_be_changed(store, figure, changes):
    """Another request took it away meanwhile: nobody is told that it lives."""
    link = share(store, figure)
    store.revoke_link(link).result()
    with pytest.raises(NotFound):
        store.change_link(link, changes).result()


def test_revoked_link_is_gone(store, figure):
    """From the catalog and from the manifest, with its viewers; revoking again is no error."""
    token = new_token()
    link = share(store, figure, token, views=2)
    _view(store, link, "client")
    store.revoke_link(link).result()
    store.revoke_link(link).result()
    assert links.find_by_token(store.catalog.reader, token) is None
    assert not links.is_known_viewer(store.catalog.reader, link.id, "client", START)
    [manifest] = store.manifests.read_all()
    assert manifest.links == ()


def test_lists_are_newest_first_and_the_owner_s(store, figure):
    """By figure, by owner, or all."""
    other = publish(store, owner="bob").id
    older, newer = share(store, figure, created=START), share(store, figure, created=START + 1)
    bobs = share(store, other, created=START + 2)
    reader = store.catalog.reader
    assert links.list_of_owner(reader, "ann", None, 10) == [newer, older]
    assert links.list_of_owner(reader, "bob", None, 10) == [bobs]
    assert links.list_of_owner(reader, None, None, 10) == [bobs, newer, older]
    assert links.list_of_owner(reader, None, figure, 10) == [newer, older]
    assert links.list_of_owner(reader, "bob", figure, 10) == []
    assert links.of_figure(reader, figure) == [newer, older]


def test_pages_go_on_where_they_ended(store, figure):
    """Also when links of one moment are told apart by their ids, and the last of the page was revoked meanwhile."""
    made = {share(store, figure).id for _ in range(5)}
    reader = store.catalog.reader
    first = links.list_of_owner(reader, "ann", None, 2)
    cursor = encode_cursor(first[-1].created, first[-1].id)
    store.revoke_link(first[-1]).result()
    second = links.list_of_owner(reader, "ann", None, 10, cursor)
    assert len(second) == 3
    assert {link.id for link in (*first, *second)} == made
    with pytest.raises(InvalidInput):
        links.list_of_owner(reader, "ann", None, 2, first[0].id)


def test_views_are_used_up(store, figure):
    """One for each client; when none is left the answer is no, and nothing is counted."""
    link = share(store, figure, views=2)
    assert [_view(store, link, client) for client in ("a", "b", "c")] == [True, True, False]
    assert _find(store, link.id).seen == 2


def test_one_client_s_requests_within_ten_minutes_are_one_view(store, figure):
    """Afterwards it counts anew; a clock that went back does not make a view free for ever."""
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


def test_link_without_a_limit_counts(store, figure):
    """Never refused, yet known how often it was seen; of a revoked one nothing is left to see."""
    link = share(store, figure)
    assert all(_view(store, link, f"client {n}") for n in range(5))
    store.write(lambda c: links.add_views(c, {link.id: 7, "lnkunknown": 1}, START + 9)).result()
    assert (_find(store, link.id).seen, _find(store, link.id).last_seen) == (12, START + 9)
    store.revoke_link(link).result()
    assert not _view(store, link, "late")


def test_views_are_atomic_over_threads(store, figure):
    """Forty clients race for five views: five have one."""
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
from jupyter_figserve.store import links
from jupyter_figserve.store.catalog import opened
with opened(Path(sys.argv[1])) as catalog:
    print("ready", flush=True)
    sys.stdin.readline()
    futures = [
        catalog.write(lambda c, n=n: links.count_view(c, sys.argv[2], f"{sys.argv[3]}-{n}", 1.8e9)) for n in range(30)
    ]
    print(sum(future.result() for future in futures), flush=True)
"""


def test_views_are_atomic_over_processes(store, figure, directory):
    """Two servers on one directory give out no view twice."""
    link = share(store, figure, views=20)
    path = directory / "catalog.db"
    with other_process(RACER, path, link.id, "a") as first, other_process(RACER, path, link.id, "b") as second:
        for process in (first, second):
            assert hear(process) == "ready"
        for process in (first, second):
            say(process)
        assert int(hear(first)) + int(hear(second)) == 20
    assert _find(store, link.id).seen == 20
