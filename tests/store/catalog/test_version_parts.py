"""What is added to a version after it was published: source, code, further images, and what is known of them."""

from __future__ import annotations

from dataclasses import replace

from jupyter_figserve.model.figures import EncodedImage, sha256_hex
from jupyter_figserve.model.source_check import SourceCheck
from jupyter_figserve.store.catalog import quotas

from ...waiting import wait_until
from ..making import START, assert_sound, draft, publish, run


def test_source_comes_after(store):
    """It is counted and referenced, and is in the record and the manifest."""
    record = publish(store)
    assert run(store.figures.attach_source(record, 1, "figure", b"pickle", {"python": "3.11"})) is True
    source = run(store.figures.get(record.id)).version.source
    assert (source.kind, source.size, source.libraries) == ("figure", 6, {"python": "3.11"})
    [manifest] = store.manifests.figures.read_all()
    assert manifest.versions[0].source == source
    assert_sound(store)


def test_code_comes_with_a_version_or_after_it(store):
    """It is counted and referenced, and is in the record and the manifest; a version keeps its first."""
    first = run(store.figures.publish(replace(draft("sales", b"one"), code="a = 1")))
    second = publish(store, "sales", b"two")
    assert run(store.figures.attach_code(first, 1, "other")) is False
    assert run(store.figures.attach_code(second, 2, "b = 2")) is True
    assert run(store.figures.attach_code(second, 7, "other")) is False
    codes = [version.code.digest for version in run(store.figures.list_versions(second.id))]
    assert [store.blobs.find(digest) for digest in codes] == [b"b = 2", b"a = 1"]
    [manifest] = store.manifests.figures.read_all()
    assert [version.code.digest for version in manifest.versions] == codes
    assert_sound(store)
    run(store.figures.delete([second.id]))
    assert_sound(store)


def test_second_source_is_not_taken(store):
    """Nor a source for a removed version; neither leaves bytes behind."""
    record = publish(store, source=b"pickle")
    assert run(store.figures.attach_source(record, 1, "figure", b"other", {})) is False
    assert run(store.figures.attach_source(record, 7, "figure", b"other", {})) is False
    run(store.figures.delete([record.id]))
    assert run(store.figures.attach_source(record, 1, "figure", b"other", {})) is False
    wait_until(lambda: store.blobs.find_missing([sha256_hex(b"other")]))


def test_second_source_of_the_same_bytes_leaves_the_first(store):
    """Blobs that another version references are kept."""
    record = publish(store, source=b"pickle")
    assert run(store.figures.attach_source(record, 1, "figure", b"pickle", {})) is False
    assert store.blobs.find(sha256_hex(b"pickle")) == b"pickle"
    assert_sound(store)


def test_part_counts_for_who_has_the_figure_now(store):
    """It was moved to another owner while its source, its code and an image were on their way."""
    record = publish(store, data=b"one")
    run(store.owners.transfer("ann", "zoe", is_renamed=False))
    assert run(store.figures.attach_source(record, 1, "figure", b"source", {}))
    assert run(store.figures.attach_source(record, 1, "figure", b"another", {}, replaces=True))
    assert run(store.figures.attach_code(record, 1, "code"))
    assert run(store.figures.add_representation(record, 1, EncodedImage("image/svg+xml", b"<svg/>", None, None)))
    used = [quotas.read(store.catalog.reader, "owner", owner).bytes for owner in ("ann", "zoe")]
    assert used == [0, 3 + 7 + 4 + 6]
    assert_sound(store)


def test_check_of_a_source_that_was_replaced_is_forgotten(store):
    """It says nothing about the new one."""
    record = publish(store, source=b"old")
    assert run(store.figures.attach_source(record, 1, "figure", b"new", {}, replaces=True))
    check = SourceCheck("matplotlib 3", START, {})
    run(store.figures.record_source_check(record, check))
    renewed = run(store.figures.get(record.id))
    assert renewed.version.check is None
    run(store.figures.record_source_check(renewed, check))
    assert run(store.figures.get(record.id)).version.check == check


def test_reason_of_a_missing_source_comes_too_late(store):
    """A source that has come meanwhile stays without one."""
    record = publish(store, source=b"source")
    run(store.figures.record_source_problem(record, 1, "too large"))
    assert run(store.figures.get(record.id)).version.source_problem == ""
    bare = publish(store, "other")
    run(store.figures.record_source_problem(bare, 1, "too large"))
    assert run(store.figures.get(bare.id)).version.source_problem == "too large"
