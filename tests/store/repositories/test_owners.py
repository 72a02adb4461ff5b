"""Owners: their usage, and the transfer of everything from one to another."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_figserve.model.dashboards import TEXT, Layout, PanelSpec
from jupyter_figserve.model.keys import Key
from jupyter_figserve.model.queries import FigureQuery
from jupyter_figserve.store.admin.offline import reindex
from jupyter_figserve.store.catalog import keys, links, sessions
from jupyter_figserve.store.repositories import owners

from ...tokens import new_token
from ..making import START, assert_sound, identity, publish, run, session, share


def key(key_id: str, owner: str) -> Key:
    return Key(key_id, "h", owner, frozenset({"publish"}), START, None, "", None, maker=owner)


@pytest.fixture
def store(open_here):
    return open_here(keep_deleted=3_600.0)


def test_usage_is_listed(store):
    """Those with the most bytes first."""
    publish(store, data=b"1")
    share(store, publish(store, "big", b"12345", owner="bob").id)
    found = run(store.owners.list_page())[0]
    assert [(one.owner, one.figures, one.bytes, one.links) for one in found] == [("bob", 1, 5, 1), ("ann", 1, 1, 0)]
    assert [one.owner for one in run(store.owners.list_page(1))[0]] == ["bob"]
    assert [one.owner for one in run(store.owners.list_page(text="NN"))[0]] == ["ann"]
    assert run(store.owners.list_page(text="a" * 60_000))[0] == []


@pytest.mark.sqlite
def test_everything_moves(store, open_here, directory):
    """Figures, dashboards, deleted ones and links under their addresses; manifests follow; keys are revoked."""
    token = new_token()
    record, other = publish(store, data=b"one"), publish(store, "other", b"two", owner="eve")
    publish(store, data=b"three")
    gone = publish(store, "gone")
    run(store.figures.delete([gone.id]))
    share(store, record.id, token, audience="people", users=("bob",))
    layout = Layout("Board", ((PanelSpec(TEXT, markdown="Notes"),),))
    board = run(store.dashboards.publish(identity("board"), layout, "k1"))
    store.catalog.write(lambda c: keys.add(c, key("old", "ann"))).result()
    done = run(store.owners.transfer("ann", "zoe", is_renamed=False))
    assert (dict(done.moved), done.kept) == ({"figure": 1, "live": 0, "dashboard": 1}, ())
    assert run(store.figures.find(record.id)).owner == run(store.dashboards.find(board.id)).owner == "zoe"
    assert run(store.figures.find(other.id)).owner == "eve"
    assert links.find_by_token(store.catalog.reader, token).users == ("bob",)
    assert keys.find(store.catalog.reader, "old") is None
    assert run(store.figures.restore(gone.id)).owner == "zoe"
    assert_sound(store)
    store.close()
    reindex(directory)
    again = open_here()
    assert run(again.figures.find(record.id)).owner == "zoe"
    assert run(again.dashboards.find(board.id)).owner == "zoe"


@pytest.mark.sqlite
def test_renamed_person_keeps_keys_and_access(store, open_here, directory):
    """Links of others for the old name are for the new one, once, also in manifests."""
    publish(store)
    token, both = new_token(), new_token()
    other = publish(store, "other", owner="eve")
    share(store, other.id, token, audience="people", users=("ann", "bob"))
    share(store, other.id, both, audience="people", users=("ann", "zoe"))
    store.catalog.write(lambda c: keys.add(c, key("old", "ann"))).result()
    run(store.owners.transfer("ann", "zoe", is_renamed=True))
    kept = keys.find(store.catalog.reader, "old")
    assert (kept.owner, kept.maker) == ("zoe", "zoe")
    assert links.find_by_token(store.catalog.reader, both).users == ("zoe",)
    store.close()
    reindex(directory)
    assert links.find_by_token(open_here().catalog.reader, token).users == ("bob", "zoe")


def test_taken_names_stay(store):
    """Both figures stay as they are, and the answer names the one that did not move; repeating changes nothing."""
    mine, theirs = publish(store, data=b"mine"), publish(store, data=b"theirs", owner="zoe")
    for _ in range(2):
        done = run(store.owners.transfer("ann", "zoe", is_renamed=False))
        assert (done.moved["figure"], done.kept) == (0, (mine.id,))
    assert run(store.figures.find(mine.id)).owner == "ann"
    assert run(store.figures.find(theirs.id)).owner == "zoe"
    assert_sound(store)


def test_sessions_move(store):
    """So that the new owner's gallery has them."""
    store.catalog.write(lambda c: sessions.record(c, session("kernel-1", ended=START))).result()
    run(store.owners.transfer("ann", "zoe", is_renamed=False))
    assert sessions.find(store.catalog.reader, "kernel-1").owner == "zoe"


@pytest.mark.parametrize(("is_departed", "stays"), [(False, True), (True, False)])
def test_running_kernels_are_the_old_owners(store, is_departed, stays):
    """With their keys, so that they publish on as that person, unless the person is gone; ended sessions move."""
    publish(store)
    for name, ended in (("running", None), ("over", START + 1)):
        store.catalog.write(lambda c, name=name: sessions.record(c, session(name, notebook="a.ipynb"))).result()
        if ended is not None:
            run(store.sessions.end(name, ended))
    kernel_key = Key("kk", "h", "ann", frozenset({"publish"}), START, None, "kernel", kernel="running")
    store.catalog.write(lambda c: keys.add(c, kernel_key)).result()
    store.catalog.write(lambda c: keys.add(c, key("own", "ann"))).result()
    if is_departed:
        run(store.owners.adopt("ann", "then"))
        run(store.owners.mark_departed("ann", START))
    run(store.owners.transfer("ann", "zoe", is_renamed=False))
    assert keys.find(store.catalog.reader, "own") is None
    assert (keys.find(store.catalog.reader, "kk") is not None) == stays
    assert run(store.sessions.find("running")).owner == ("ann" if stays else "zoe")
    assert run(store.sessions.find("over")).owner == "zoe"
    again = publish(store)
    assert again.owner == "ann"
    assert_sound(store)


def test_opposite_transfers_end(open_here, monkeypatch):
    """Two administrators, on two servers, move everything of each to the other: nothing is lost or counted twice."""
    monkeypatch.setattr(owners, "_BATCH", 2)
    one, two = open_here(), open_here()
    ids = {publish(one, f"{owner}-{n}", b"x", owner=owner).id for owner in ("ann", "bob") for n in range(7)}

    async def move_both() -> None:
        async with asyncio.timeout(60):
            await asyncio.gather(
                one.owners.transfer("ann", "bob", is_renamed=False), two.owners.transfer("bob", "ann", is_renamed=False)
            )

    asyncio.run(move_both())
    found = [run(one.figures.list_ids(FigureQuery(owner=owner))) for owner in ("ann", "bob")]
    assert {*found[0], *found[1]} == ids
    usage = {owner.owner: owner.figures for owner in run(one.owners.list_page())[0]}
    assert [usage.get("ann", 0), usage.get("bob", 0)] == [len(part) for part in found]
    assert_sound(one)
