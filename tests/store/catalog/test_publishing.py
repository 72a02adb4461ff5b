"""Versions of figures: identity, duplicates, retention, sources and text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jupyter_figserve.errors import Conflict, NotFound
from jupyter_figserve.model.figures import sha256_hex
from jupyter_figserve.model.links import FIGURE, Target
from jupyter_figserve.model.quotas import PublishLimits, Quota
from jupyter_figserve.store.catalog import events, links

from ...tokens import new_token
from ..making import START, assert_sound, draft, identity, link_to, publish, run, share


def test_first_publish_makes_a_figure(store):
    """With all given values, at the time of the clock."""
    record = run(
        store.figures.publish(
            draft(data=b"one", thumbnail=b"small", source=b"pickle", title="Sales", alt="Bars", session="k")
        )
    )
    assert record == run(store.figures.get(record.id))
    assert record.identity == identity()
    assert (record.created, record.updated, record.origin) == (START, START, "published")
    version = record.version
    assert (version.number, version.session, version.title, version.alt) == (1, "k", "Sales", "Bars")
    assert version.representations[0].digest == sha256_hex(b"one")
    assert (version.thumbnail.digest, version.source.digest) == (sha256_hex(b"small"), sha256_hex(b"pickle"))
    assert version.source.libraries == {"python": "3.11"}
    assert version.provenance == {"cell": "c1"}
    assert_sound(store)


def test_publishing_again_is_a_new_version_of_the_same_figure(store, clock):
    """Under the same id and the same links; the older version stays as it was."""
    token = new_token()
    first = publish(store, data=b"one", title="Sales")
    share(store, first.id, token)
    clock.turn(60)
    second = publish(store, data=b"two", title="Sales")
    assert (second.id, second.version.number) == (first.id, 2)
    assert (second.created, second.updated) == (START, START + 60)
    assert links.find_by_token(store.catalog.reader, token).target.id == second.id
    assert run(store.figures.get(first.id, 1)).version == first.version
    assert [v.number for v in run(store.figures.list_versions(first.id))] == [2, 1]


@pytest.mark.parametrize(
    "other",
    [
        {"owner": "bob"},
        {"scope": "/home/ann"},
        {"notebook": "other.ipynb"},
        {"maker": "kernel-9"},
        {"name": "costs"},
        {"collection": "nightly"},
    ],
)
def test_each_part_of_the_identity_tells_figures_apart(store, other):
    """Two projects with a notebook of one name have a figure each."""
    first = publish(store)
    second = run(store.figures.publish(draft(**{"name": "sales", **other})))
    assert second.id != first.id
    assert second.version.number == 1


def test_session_is_no_part_of_the_identity(store):
    """Another kernel of the same notebook makes the next version."""
    first = publish(store, data=b"one", session="k1")
    second = publish(store, data=b"two", session="k2")
    assert second.id == first.id
    assert [v.session for v in run(store.figures.list_versions(first.id))] == ["k2", "k1"]


def test_equal_bytes_and_text_make_no_version(store, clock):
    """The figure is unchanged, including its time, and there is no event."""
    first = publish(store, title="Sales")
    clock.turn(60)
    again = publish(store, title="Sales", thumbnail=b"small", session="k2")
    assert again == first
    assert len(events.after(store.catalog.reader, 0)) == 1
    assert_sound(store)


@pytest.mark.parametrize("change", [{"title": "Other"}, {"alt": "Other"}, {"data": b"two"}])
def test_changed_words_or_bytes_make_a_version(store, change):
    """Each difference by itself."""
    publish(store, title="Sales", alt="Bars")
    assert publish(store, **{"title": "Sales", "alt": "Bars", **change}).version.number == 2


def test_going_back_to_older_bytes_is_a_version(store):
    """Only the newest version is compared."""
    publish(store, data=b"one")
    publish(store, data=b"two")
    third = publish(store, data=b"one")
    assert third.version.number == 3
    assert_sound(store)


def test_several_representations_keep_their_order(store):
    """The first is the main one."""
    both = replace(draft(), images=(*draft().images, replace(draft().images[0], mimetype="image/svg+xml")))
    record = run(store.figures.publish(both))
    assert [part.mimetype for part in run(store.figures.get(record.id)).version.representations] == [
        "image/png",
        "image/svg+xml",
    ]


def test_oldest_versions_go(open_here):
    """Beyond ``keep_versions``; numbers continue."""
    store = open_here(limits=PublishLimits(keep_versions=3))
    for n in range(6):
        record = publish(store, data=bytes([n]))
    assert [v.number for v in run(store.figures.list_versions(record.id))] == [6, 5, 4]
    with pytest.raises(NotFound, match="version 1"):
        run(store.figures.get(record.id, 1))
    assert_sound(store)


def test_all_versions_are_kept_when_nothing_bounds_them(open_here):
    """0 is no limit."""
    store = open_here(limits=PublishLimits(keep_versions=0))
    for n in range(25):
        record = publish(store, data=bytes([n]))
    assert len(run(store.figures.list_versions(record.id))) == 25


def test_one_version_can_be_all(open_here):
    """The newest is always kept."""
    store = open_here(limits=PublishLimits(keep_versions=1))
    for n in range(3):
        record = publish(store, data=bytes([n]))
    assert [v.number for v in run(store.figures.list_versions(record.id))] == [3]


def test_version_that_a_link_shows_stays(open_here):
    """It does not count; the next publish after its link is revoked removes it."""
    store = open_here(limits=PublishLimits(keep_versions=2))
    record = publish(store, data=b"0")
    pinned = share(store, record.id, version=1)
    for n in range(1, 5):
        publish(store, data=bytes([n]))
    assert [v.number for v in run(store.figures.list_versions(record.id))] == [5, 4, 1]
    run(store.links.revoke(pinned))
    publish(store, data=b"last")
    assert [v.number for v in run(store.figures.list_versions(record.id))] == [6, 5]
    assert_sound(store)


def test_link_needs_its_figure_and_its_version(open_here):
    """A removed version cannot be linked."""
    store = open_here(limits=PublishLimits(keep_versions=1))
    record = publish(store, data=b"one")
    publish(store, data=b"two")
    for link in (link_to(Target(FIGURE, record.id), version=1), link_to(Target(FIGURE, "A" * 16))):
        with pytest.raises(Conflict, match="just been deleted"):
            run(store.links.add(link))


def test_title_and_alt_are_changed_in_place(store, clock):
    """No new version, but an event; lists find the new title."""
    publish(store, data=b"one", title="Old")
    record = publish(store, data=b"two", title="Old")
    clock.turn(5)
    changed = run(store.figures.change_text(record, "New", "Bars"))
    assert changed == run(store.figures.get(record.id))
    assert (changed.version.number, changed.version.title, changed.version.alt) == (2, "New", "Bars")
    assert changed.updated == START + 5
    assert run(store.figures.get(record.id, 1)).version.title == "Old"
    assert events.after(store.catalog.reader, 0)[-1].kind == "figure.changed"


def test_caption_stays_until_another_is_given(store):
    """Publishing without a caption keeps the figure's; an empty one removes it, and each change is a new version."""
    publish(store, data=b"one", caption="As of May")
    assert publish(store, data=b"two").version.caption == "As of May"
    removed = publish(store, data=b"two", caption="")
    assert (removed.version.number, removed.version.caption) == (3, "")
    assert run(store.figures.change_text(removed, caption="As of June")).version.caption == "As of June"
    assert run(store.figures.get(removed.id)).version.caption == "As of June"


