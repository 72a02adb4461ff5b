"""Stores whose blobs and manifests are in a bucket: moto's S3, and a real SeaweedFS server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from jupyter_figserve.errors import Unavailable
from jupyter_figserve.model.figures import Identity, sha256_hex
from jupyter_figserve.model.links import LIVE, Target
from jupyter_figserve.model.live import LiveDeclaration
from jupyter_figserve.store.admin.offline import reindex
from jupyter_figserve.store.catalog import links
from jupyter_figserve.store.files import object_storage
from jupyter_figserve.store.files.places import Bucket
from jupyter_figserve.store.lifecycle.garbage_collection import BLOB_GRACE
from jupyter_figserve.store.store import Store

from ..conftest import require_package, require_program
from ..waiting import PATIENCE, wait_until
from . import buckets
from .buckets import SeaweedFS
from .making import assert_sound, draft, link_to, publish, run, share, stored_files

ONE, TWO = sha256_hex(b"one"), sha256_hex(b"two")


@pytest.fixture(scope="module")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    server = SeaweedFS(require_program("weed"), tmp_path_factory.mktemp("seaweed"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def moto() -> Iterator[Mapping[str, str]]:
    require_package("moto.server")
    with buckets.moto() as environment:
        yield environment


@pytest.fixture(params=["moto", "seaweed"])
def url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket with a prefix of the test's own, and its credentials in the environment."""
    server: Any = request.getfixturevalue(request.param)
    for name, value in (server.environment if request.param == "seaweed" else server).items():
        monkeypatch.setenv(name, value)
    if request.param == "seaweed":
        server.wait()
    return f"s3://figures/{uuid4().hex}"


@pytest.fixture
def open_bucket(open_here: Callable[..., Store], url: str) -> Callable[..., Store]:
    """Opens the directory with the bucket; requests get more time than they would on an idle machine."""
    return lambda **settings: open_here(bucket=Bucket(url, 10.0), **settings)


@pytest.fixture
def store(open_bucket: Callable[..., Store]) -> Store:
    return open_bucket(keep_deleted=3_600.0)


def _manifests(store: Store) -> dict[str, Any]:
    return {manifest.record.id: manifest for manifest in store.manifests.figures.read_all()}


@pytest.mark.sqlite
def test_everything_is_in_the_bucket(store, directory: Path):
    """Images, sources and manifests; the directory has the catalog alone."""
    record = publish(store, data=b"one", thumbnail=b"small", source=b"pickle")
    assert publish(store, data=b"one", title="New").version.number == 2
    again = publish(store, "other", b"one")
    assert run(store.read_blob(ONE)) == b"one"
    assert store.blobs.start_find(ONE, 1, 3).result() == b"ne"
    assert {*store.blobs.list_digests()} == {ONE, sha256_hex(b"small"), sha256_hex(b"pickle")}
    assert _manifests(store).keys() == {record.id, again.id}
    assert {name.partition(".")[0] for name in stored_files(directory)} == {"catalog"}
    assert_sound(store)


def test_manifests_follow_every_change(store, monkeypatch):
    """Text, links and deletions, after the transaction; what cannot be written stays queued."""
    record, gone = publish(store), publish(store, "gone")
    run(store.flush())
    with monkeypatch.context() as patched:
        patched.setattr(store.manifests.figures.files, "replace", _fail)
        patched.setattr(store.manifests.figures.files, "delete", _fail)
        link = share(store, record.id)
        run(store.figures.change_text(record, "New", "Bars"))
        run(store.figures.delete([gone.id]))
        run(store.flush())
        assert _manifests(store).keys() == {record.id, gone.id}
    run(store.flush())
    assert _manifests(store).keys() == {record.id}
    told = _manifests(store)[record.id]
    assert (told.versions[0].title, told.links) == ("New", (link,))


def test_what_the_background_writes_is_waited_for(store, monkeypatch):
    """Else a manifest would be missing that was acknowledged before."""
    record, files = publish(store), store.manifests.figures.files
    run(store.flush())
    has_begun, gate, replace = threading.Event(), threading.Event(), files.replace

    def replace_slowly(*manifest: Any) -> None:
        has_begun.set()
        assert gate.wait(PATIENCE)
        replace(*manifest)

    monkeypatch.setattr(files, "replace", replace_slowly)
    link = share(store, record.id)
    assert has_begun.wait(PATIENCE)
    with ThreadPoolExecutor(1) as pool:
        flushing = pool.submit(store.manifest_writer.flush)
        gate.set()
        assert flushing.result() == 0
    assert _manifests(store)[record.id].links == (link,)


