"""A file for each figure, from which a lost catalog is rebuilt."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from jupyter_figserve.model.figures import FigureRecord, Version
from jupyter_figserve.store.files.manifest_formats import FigureManifest, Manifests
from jupyter_figserve.store.files.manifests import Unreadable

from ...tokens import new_token
from ..making import identity, publish, run, share, stored_files

pytestmark = pytest.mark.sqlite


def _only(store):
    [manifest] = store.manifests.figures.read_all()
    return manifest


def _file(directory: Path) -> Path:
    [path] = (directory / "figures").rglob("*.json")
    return path


def test_manifest_tells_all_of_a_figure(store):
    """Record, versions (newest first) and links are read back as they are in the catalog."""
    publish(store, data=b"one", thumbnail=b"small", source=b"pickle", title="Sales ≥ 売上")
    record = publish(store, data=b"two", alt="Bars")
    link = share(store, record.id, expires=2e9, version=1, label="for Bob", views=3)
    manifest = _only(store)
    assert manifest.record == record
    assert manifest.versions == tuple(run(store.figures.list_versions(record.id)))
    assert manifest.links == (link,)


def test_manifest_follows_every_change(store):
    """Text, links, sources and renames are written before the change is acknowledged."""
    record = publish(store)
    link = share(store, record.id)
    run(store.figures.change_text(record, "New", "Bars"))
    assert _only(store).versions[0].title == "New"
    run(store.links.change(link, {"paused": True}))
    assert _only(store).links[0].paused
    run(store.links.revoke(link))
    assert _only(store).links == ()
    run(store.figures.attach_source(record, 1, "figure", b"pickle", {}))
    assert _only(store).versions[0].source.size == 6
    run(store.rename_notebook("ann", "/srv", "report.ipynb", "b.ipynb"))
    assert _only(store).record.identity.notebook == "b.ipynb"
    run(store.figures.delete([record.id]))
    assert list(store.manifests.figures.read_all()) == []


def test_manifest_is_private_and_holds_no_secret(store, directory: Path):
    """Mode 0600, with only the hash of a token."""
    token = new_token()
    share(store, publish(store).id, token)
    file = _file(directory)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert token not in file.read_text()


def test_nothing_is_left_beside(store, directory: Path):
    """One file for each figure."""
    publish(store, "a")
    publish(store, "a", b"two")
    publish(store, "b")
    assert len(stored_files(directory / "figures")) == 2


def test_manifest_is_synced_before_it_takes_the_old_one_s_place(store, monkeypatch):
    """Write, fsync the file, rename it, fsync the directory: a power cut leaves the old one or the new."""
    publish(store)
    manifest, steps = _only(store), []

    def recorded(name: str):
        really = getattr(os, name)

        def step(*arguments):
            is_directory = name == "fsync" and stat.S_ISDIR(os.fstat(arguments[0]).st_mode)
            really(*arguments)
            steps.append("fsync directory" if is_directory else name)

        return step

    for name in ("fsync", "replace"):
        monkeypatch.setattr(os, name, recorded(name))
    store.manifests.figures.write(manifest)
    assert steps == ["fsync", "replace", "fsync directory"]


def test_fields_of_a_newer_version_are_passed_over(store, directory: Path):
    """Unknown fields are ignored."""
    record = publish(store, thumbnail=b"small", source=b"pickle")
    share(store, record.id)
    file = _file(directory)
    data = json.loads(file.read_text())
    places = [data, data["identity"], data["links"][0], *data["versions"]]
    places += [data["versions"][0][part] for part in ("thumbnail", "source")] + data["versions"][0]["representations"]
    for place in places:
        place["later"] = {"any": "thing"}
    file.write_text(json.dumps(data))
    assert _only(store).record == record


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        '"x"',
        "{}",
        '{"versions": []}',
        '{"versions": [7]}',
        '{"versions": {}}',
        "\xff",
        "[" * 9999,
    ],
)
def test_unreadable_manifest_is_named(store, directory: Path, text: str):
    """Its path is yielded instead, and the others are read."""
    record, other = publish(store, "a"), publish(store, "b")
    broken = directory / "figures" / other.id[:2] / f"{other.id}.json"
    broken.write_bytes(text.encode("latin-1"))
    found = list(store.manifests.figures.read_all())
    assert Unreadable(str(broken)) in found
    assert [manifest.record for manifest in found if manifest != Unreadable(str(broken))] == [record]


def test_half_written_manifest_is_not_read(store, directory: Path):
    """An unfinished file is no manifest and is removed."""
    record = publish(store)
    (directory / "figures" / "writing.tmp").write_text("{")
    assert _only(store).record == record
    store.manifests.figures.remove_leftover()
    store.manifests.figures.remove_leftover()
    assert not (directory / "figures" / "writing.tmp").exists()


def test_link_in_place_of_the_half_written_file_is_not_followed(store, directory: Path, tmp_path: Path):
    """A symbolic link cannot make us overwrite another file."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (directory / "figures" / "writing.tmp").symlink_to(victim)
    version = Version(1, 1.0, None, "", "", ())
    record = FigureRecord("A" * 16, identity(), "published", 1.0, 1.0, version)
    with pytest.raises(OSError, match="symbolic link"):
        store.manifests.figures.write(FigureManifest(record, (version,), ()))
    assert victim.read_text() == "mine"


def test_missing_directory_has_no_manifests(tmp_path: Path):
    """Nothing was published yet."""
    assert [list(one.read_all()) for one in vars(Manifests.below(tmp_path / "missing")).values()] == [[], [], []]


def test_deleting_a_missing_item(store):
    """Is no error."""
    store.manifests.figures.delete("A" * 16)