def test_text_is_changed_in_the_newest_version(store):
    """Also after a publish between reading and change."""
    stale = publish(store, data=b"one", title="Old")
    publish(store, data=b"two", title="Old")
    changed = run(store.figures.change_text(stale, "New", ""))
    assert changed.version.number == 2
    assert run(store.figures.get(stale.id, 1)).version.title == "Old"


def test_changing_the_text_of_a_deleted_figure(store):
    """Another request deleted it in the meantime."""
    record = publish(store)
    run(store.figures.delete([record.id]))
    with pytest.raises(NotFound):
        run(store.figures.change_text(record, "New", ""))


def test_deleted_figure_leaves_nothing(store, directory):
    """Versions, links, manifest and usage are removed; publishing again makes another figure."""
    token = new_token()
    record = publish(store, thumbnail=b"small", source=b"pickle")
    share(store, record.id, token)
    assert run(store.figures.delete([record.id, "A" * 16])) == 1
    assert run(store.figures.find(record.id)) is None
    assert run(store.figures.list_versions(record.id)) == []
    assert links.find_by_token(store.catalog.reader, token) is None
    assert list((directory / "figures").rglob("*.json")) == []
    assert publish(store).id != record.id
    assert_sound(store)


def test_events_name_the_figure(store):
    """The data that an event stream needs."""
    record = publish(store)
    run(store.figures.delete([record.id]))
    published, deleted = events.after(store.catalog.reader, 0)
    assert (published.kind, published.owner, deleted.kind) == ("figure.published", "ann", "figure.deleted")
    assert published.data == {
        "figure": record.id,
        "name": "sales",
        "version": 1,
        "session": "kernel-1",
        "notebook": "report.ipynb",
        "collection": "",
    }


def test_no_quota_is_no_bound():
    """The defaults of ``PublishLimits`` have no quota and keep twenty versions."""
    assert PublishLimits() == PublishLimits(Quota(), Quota(), 20)
    assert Quota() == Quota(None, None)
