"""Render cache: limited size, private files, and damaged entries are ignored."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_figserve.model.figures import EncodedImage, sha256_hex
from jupyter_figserve.store.files.render_cache import CachedRender, RenderCache

IMAGE = EncodedImage("image/png", b"\n{picture}\n", 3, 2, 100.0)


def key(number: int) -> str:
    return sha256_hex(str(number).encode())


@pytest.fixture
def files(tmp_path: Path) -> RenderCache:
    return RenderCache(tmp_path / "render", 100_000)


def test_stored_entry_is_found(files):
    """An entry returns all its images with sizes and metadata; another key returns nothing."""
    render = CachedRender(
        (IMAGE, EncodedImage("image/svg+xml", b"<svg/>")), {"output": "ä\n", "libraries": {"python": "3.11"}}
    )
    files.put(key(1), render)
    assert files.find(key(1)) == render
    assert files.find(key(2)) is None


def test_it_is_for_its_owner_alone(files):
    """Directories 0700, files 0600."""
    files.put(key(1), CachedRender((IMAGE,)))
    modes = {path.stat().st_mode & 0o777 for path in files.root.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert {path.stat().st_mode & 0o777 for path in [files.root, *files.root.glob("*")]} == {0o700}


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data[:-1] + b"x", lambda data: b"", lambda data: b"[]\n"]
)
def test_a_damaged_file_is_as_none(files, damage):
    """A file that was truncated by a power failure or changed by hand counts as missing."""
    files.put(key(1), CachedRender((IMAGE,)))
    (path,) = files.root.glob("*/*")
    path.write_bytes(damage(path.read_bytes()))
    assert files.find(key(1)) is None
    files.put(key(1), CachedRender((IMAGE,)))
    assert files.find(key(1)) == CachedRender((IMAGE,))


def test_a_link_in_its_place_is_not_followed(files, tmp_path):
    """Also one that another user created."""
    files.put(key(1), CachedRender((IMAGE,)))
    (path,) = files.root.glob("*/*")
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert files.find(key(1)) is None


def test_least_recently_used_entry_is_evicted(tmp_path):
    """Above the limit; the others stay, also after a restart."""
    files = RenderCache(tmp_path, 10_000)
    render = CachedRender((EncodedImage("image/png", b"x" * 950),))
    for number in range(8):
        files.put(key(number), render)
        path = tmp_path / key(number)[:2] / key(number)
        os.utime(path, (number, number))
    assert files.find(key(0)) is not None  # used now
    files = RenderCache(tmp_path, 10_000)
    files.put(key(8), render)
    kept = [number for number in range(9) if files.find(key(number)) is not None]
    assert 0 in kept
    assert 8 in kept
    assert 1 not in kept
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*")) <= 10_000


def test_nothing_is_kept_with_a_limit_of_nothing(tmp_path):
    """Nor an entry that is too large."""
    files = RenderCache(tmp_path, 0)
    files.put(key(1), CachedRender((IMAGE,)))
    assert files.find(key(1)) is None
    large = RenderCache(tmp_path, 800)
    large.put(key(1), CachedRender((EncodedImage("image/png", b"x" * 101),)))
    assert large.find(key(1)) is None


def test_leftovers_of_a_kill_are_removed(tmp_path):
    """An unfinished file, when it is old."""
    files = RenderCache(tmp_path, 10_000)
    files.put(key(1), CachedRender((IMAGE,)))
    leftover = next(tmp_path.glob("*")) / "aa.tmp"
    leftover.write_bytes(b"half")
    os.utime(leftover, (1, 1))
    files._sweep()
    assert not leftover.exists()
    assert files.find(key(1)) is not None


def test_a_disk_that_refuses_is_no_error(tmp_path):
    """A cache that cannot be written is empty, and raises nothing."""
    (tmp_path / "render").write_bytes(b"in the way")
    files = RenderCache(tmp_path / "render", 10_000)
    files.put(key(1), CachedRender((IMAGE,)))
    assert files.find(key(1)) is None
