"""A catalog from manifests: the same figures, versions, links and books as before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis.strategies import binary, data, integers, sampled_from

from jupyter_figserve.model.dashboards import TEXT, Layout, PanelSpec
from jupyter_figserve.model.figures import Identity, new_id, sha256_hex
from jupyter_figserve.model.links import DASHBOARD, LIVE, Target
from jupyter_figserve.model.live import LiveDeclaration
from jupyter_figserve.store.admin.rebuild import RebuildReport, restore
from jupyter_figserve.store.catalog import links, live_figures, quotas, sessions, tables
from jupyter_figserve.store.catalog.sqlite import SqliteCatalog

from ...tokens import new_token
from ..making import START, assert_sound, link_to, publish, run, share

pytestmark = pytest.mark.sqlite


@pytest.fixture
def restored(store):
    """A fresh catalog from what ``store`` keeps beside its own: its reader, and what came back."""
    catalog = SqliteCatalog(None)

    def run(progress=lambda _: None) -> tuple:
        done = catalog.write(lambda c: restore(c, store.manifests, store.blobs, progress)).result()
        return catalog.reader, done

    yield run
    catalog.close()


def _rows(reader, table) -> set[str]:
    return {str(tuple(row)) for row in reader.execute(table.select())}


def test_everything_is_restored(store, restored, clock):
    """Figures, versions, parts, links, references, usage and who made what are equal, row by row."""
    for n in range(4):
        publish(store, data=bytes([n]), thumbnail=b"small", source=b"pickle", session=f"k{n % 2}")
        clock.turn(60)
    other = publish(store, "other", owner="bob", session=None, scope="", notebook="", collection="nightly")
    token = new_token()
    share(store, other.id, token, expires=2e9, views=5, audience="people", users=("eve",), groups=("lab",))
    link = run(store.links.find_by_token(token))
    assert run(store.links.use_view(link, "a client", START))
    run(store.links.change(link, {"users": ("bob", "eve")}))
    reader, done = restored()
    assert done == RebuildReport(figures=2, versions=5, links=1)
    links_too = (tables.links, tables.link_people, tables.session_figures)
    for table in (tables.figures, tables.versions, tables.representations, *links_too):
        assert _rows(reader, table) == _rows(store.catalog.reader, table), table.name
    for owner in ("ann", "bob"):
        assert quotas.read(reader, "owner", owner) == quotas.read(store.catalog.reader, "owner", owner)
    assert links.find_by_token(reader, token).target.id == other.id
    held = reader.execute(tables.blobs.select()).all()
    assert {row.digest: row.refs for row in held} == {
        row.digest: row.refs for row in store.catalog.reader.execute(tables.blobs.select())
    }


def test_progress_is_reported(store, restored):
    """Figure by figure."""
    for n in range(3):
        publish(store, f"f{n}")
    reported: list[int] = []
    restored(reported.append)
    assert reported == [1, 2, 3]


def test_sessions_end_when_they_last_published(store, restored, clock):
    """Whatever the order in which the figures are read: none of them must expire too early."""
    for n in range(6):
        publish(store, f"f{n}", session="k")
        clock.turn(86_400)
    reader, _ = restored()
    assert sessions.find(reader, "k").ended == START + 5 * 86_400


def test_unreadable_manifest_is_reported(store, restored, directory: Path):
    """And hinders no other figure."""
    record, broken = publish(store, "a"), publish(store, "b")
    path = directory / "figures" / broken.id[:2] / f"{broken.id}.json"
    path.write_text("{")
    reader, done = restored()
    assert done == RebuildReport(figures=1, versions=1, unreadable=(str(path),))
    assert reader.execute(tables.figures.select()).one().id == record.id


def test_version_without_its_bytes_is_left_out(store, restored):
    """The figure is reported, its other versions and their links come back."""
    publish(store, data=b"one")
    record = publish(store, data=b"two")
    kept, lost = share(store, record.id), share(store, record.id, version=2)
    store.blobs.delete(sha256_hex(b"two"))
    reader, done = restored()
    assert done == RebuildReport(figures=1, versions=1, links=1, incomplete=(record.id,))
    assert reader.execute(tables.figures.select()).one().latest == 1
    assert links.find(reader, kept.id) == kept
    assert links.find(reader, lost.id) is None


def test_figure_without_any_bytes_is_left_out(store, restored):
    """There is nothing to show; it is reported."""
    record = publish(store, data=b"one")
    store.blobs.delete(sha256_hex(b"one"))
    _, done = restored()
    assert done == RebuildReport(incomplete=(record.id,))


def _copy_as_another(store, directory: Path, record, **changes) -> str:
    """A manifest of the same identity under another id, as a lost catalog or a kill leaves it."""
    twin = new_id()
    source = directory / "figures" / record.id[:2] / f"{record.id}.json"
    target = directory / "figures" / twin[:2] / f"{twin}.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(json.loads(source.read_text()) | {"id": twin} | changes))
    return twin


@pytest.mark.parametrize("age", [-5.0, 5.0])
def test_of_two_figures_of_one_identity_the_newer_stays(store, restored, directory: Path, age: float):
    """A publish that was killed, and its repetition; whichever is read first."""
    record = publish(store)
    twin = _copy_as_another(store, directory, record, updated=record.updated + age)
    reader, done = restored()
    winner, loser = (twin, record.id) if age > 0 else (record.id, twin)
    assert done == RebuildReport(figures=1, versions=1, duplicates=(loser,))
    assert reader.execute(tables.figures.select()).one().id == winner
    assert {row.refs for row in reader.execute(tables.blobs.select())} == {1}
    assert quotas.read(reader, "owner", "ann").figures == 1


@pytest.mark.parametrize("run", range(4))
def test_of_two_figures_of_one_identity_the_shared_stays(store, restored, directory: Path, run: int):
    """A link that was given out must open again, though the other is newer."""
    token = new_token()
    record = publish(store)
    share(store, record.id, token)
    twin = _copy_as_another(store, directory, record, updated=record.updated + 5, links=[])
    reader, done = restored()
    assert done.duplicates == (twin,)
    assert links.find_by_token(reader, token).target.id == record.id


def test_restored_store_goes_on(open_here, directory: Path):
    """Publishing, pruning and deleting work on what came back."""
    first = open_here()
    record = publish(first, data=b"one", source=b"pickle")
    first.close()
    for suffix in ("", "-wal", "-shm"):
        (directory / f"catalog.db{suffix}").unlink(missing_ok=True)
    store = open_here()
    store.catalog.write(lambda c: restore(c, store.manifests, store.blobs)).result()
    assert run(store.figures.get(record.id)) == record
    assert publish(store, data=b"two").version.number == 2
    assert_sound(store)
    run(store.figures.delete([record.id]))
    assert_sound(store)


JUNK = (None, True, -1, 2**70, 0.5, float("inf"), "", "../../x", "\ud800", "x" * 64, [], {}, [[]], {"a": 1}, [None])


def _places(data, path=()):
    """Yield the path of every value in a JSON document."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from _places(value, (*path, key))


