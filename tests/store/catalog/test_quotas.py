"""Usage of owners and sessions is counted correctly, and quotas are enforced without side effects."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from jupyter_figserve.errors import QuotaExceeded
from jupyter_figserve.model.figures import sha256_hex
from jupyter_figserve.model.quotas import PublishLimits, Quota, Usage
from jupyter_figserve.store.admin.opening import open_store
from jupyter_figserve.store.catalog import figures, quotas, sessions

from ...waiting import wait_until
from ..making import FakeClock, assert_sound, blob_files, draft, publish, run, session, share

NAMES, OWNERS, SESSIONS = st.sampled_from("abc"), st.sampled_from(["ann", "bob"]), st.sampled_from(["k1", "k2", None])
DATA = st.sampled_from([b"", b"x", b"yy", b"zzz"])


class Books(RuleBasedStateMachine):
    """After any sequence of changes, stored usage equals a recount."""

    def __init__(self) -> None:
        super().__init__()
        self.home, self.clock = Path(tempfile.mkdtemp()), FakeClock()
        limits = PublishLimits(Quota(bytes=40), Quota(figures=3), keep_versions=3)
        self.store = open_store(self.home, limits=limits, keep_session_plots=5_000, clock=self.clock)

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.home)

    @rule(name=NAMES, owner=OWNERS, of=SESSIONS, data=DATA, thumbnail=st.none() | DATA, source=st.none() | DATA)
    def publish(self, name, owner, of, data, thumbnail, source) -> None:
        self.clock.turn(1)
        version = draft(name, data, owner=owner, session=of, thumbnail=thumbnail, source=source)
        with contextlib.suppress(QuotaExceeded):
            run(self.store.figures.publish(version))

    @rule(data=DATA, number=st.integers(1, 9))
    def attach(self, data, number) -> None:
        for record in self._records()[:1]:
            with contextlib.suppress(QuotaExceeded):
                run(self.store.figures.attach_source(record, number, "figure", data, {}))

    @rule()
    def delete(self) -> None:
        run(self.store.figures.delete([record.id for record in self._records()[:1]]))

    @rule()
    def pin(self) -> None:
        for record in self._records()[:1]:
            share(self.store, record.id, version=record.version.number)

    @rule(of=st.sampled_from(["k1", "k2"]))
    def begin_session(self, of) -> None:
        self.store.catalog.write(lambda c: sessions.record(c, session(of, seen=self.clock.now))).result()

    @rule(seconds=st.sampled_from([60, 4_000, 9_000]))
    def clean(self, seconds) -> None:
        self.clock.turn(seconds)
        run(self.store.collect_garbage())

    @invariant()
    def books_agree(self) -> None:
        assert_sound(self.store)
        for owner in ("ann", "bob"):
            assert quotas.read(self.store.catalog.reader, "owner", owner).bytes <= 40

    def _records(self):
        return figures.list_page(self.store.catalog.reader, figures.FigureQuery())[0]


Books.TestCase.settings = settings(max_examples=8, stateful_step_count=20)
TestBooks = Books.TestCase


def test_nothing_is_used_at_first(store):
    """Usage is zero before a publish."""
    assert quotas.read(store.catalog.reader, "owner", "ann") == Usage()


def test_usage_of_owner_and_session(store):
    """Bytes of all parts of all versions; a session's figures are all of which it made a version."""
    publish(store, "a", b"12345", session="k1", thumbnail=b"12", source=b"123")
    publish(store, "a", b"1234", session="k2")
    publish(store, "b", b"123", session="k2", owner="bob")
    publish(store, "b", b"123", session="k3", owner="bob")
    reader = store.catalog.reader
    assert quotas.read(reader, "owner", "ann") == Usage(1, 14)
    assert quotas.read(reader, "owner", "bob") == Usage(1, 3)
    assert quotas.read(reader, "session", "k1") == Usage(1, 10)
    assert quotas.read(reader, "session", "k2") == Usage(2, 7)
    assert quotas.read(reader, "session", "k3") == Usage(1, 0)


QUOTAS = [
    (PublishLimits(owner_quota=Quota(figures=2)), "owner", r"2 figures and may have 2"),
    (PublishLimits(session_quota=Quota(figures=2)), "session", r"2 figures and may have 2"),
    (PublishLimits(owner_quota=Quota(bytes=9)), "owner", r"more than its 9 \(6 are used\)"),
    (PublishLimits(session_quota=Quota(bytes=9)), "session", r"more than its 9 \(6 are used\)"),
]


