"""What is found wrong with a data directory, by looking alone."""

from __future__ import annotations

import contextlib
import os
import sqlite3

import pytest

from jupyter_figserve.store.admin.diagnosis import find_defect, inspect_directory
from jupyter_figserve.store.admin.opening import open_store

pytestmark = pytest.mark.sqlite


@pytest.fixture
def store(tmp_path):
    store = open_store(tmp_path / "figures")
    yield store
    store.close()


def test_a_sound_directory(store):
    """Nothing to say, while a server has it."""
    found = inspect_directory(store.directory)
    assert (found.exists, found.is_writable, found.is_own, found.open_to_others) == (True, True, True, ())
    assert found.network_type is None
    assert find_defect(store.catalog.path) is None


def test_a_missing_directory_is_not_made(tmp_path):
    """Nor a catalog."""
    assert not inspect_directory(tmp_path / "slip").exists
    assert find_defect(tmp_path / "slip" / "catalog.db") is None
    assert list(tmp_path.iterdir()) == []


def test_modes(store):
    """A directory and a catalog that others can read."""
    store.directory.chmod(0o755)
    store.catalog.path.chmod(0o640)
    assert inspect_directory(store.directory).open_to_others == (str(store.directory), str(store.catalog.path))


def test_a_network_file_system(store, monkeypatch, tmp_path):
    """By its mount."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 2 0:9 / {tmp_path} rw - nfs4 server:/x rw\n")
    monkeypatch.setattr("jupyter_figserve.store.files.filesystem.find_network_type.__defaults__", (mounts,))
    assert inspect_directory(store.directory).network_type == "nfs4"


@pytest.mark.parametrize("damage", ["header", "page"])
def test_a_damaged_catalog(tmp_path, damage):
    """In its first bytes, or deep in a page; looking does not change it."""
    store = open_store(tmp_path / "figures")
    path = store.catalog.path
    store.close()
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.execute("pragma journal_mode = delete")
    with path.open("r+b") as file:
        file.seek(0 if damage == "header" else 4096)
        file.write(os.urandom(2000))
    before = path.read_bytes()
    assert "damaged" in find_defect(path) or "cannot be read" in find_defect(path)
    assert path.read_bytes() == before


def test_a_newer_catalog(store):
    """Of a version that says we are too old for it; one that says we are not is none of our business."""
    with contextlib.closing(sqlite3.connect(store.catalog.path)) as file, file:
        file.execute("update meta set value = '99' where key = 'schema'")
    assert find_defect(store.catalog.path) is None
    with contextlib.closing(sqlite3.connect(store.catalog.path)) as file, file:
        file.execute("update meta set value = '99' where key = 'works_from'")
    assert "newer" in find_defect(store.catalog.path)