class _Undo(Exception):
    """Ends a transaction without a change."""


@pytest.fixture
def manifests_of_each_kind(store):
    """A sound figure, and a figure, a live figure and a dashboard with links, whose files the test damages."""
    publish(store, "sound")
    figure = publish(store, "figure", thumbnail=b"small", source=b"pickle")
    share(store, figure.id, views=3)
    publish(store, "figure", data=b"two")
    identity = Identity("ann", "s", "n.ipynb", "", "animal")
    live = store.catalog.write(
        lambda c: live_figures.upsert(c, identity, "k1", LiveDeclaration("animal"), START)
    ).result()
    board = run(store.dashboards.publish(identity, Layout("Board", ((PanelSpec(TEXT, markdown="Notes"),),)), "k1"))
    for kind, record in ((LIVE, live), (DASHBOARD, board)):
        run(store.links.add(link_to(Target(kind, record.id))))
    manifests = store.manifests
    return [
        manifests.figures.files.path_of(figure.id),
        manifests.live_figures.files.path_of(live.id),
        manifests.dashboards.files.path_of(board.id),
    ]


@pytest.fixture
def rebuilt(store):
    """Rebuilds in a catalog that is empty each time; returns the report."""
    catalog = SqliteCatalog(None)

    def rebuild(connection):
        raise _Undo(restore(connection, store.manifests, store.blobs))

    def run() -> RebuildReport:
        with pytest.raises(_Undo) as undone:
            catalog.write(rebuild).result()
        (report,) = undone.value.args
        return report

    yield run
    catalog.close()