@pytest.mark.parametrize(("limits", "kind", "words"), QUOTAS)
def test_full_owner_or_session(open_here, directory, limits: PublishLimits, kind: str, words: str):
    """The error names the quota, its usage and the trait; no byte of the rejected figure stays."""
    store = open_here(limits=limits)
    publish(store, "a", b"111")
    publish(store, "b", b"222")
    before = blob_files(directory)
    with pytest.raises(QuotaExceeded, match=words) as refused:
        publish(store, "c", b"3333", thumbnail=b"small")
    assert f"FigServe.{kind}_quota" in refused.value.message
    assert "Nothing was changed" in refused.value.message
    wait_until(lambda: blob_files(directory) == before)
    assert_sound(store)


@pytest.mark.parametrize(("limits", "kind", "words"), QUOTAS)
def test_quota_is_one_owner_s_or_session_s(open_here, limits: PublishLimits, kind: str, words: str):
    """Other owners are not affected."""
    store = open_here(limits=limits)
    publish(store, "a", b"111")
    publish(store, "b", b"222")
    assert publish(store, "c", b"3333", owner="bob", session="k2").version.number == 1


def test_rejected_version_leaves_the_old_one_whole(open_here):
    """Figure, bytes and manifest are unchanged, and a smaller version still fits."""
    store = open_here(limits=PublishLimits(owner_quota=Quota(bytes=10)))
    record = publish(store, data=b"12345")
    with pytest.raises(QuotaExceeded):
        publish(store, data=b"123456")
    assert run(store.figures.get(record.id)) == record
    assert store.blobs.find(sha256_hex(b"12345")) == b"12345"
    [manifest] = store.manifests.figures.read_all()
    assert manifest.versions == (record.version,)
    assert publish(store, data=b"54321").version.number == 2


def test_rejected_bytes_that_are_another_figure_s_stay(open_here):
    """Blobs that are referenced elsewhere are kept."""
    store = open_here(limits=PublishLimits(owner_quota=Quota(bytes=5)))
    publish(store, "a", b"12345", owner="bob")
    publish(store, "b", b"1")
    with pytest.raises(QuotaExceeded):
        publish(store, "c", b"12345")
    assert store.blobs.find(sha256_hex(b"12345")) == b"12345"


def test_count_does_not_hinder_the_next_version(open_here):
    """A quota of figures does not limit versions of existing ones."""
    store = open_here(limits=PublishLimits(owner_quota=Quota(figures=1), session_quota=Quota(figures=1)))
    publish(store, data=b"one")
    assert publish(store, data=b"two").version.number == 2


def test_figure_is_new_to_another_session(open_here):
    """A version of an older figure counts as a figure of the session."""
    store = open_here(limits=PublishLimits(session_quota=Quota(figures=1)))
    publish(store, "a", b"one", session="k1")
    publish(store, "b", b"one", session="k2")
    with pytest.raises(QuotaExceeded, match="This session"):
        publish(store, "a", b"two", session="k2")


def test_identical_publish_needs_no_room(open_here):
    """At the limit, running the notebook again is still possible."""
    store = open_here(limits=PublishLimits(owner_quota=Quota(bytes=3, figures=1)))
    first = publish(store, data=b"one")
    assert publish(store, data=b"one") == first


def test_deleting_makes_room(open_here):
    """At once, before garbage collection."""
    store = open_here(limits=PublishLimits(owner_quota=Quota(figures=1)))
    record = publish(store, "a")
    run(store.figures.delete([record.id]))
    assert publish(store, "b").version.number == 1


def test_late_source_is_within_the_quota(open_here, directory):
    """When rejected, it leaves neither bytes nor usage behind."""
    store = open_here(limits=PublishLimits(owner_quota=Quota(bytes=5)))
    record = publish(store, data=b"123")
    with pytest.raises(QuotaExceeded):
        run(store.figures.attach_source(record, 1, "figure", b"12345", {}))
    assert run(store.figures.get(record.id)).version.source is None
    wait_until(lambda: blob_files(directory) == {sha256_hex(b"123")})
    assert_sound(store)


@pytest.mark.parametrize(
    ("mapping", "quota"),
    [({}, Quota()), ({"figures": 0, "bytes": 0}, Quota()), ({"figures": 5}, Quota(5)), ({"bytes": 7}, Quota(None, 7))],
)
def test_quota_from_a_trait(mapping, quota: Quota):
    """Missing or 0 is no limit."""
    assert Quota.from_mapping(mapping) == quota
