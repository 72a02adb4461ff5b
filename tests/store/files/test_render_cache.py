"""What was drawn, in files that may go: kept, bounded, private, and never half of one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_figserve.model.figures import EncodedImage, sha256_hex
from jupyter_figserve.store.files.render_cache import CachedRender, RenderCache

PICTURE = EncodedImage("image/png", b"\n{picture}\n", 3, 2, 100.0)


def key(number: int) -> str:
    return sha256_hex(str(number).encode())


@pytest.fixture
def files(tmp_path: Path) -> RenderCache:
    return RenderCache(tmp_path / "drawn", 100_000)


def test_what_is_put_is_found(files):
    """All pictures with their sizes, and the words; another key has nothing."""
    drawn = CachedRender(
        (PICTURE, EncodedImage("image/svg+xml", b"<svg/>")), {"output": "ä\n", "libraries": {"python": "3.11"}}
    )
    files.put(key(1), drawn)
    assert files.find(key(1)) == drawn
    assert files.find(key(2)) is None


def test_it_is_for_its_owner_alone(files):
    """Directories 0700, files 0600."""
    files.put(key(1), CachedRender((PICTURE,)))
    modes = {path.stat().st_mode & 0o777 for path in files.root.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert {path.stat().st_mode & 0o777 for path in [files.root, *files.root.glob("*")]} == {0o700}


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data[:-1] + b"x", lambda data: b"", lambda data: b"[]\n"]
)
def test_a_damaged_file_is_as_none(files, damage):
    """Half of it was lost with the power, or somebody wrote into it; it is drawn again."""
    files.put(key(1), CachedRender((PICTURE,)))
    (path,) = files.root.glob("*/*")
    path.write_bytes(damage(path.read_bytes()))
    assert files.find(key(1)) is None
    files.put(key(1), CachedRender((PICTURE,)))
    assert files.find(key(1)) == CachedRender((PICTURE,))


def test_a_link_in_its_place_is_not_followed(files, tmp_path):
    """Whoever put it there."""
    files.put(key(1), CachedRender((PICTURE,)))
    (path,) = files.root.glob("*/*")
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert files.find(key(1)) is None


def test_what_was_used_longest_ago_goes(tmp_path):
    """When all are more than the limit; the others stay, also after a restart."""
    files = RenderCache(tmp_path, 10_000)
    drawn = CachedRender((EncodedImage("image/png", b"x" * 1_000),))
    for number in range(8):
        files.put(key(number), drawn)
        path = tmp_path / key(number)[:2] / key(number)
        os.utime(path, (number, number))
    assert files.find(key(0)) is not None  # used now
    files = RenderCache(tmp_path, 10_000)
    files.put(key(8), drawn)
    kept = [number for number in range(9) if files.find(key(number)) is not None]
    assert 0 in kept
    assert 8 in kept
    assert 1 not in kept
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*")) <= 10_000


def test_nothing_is_kept_with_a_limit_of_nothing(tmp_path):
    """Nor what is too large a part of it."""
    files = RenderCache(tmp_path, 0)
    files.put(key(1), CachedRender((PICTURE,)))
    assert files.find(key(1)) is None
    large = RenderCache(tmp_path, 800)
    large.put(key(1), CachedRender((EncodedImage("image/png", b"x" * 101),)))
    assert large.find(key(1)) is None


def test_what_a_kill_left_goes(tmp_path):
    """An unfinished file, when it is old."""
    files = RenderCache(tmp_path, 10_000)
    files.put(key(1), CachedRender((PICTURE,)))
    leftover = next(tmp_path.glob("*")) / "aa.tmp"
    leftover.write_bytes(b"half")
    os.utime(leftover, (1, 1))
    files._sweep()
    assert not leftover.exists()
    assert files.find(key(1)) is not None


def test_a_disk_that_refuses_is_no_error(tmp_path):
    """What cannot be kept is drawn again."""
    (tmp_path / "drawn").write_bytes(b"in the way")
    files = RenderCache(tmp_path / "drawn", 10_000)
    files.put(key(1), CachedRender((PICTURE,)))
    assert files.find(key(1)) is None