def test_kind_C11_no_damage_ends_the_rebuild(manifests_of_each_kind, rebuilt):
    """Whatever one value of a manifest becomes, the others are restored."""
    originals = {path: path.read_text() for path in manifests_of_each_kind}

    @given(given_data=data())
    def check(given_data):
        path = given_data.draw(sampled_from(manifests_of_each_kind))
        document = json.loads(originals[path])
        *parents, last = given_data.draw(sampled_from(list(_places(document))))
        parent = document
        for key in parents:
            parent = parent[key]
        parent[last] = given_data.draw(sampled_from(JUNK))
        path.write_text(json.dumps(document))
        try:
            report = rebuilt()
        finally:
            path.write_text(originals[path])
        assert report.figures >= 1
        assert report.figures + report.live + report.dashboards + len(report.unreadable) >= 3

    check()


def _flip_bits(text: bytes, draw) -> bytes:
    damaged = bytearray(text)
    for _ in range(draw(integers(1, 4))):
        damaged[draw(integers(0, len(text) - 1))] ^= 1 << draw(integers(0, 7))
    return bytes(damaged)


def _truncate(text: bytes, draw) -> bytes:
    return text[: draw(integers(0, len(text) - 1))]


def _insert(text: bytes, draw) -> bytes:
    """What no JSON holds, or what makes a parser fail in its own way."""
    place = draw(integers(0, len(text)))
    pieces = (b"\xff\xfe", b"\xed\xa0\x80", b"\0", b'"', b"9" * 5_000, b"[" * 100_000, b"1e999,", b"NaN,", b"\\ud800")
    return text[:place] + draw(sampled_from(pieces)) + text[place:]


def _repeat_key(text: bytes, draw) -> bytes:
    """The first key twice; JSON leaves open which one counts, and Python takes the last."""
    other = draw(sampled_from((b"null", b"{}", b'"../../x"', b"1e400", b"-9" * 200, b"[" * 2_000 + b"]" * 2_000)))
    place = draw(sampled_from([index for index in range(len(text)) if text[index : index + 1] == b"{"])) + 1
    key = text[place:].partition(b":")[0]
    return text[:place] + key + b":" + other + b"," + text[place:] if key.startswith(b'"') else other


def _replace_all(text: bytes, draw) -> bytes:
    wholes = (b"", b"null", b"[]", b"{}", b"[" * 200_000, b'{"a":' * 100_000, text.decode().encode("utf-16"))
    return draw(sampled_from((*wholes, b"\xef\xbb\xbf" + text)) | binary(max_size=50))


@pytest.mark.parametrize("damage", [_flip_bits, _truncate, _insert, _repeat_key, _replace_all])
def test_kind_C11_no_damaged_bytes_end_the_rebuild(manifests_of_each_kind, rebuilt, damage):
    """Whatever happens to the bytes of a manifest: it is restored or reported, and nothing else is lost."""
    originals = {path: path.read_bytes() for path in manifests_of_each_kind}
    sound = rebuilt()

    @settings(max_examples=25)
    @given(given_data=data())
    def check(given_data):
        path = given_data.draw(sampled_from(manifests_of_each_kind))
        path.write_bytes(damage(originals[path], given_data.draw))
        try:
            report = rebuilt()
        finally:
            path.write_bytes(originals[path])
        missing = [getattr(sound, name) - getattr(report, name) for name in ("figures", "live", "dashboards")]
        position = manifests_of_each_kind.index(path)
        assert [lost for index, lost in enumerate(missing) if index != position] == [0, 0]
        reported = report.unreadable == (str(path),) or report.incomplete or report.duplicates
        assert missing[position] == 0 or (missing[position] == 1 and reported), (missing, report)

    check()


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest["versions"][0]["representations"][0].update(digest="../../x"),
        lambda manifest: manifest["versions"][0].update(representations=[]),
        lambda manifest: manifest["versions"].append(manifest["versions"][0]),
        lambda manifest: manifest["links"].append(manifest["links"][0]),
        lambda manifest: manifest.update(updated=None),
        lambda manifest: manifest.update(id="../../x"),
        lambda manifest: manifest["links"][0]["target"].update(id="other"),
    ],
)
def test_kind_C11_damaged_manifest_is_reported(store, manifests_of_each_kind, restored, change):
    """It adds nothing, half a figure neither, and the report names its file."""
    path = manifests_of_each_kind[0]
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    reader, report = restored()
    assert report.unreadable == (str(path),)
    assert (report.figures, report.live, report.dashboards) == (1, 1, 1)
    assert len(_rows(reader, tables.versions)) == 1