@pytest.mark.sqlite
def test_lost_catalog_is_rebuilt_from_the_bucket(store, open_bucket, directory: Path, url: str):
    """Figures, versions, links, live figures and their functions; a damaged manifest is named, the others are read."""
    record, damaged = publish(store, data=b"one"), publish(store, "damaged", b"two")
    publish(store, data=b"three")
    link = share(store, record.id)
    identity, declaration = Identity("ann", "/srv", "a.ipynb", "", "animal"), LiveDeclaration("animal", digest="d")
    [live] = run(store.live.record_offers("k1", {identity: declaration}))[0].values()
    run(store.live.attach_function(live, declaration, b"function", {}))
    shown = link_to(Target(LIVE, live.id))
    run(store.links.add(shown))
    run(store.flush())
    store.manifests.figures.files.replace(damaged.id, b"{")
    store.close()
    (directory / "catalog.db").write_bytes(b"no database")
    report = reindex(directory, bucket=Bucket(url, 10.0), take_over=True)
    assert (report.figures, report.versions, report.links, report.live) == (1, 2, 2, 1)
    assert report.unreadable == (f"{url}/figures/{damaged.id[:2]}/{damaged.id}.json",)
    again = open_bucket()
    assert run(again.figures.get(record.id)).version.number == 2
    assert links.list_for_target(again.catalog.reader, link.target) == [link]
    kept = run(again.live.find_detached(live.id))
    assert kept is not None
    assert run(again.read_blob(kept.source.digest)) == b"function"


@pytest.mark.sqlite
def test_figure_whose_bytes_are_lost_is_reported(store, directory: Path, url: str):
    """It is not restored, and its id is reported."""
    record = publish(store, data=b"one")
    store.blobs.delete(ONE)
    store.close()
    (directory / "catalog.db").unlink()
    assert reindex(directory, bucket=Bucket(url, 10.0), take_over=True).incomplete == (record.id,)


@pytest.mark.sqlite
def test_deleted_on_one_server_and_restored_on_another(store, open_bucket):
    """With its links and bytes; one whose bytes are gone is not restored."""
    other = open_bucket(keep_deleted=3_600.0)
    record = publish(store, data=b"one")
    link = share(store, record.id)
    run(store.figures.delete([record.id]))
    assert run(other.figures.restore(record.id)) == record
    assert links.list_for_target(store.catalog.reader, link.target) == [link]
    # Those that the first server has claimed are written by it.
    wait_until(lambda: other.manifest_writer.flush() == 0)
    assert _manifests(store)[record.id].links == (link,)


def test_unreferenced_blobs_go_after_a_grace(store, clock, monkeypatch):
    """Those of deleted figures, and those that no figure ever had; lists come in pages."""
    monkeypatch.setattr(object_storage, "_PAGE", 1)
    run(store.figures.delete([publish(store, data=b"one").id]))
    publish(store, "kept", b"two")
    store.blobs.put(sha256_hex(b"orphan"), b"orphan")
    shards = {int(digest[:2], 16) for digest in store.blobs.list_digests()}

    def clean() -> int:
        removed = 0
        for store._shard in shards:
            removed += run(store.collect_garbage()).blobs
        return removed

    assert clean() == 1, "an orphan is as old as the server says, which does not know the test's clock"
    clock.turn(BLOB_GRACE)
    assert clean() == 0
    clock.turn(1)
    assert clean() == 1
    assert {*store.blobs.list_digests()} == {TWO}
    assert_sound(store)


@pytest.mark.sqlite
def test_bucket_that_does_not_answer(seaweed, open_here, monkeypatch):
    """A publish and a read are refused for a while, a change goes on; without a restart all goes on afterwards."""
    for name, value in seaweed.environment.items():
        monkeypatch.setenv(name, value)
    seaweed.wait()
    store = open_here(bucket=Bucket(f"s3://figures/{uuid4().hex}", 0.3))
    record = run(_until_available(lambda: store.figures.publish(draft(data=b"one"))))
    seaweed.freeze()
    try:
        with pytest.raises(Unavailable, match="does not answer") as refused:
            run(store.figures.publish(draft(data=b"two")))
        with pytest.raises(Unavailable):
            run(store.read_blob(ONE))
        changed = run(store.figures.change_text(record, "New"))
    finally:
        seaweed.thaw()
    assert (refused.value.code, refused.value.retry_after) == ("blob_store_unavailable", 5)
    assert changed.version.title == "New"
    assert run(_until_available(lambda: store.read_blob(ONE))) == b"one"
    assert run(_until_available(lambda: store.figures.publish(draft(data=b"two")))).version.number == 2


async def _until_available(work: Callable[[], Any]) -> Any:
    """Return the result of the first attempt that succeeds; each fails within the timeout of the bucket."""
    for _ in range(100):
        try:
            return await work()
        except Unavailable:
            continue
    return await work()


def _fail(*_: object) -> None:
    raise Unavailable("down")
