"""Trash: manifests of deletions that can be undone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from jupyter_figserve.store.files.manifest_formats import FigureManifest
from jupyter_figserve.store.files.trash import Trash

from ..making import START, publish, share


@pytest.fixture
def trash(tmp_path: Path) -> Trash[FigureManifest]:
    return Trash(tmp_path / "trash", FigureManifest)


@pytest.fixture
def manifest(store) -> FigureManifest:
    record = publish(store, title="Sales")
    share(store, record.id)
    [manifest] = store.manifests.figures.read_all()
    assert manifest.record == record
    return manifest


def test_entry_is_found_until_it_expires(trash, manifest):
    """With all links, until it expires; other ids are not found."""
    trash.put(manifest, START, START + 60)
    figure = manifest.record.id
    assert trash.find(figure, START + 59.9) == manifest
    assert trash.find(figure, START + 60) is None
    assert trash.find("A" * 16, START) is None


def test_of_two_deletions_the_later_counts(trash, manifest):
    """A figure that was restored, changed and deleted again."""
    older = FigureManifest(manifest.record, manifest.versions, ())
    trash.put(manifest, START + 10, START + 70)
    trash.put(older, START, START + 60)
    assert trash.find(manifest.record.id, START + 20) == manifest
    trash.remove(manifest.record.id)
    assert list(trash.list()) == []


def test_damaged_file_is_no_figure(trash, manifest):
    """Nor are other files in the directory."""
    trash.put(manifest, START, START + 60)
    (one,) = trash.list()
    one.path.write_text("{")
    (trash.root / "note.txt").write_text("mine")
    assert trash.find(manifest.record.id, START) is None
    assert len(list(trash.list())) == 1


def test_oldest_deletion_is_of_those_that_can_be_undone(trash, manifest):
    """Blobs released since then are kept."""
    assert trash.find_oldest(START) is None
    trash.put(manifest, START, START + 60)
    trash.put(manifest, START + 5, START + 90)
    assert trash.find_oldest(START + 30) == START
    assert trash.find_oldest(START + 60) == START + 5
    assert trash.find_oldest(START + 90) is None


def test_files_are_private_and_nothing_is_left_half_written(trash, manifest):
    """Manifests contain names of notebooks and users."""
    trash.put(manifest, START, START + 60)
    (one,) = trash.root.iterdir()
    assert stat.S_IMODE(one.stat().st_mode) == 0o600
    assert stat.S_IMODE(trash.root.stat().st_mode) == 0o700
    (trash.root / "writing.tmp").write_text("{")
    trash.remove_leftover()
    assert [path.name for path in trash.root.iterdir()] == [one.name]
