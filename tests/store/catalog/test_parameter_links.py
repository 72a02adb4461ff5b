"""Links onto live figures and dashboards: found by their token alone, changed, counted, and gone with their end."""

from __future__ import annotations

import pytest

from jupyter_figserve.errors import Conflict, NotFound
from jupyter_figserve.model.dashboards import TEXT, DashboardLink, Layout, PanelSpec
from jupyter_figserve.model.links import hash_secret, new_link_id, new_token
from jupyter_figserve.model.live import LiveDeclaration, LiveLink
from jupyter_figserve.store.catalog import live_figures
from jupyter_figserve.store.catalog.parameter_links import DASHBOARD_LINKS, LIVE_LINKS

from ..making import START, identity


def offered(store) -> str:
    return (
        store.write(lambda c: live_figures.offer(c, identity("animal"), "k1", LiveDeclaration("animal"), START))
        .result()
        .id
    )


def laid_out(store) -> str:
    layout = Layout("Board", ((PanelSpec(TEXT, markdown="Notes"),),))
    return store.publish_dashboard(identity("board"), layout, "k1").result().id


@pytest.fixture(params=["live", "dashboard"])
def kind(request, store):
    """The rows of a kind, and how a link of it onto something real is made."""
    rows, made, target = {
        "live": (LIVE_LINKS, LiveLink, offered),
        "dashboard": (DASHBOARD_LINKS, DashboardLink, laid_out),
    }[request.param]
    shown = target(store)

    def make(token: str, **fields):
        return made(
            **{request.param: shown, "id": new_link_id(), "token_hash": hash_secret(token), "created": START} | fields
        )

    return rows, make, shown


def test_is_found_by_its_token_alone(store, kind):
    """As it was made, with the values that it locks."""
    rows, make, shown = kind
    token = new_token()
    link = make(token, label="x", expires=START + 60, locked={"since": 2011}, allowed=("type",))
    store.add_link(link).result()
    reader = store.catalog.reader
    assert rows.find_by_token(reader, token) == rows.find(reader, link.id) == link
    assert rows.find_by_token(reader, new_token()) is None
    assert rows.find_by_token(reader, hash_secret(token)) is None
    assert rows.of(reader, shown) == [link]


def test_is_changed_counted_and_revoked(store, kind):
    """Another link stays as it is; one that is gone cannot be changed, and may be revoked again."""
    rows, make, shown = kind
    link, other = make(new_token()), make(new_token(), created=START + 1)
    for one in (link, other):
        store.add_link(one).result()
    assert store.change_link(link, {"paused": True, "label": "x"}).result().paused
    store.write(lambda c: rows.add_views(c, {link.id: 3, "nobody": 1}, START + 5)).result()
    reader = store.catalog.reader
    newest, found = rows.of(reader, shown)
    assert newest == other
    assert (found.paused, found.label, found.seen, found.last_seen) == (True, "x", 3, START + 5)
    store.revoke_link(found).result()
    store.revoke_link(found).result()
    assert rows.of(reader, shown) == [other]
    for changes in ({"paused": False}, {}):
        with pytest.raises(NotFound):
            store.change_link(found, changes).result()


def test_only_the_expired_are_removed(store, kind):
    """Those without an end stay for ever."""
    rows, make, shown = kind
    ended, open_still, endless = (make(new_token(), expires=end) for end in (START + 1, START + 9, None))
    for link in (ended, open_still, endless):
        store.add_link(link).result()
    assert store.write(lambda c: rows.remove_expired(c, START + 5)).result() == 1
    assert {link.id for link in rows.of(store.catalog.reader, shown)} == {open_still.id, endless.id}


def test_nothing_that_is_gone_is_linked(store, kind):
    """A race with its deletion leaves no link behind."""
    rows, make, _ = kind
    target = "live" if rows is LIVE_LINKS else "dashboard"
    with pytest.raises(Conflict, match="has just gone"):
        store.add_link(make(new_token(), **{target: "nothing"})).result()
    assert rows.of(store.catalog.reader, "nothing") == []
