"""Live figures rebuilt from their manifests: ids, links and detached functions."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import sqlalchemy as sa

from jupyter_figserve.errors import Conflict, NotFound
from jupyter_figserve.model.figures import EncodedImage, Identity, sha256_hex
from jupyter_figserve.model.links import LIVE, Link, Target, hash_secret
from jupyter_figserve.model.live import LiveDeclaration
from jupyter_figserve.model.live_images import LiveImage
from jupyter_figserve.model.parameter import Parameter
from jupyter_figserve.model.parameters import Parameters
from jupyter_figserve.model.quotas import PublishLimits
from jupyter_figserve.store.admin.offline import reindex
from jupyter_figserve.store.admin.opening import CATALOG
from jupyter_figserve.store.catalog import detached, links, live_figures, quotas, tables
from jupyter_figserve.store.lifecycle.live_figures import LiveFigureAggregate
from tests.store.making import run

from ...tokens import new_token

pytestmark = pytest.mark.sqlite

ANIMAL = Identity("ann", "/srv", "report.ipynb", "", "animal")
DECLARED = LiveDeclaration("animal", Parameters((Parameter("n", "int", default=1, minimum=0),)), "Bears", digest="d")
TABLES = (tables.live_figures, tables.links, tables.live_sources, tables.blobs, tables.usage)


def offer(store, declaration=DECLARED, identity=ANIMAL):
    """As the server does it."""
    records, _ = run(store.live.record_offers("k1", {identity: declaration}))
    # The manifest is written right after, in the same thread.
    store.catalog.submit(lambda: None).result()
    return records[identity]


def share(store, record, **fields) -> str:
    """A new link's token."""
    token = new_token()
    link = Link(f"L{hash_secret(token)[:8]}", hash_secret(token), Target(LIVE, record.id), store.clock(), **fields)
    run(store.links.add(link))
    return token


def detach(store, record, data=b"function"):
    return run(store.live.attach_function(record, DECLARED, data, {"python": "3.11"}))


def rows(store) -> dict[str, set[str]]:
    """All rows, without when a blob or function was entered."""
    late = ("created", "unheld", "seen")
    return {
        table.name: {
            str({k: v for k, v in row._mapping.items() if table.name.startswith("live_fig") or k not in late})
            for row in store.catalog.reader.execute(table.select())
        }
        for table in TABLES
    }


@pytest.fixture
def lose(directory, open_here):
    """Close the store, delete its catalog and rebuild it; return the new store and the report."""

    def close_and_lose(store):
        store.close()
        for file in directory.glob(f"{CATALOG}*"):
            file.unlink()
        done = reindex(directory)
        return open_here(), done

    return close_and_lose


def test_all_comes_back_with_a_deleted_catalog(store, lose):
    """Identity, declaration, changed links, and the function with its blob and usage."""
    record = offer(store)
    token = share(store, record, locked={"n": 3}, allowed=("n",), label="for Ada", expires=3e9)
    share(store, record)
    paused = links.find_by_token(store.catalog.reader, token)
    run(store.links.change(paused, {"paused": True}))
    detach(store, record)
    before, found = rows(store), links.find_by_token(store.catalog.reader, token)
    again, done = lose(store)
    assert (done.live, done.links, done.unreadable) == (1, 2, ())
    assert rows(again) == before
    reader = again.catalog.reader
    assert live_figures.find(reader, record.id) == record
    assert links.find_by_token(reader, token) == found
    kept = detached.find(reader, record.id)
    assert (kept.declaration, again.blobs.find(kept.source.digest)) == (DECLARED, b"function")
    assert quotas.read(reader, "owner", "ann").bytes == len(b"function")
    assert offer(again).id == record.id


def test_revoked_link_does_not_come_back(store, lose):
    """Its token opens nothing for ever."""
    token = share(store, offer(store))
    run(store.links.revoke(links.find_by_token(store.catalog.reader, token)))
    again, done = lose(store)
    assert (done.live, done.links) == (1, 0)
    assert links.find_by_token(again.catalog.reader, token) is None


def test_tokens_are_not_in_the_files(store, directory):
    """Their hashes are, and nobody else may read them."""
    token = share(store, offer(store))
    (file,) = (directory / "figures" / "live").iterdir()
    assert hash_secret(token) in file.read_text()
    assert token not in file.read_text()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_restored_figure_has_the_new_name_of_its_notebook(store, lose):
    """As it was followed."""
    record = offer(store)
    run(store.rename_notebook("ann", "/srv", "report.ipynb", "new.ipynb"))
    again, _ = lose(store)
    assert live_figures.find(again.catalog.reader, record.id).identity.notebook == "new.ipynb"


def test_removed_function_does_not_come_back(store, lose):
    """Its live figure does."""
    record = offer(store)
    detach(store, record)
    assert run(store.live.remove_function(record))
    again, _ = lose(store)
    assert detached.find(again.catalog.reader, record.id) is None
    assert live_figures.find(again.catalog.reader, record.id) == record


def test_function_whose_bytes_are_lost_is_left_out(store, lose):
    """What could not be opened is not said to be there."""
    record = offer(store)
    detach(store, record)
    store.blobs.delete(sha256_hex(b"function"))
    again, done = lose(store)
    assert done.live == 1
    assert detached.find(again.catalog.reader, record.id) is None


def test_two_of_one_identity_are_one(store, lose, directory, open_here, clock):
    """The older id is kept, with the links of both."""
    first = offer(store)
    old = share(store, first)
    store.close()
    for file in directory.glob(f"{CATALOG}*"):
        file.unlink()
    clock.turn(60)
    second_store = open_here()
    second = offer(second_store, LiveDeclaration("animal", description="Anew"))
    assert second.id != first.id
    new = share(second_store, second)
    again, done = lose(second_store)
    assert (done.live, done.links) == (1, 2)
    reader = again.catalog.reader
    assert [links.find_by_token(reader, token).target.id for token in (old, new)] == [first.id] * 2
    assert live_figures.find(reader, first.id).declaration.description == "Anew"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"id": 3}'])
def test_damaged_manifest_is_reported_and_skipped(store, lose, directory, text):
    """The others come back."""
    record = offer(store)
    broken = directory / "figures" / "live" / "Broken.json"
    broken.write_text(text)
    again, done = lose(store)
    assert (done.live, done.unreadable) == (1, (str(broken),))
    assert live_figures.find(again.catalog.reader, record.id) == record


def test_field_of_a_newer_version_is_passed_by(store, lose, directory):
    """A server after this one may write more."""
    record = offer(store)
    token = share(store, record)
    (file,) = (directory / "figures" / "live").iterdir()
    manifest = json.loads(file.read_text())
    manifest["links"][0]["new"] = manifest["new"] = manifest["identity"]["new"] = 1
    file.write_text(json.dumps(manifest))
    again, done = lose(store)
    assert done.unreadable == ()
    assert links.find_by_token(again.catalog.reader, token).target.id == record.id


def test_pending_manifests_are_written_at_the_next_start(store, directory, open_here):
    """Also what a server before there were manifests left."""
    record = store.catalog.write(lambda c: live_figures.upsert(c, ANIMAL, "k1", DECLARED, store.clock())).result()
    assert not (directory / "figures" / "live").exists()
    store.close()
    again = open_here()
    assert (directory / "figures" / "live" / f"{record.id}.json").exists()
    assert again.catalog.transact(LiveFigureAggregate(again.manifests.live_figures, PublishLimits()).catch_up) == 0


def test_live_manifests_are_no_figures(store, directory):
    """A list of figures' manifests does not have them."""
    offer(store)
    assert list(store.manifests.figures.read_all()) == []


def keep_image(store, record, data=b"image") -> None:
    digest = sha256_hex(data)
    image = LiveImage(record.id, "key", "image/png", digest, len(data), 8, 6, None, "", store.clock())
    run(store.live.keep_images([(image, EncodedImage("image/png", data, 8, 6))]))


def references(store, data: bytes) -> int:
    """To the blob with these bytes."""
    columns = tables.blobs.c
    return store.catalog.reader.execute(sa.select(columns.refs).where(columns.digest == sha256_hex(data))).scalar()


def test_deletion_is_undone_with_links_images_and_function(open_here, clock):
    """They are all off meanwhile, and the quota is free."""
    store = open_here(keep_deleted=3_600)
    record = offer(store)
    token = share(store, record, locked={"n": 3})
    detach(store, record)
    keep_image(store, record)
    before = rows(store)
    assert run(store.live.delete(record))
    assert not run(store.live.delete(record))
    reader = store.catalog.reader
    assert run(store.live.find(record.id)) is None
    assert links.find_by_token(reader, token) is None
    assert detached.find(reader, record.id) is None
    assert quotas.read(reader, "owner", "ann").bytes == 0
    assert run(store.live.find_deleted(record.id)) == record
    assert run(store.live.find_deleted_in_session("k1", "animal")) == record
    clock.turn(3_000)
    run(store.collect_garbage())
    assert run(store.live.restore(record.id)) == record
    after = rows(store)
    assert all(after[name] == before[name] for name in ("live_figures", "links", "live_sources", "usage"))
    assert run(store.live.find_image(record.id, "key")).digest == sha256_hex(b"image")
    assert store.blobs.find(sha256_hex(b"function")) == b"function"


def test_images_go_once_a_deletion_cannot_be_undone(open_here, clock):
    """With their references; nothing is left to restore."""
    store = open_here(keep_deleted=3_600)
    record = offer(store)
    keep_image(store, record)
    run(store.live.delete(record))
    run(store.collect_garbage())
    assert references(store, b"image") == 1
    clock.turn(3_601)
    run(store.collect_garbage())
    assert references(store, b"image") == 0
    with pytest.raises(NotFound, match="no deleted live figure"):
        run(store.live.restore(record.id))


def test_deleted_declaration_stays_deleted_until_it_changes(open_here):
    """A kernel announces the same again after a dropped connection; running the cell again makes a new one."""
    store = open_here(keep_deleted=3_600)
    record = offer(store, replace(DECLARED, revision="1"))
    run(store.live.delete(record))
    again, deleted = run(store.live.record_offers("k1", {ANIMAL: replace(DECLARED, revision="1")}))
    assert (again[ANIMAL], deleted) == (record, {record.id})
    assert run(store.live.find(record.id)) is None
    anew, deleted = run(store.live.record_offers("k1", {ANIMAL: replace(DECLARED, revision="2")}))
    assert anew[ANIMAL].id != record.id
    assert deleted == set()
    with pytest.raises(Conflict, match="There is a new live figure named 'animal'"):
        run(store.live.restore(record.id))
