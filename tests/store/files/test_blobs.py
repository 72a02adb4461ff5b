"""Blobs by digest: durable, private and complete, on every file system."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_figserve.model.figures import sha256_hex
from jupyter_figserve.store.files import blobs as module
from jupyter_figserve.store.files.blobs import BlobStore, LocalBlobStore
from jupyter_figserve.store.files.object_storage import MEMORY, ObjectStorage
from jupyter_figserve.store.files.remote_blobs import RemoteBlobStore

from ...conftest import require_package
from ...memory_blobs import MemoryBlobStore
from ...waiting import PATIENCE, wait_until
from ..making import stored_files

pytestmark = pytest.mark.sqlite

DATA = b"a picture"
DIGEST = sha256_hex(DATA)


def _without_nameless_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a file system that does not know O_TMPFILE, which then answers so."""
    really_open = os.open

    def refusing(path, flags, *rest, **more):
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(95, "Operation not supported")
        return really_open(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refusing)


def _local(kind: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> LocalBlobStore:
    if kind == "named":
        _without_nameless_files(monkeypatch)
    root.mkdir(mode=0o700)
    return LocalBlobStore(root)


@pytest.fixture(params=["nameless", "named"])
def local(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalBlobStore:
    return _local(request.param, tmp_path / "blobs", monkeypatch)


@pytest.fixture(params=["nameless", "named", "memory", "objects"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BlobStore]:
    if request.param == "objects":
        require_package("obstore")
        store: BlobStore = RemoteBlobStore(ObjectStorage(MEMORY, 10.0))
    elif request.param == "memory":
        store = MemoryBlobStore()
    else:
        store = _local(request.param, tmp_path / "blobs", monkeypatch)
    yield store
    store.close()


def test_stored_entry_is_found(blobs: BlobStore):
    """By its digest only."""
    blobs.put(DIGEST, DATA)
    assert blobs.find(DIGEST) == DATA
    assert not blobs.find_missing([DIGEST])
    assert blobs.find(sha256_hex(b"other")) is None
    assert blobs.find_missing([sha256_hex(b"other")])


def test_empty_and_large_blobs(blobs: BlobStore):
    """From no bytes to megabytes, unchanged."""
    large = os.urandom(3_000_000)
    for data in (b"", large):
        blobs.put(sha256_hex(data), data)
        assert blobs.find(sha256_hex(data)) == data


def test_putting_again_changes_nothing(blobs: BlobStore):
    """The second put of a digest is no error and leaves one blob."""
    assert blobs.put(DIGEST, DATA)
    assert not blobs.put(DIGEST, DATA)
    assert list(blobs.list_digests()) == [DIGEST]
    assert [digest for digest, _ in blobs.list_shard(int(DIGEST[:2], 16))] == [DIGEST]


def test_one_of_two_processes_is_told_that_a_blob_is_new(local: LocalBlobStore, monkeypatch: pytest.MonkeyPatch):
    """Both write it at the same time; the other has it already, and must not take it back."""
    other, really_write, told = LocalBlobStore(local.root), module._write_durably, []

    def write(descriptor: int, data: bytes) -> None:
        monkeypatch.setattr(module, "_write_durably", really_write)
        told.append(other.put(DIGEST, DATA))
        really_write(descriptor, data)

    monkeypatch.setattr(module, "_write_durably", write)
    told.append(local.put(DIGEST, DATA))
    assert told == [True, False]
    assert stored_files(local.root) == [f"{DIGEST[:2]}/{DIGEST}"]


def test_one_of_two_threads_is_told_that_a_blob_is_new(local: LocalBlobStore, monkeypatch: pytest.MonkeyPatch):
    """Others do not wait for them."""
    begun, may_end, really_write = threading.Event(), threading.Event(), module._write_durably

    def write(descriptor: int, data: bytes) -> None:
        if data == DATA:
            begun.set()
            assert may_end.wait(PATIENCE)
        really_write(descriptor, data)

    monkeypatch.setattr(module, "_write_durably", write)
    first = local.start_put(DIGEST, DATA)
    assert begun.wait(PATIENCE)
    second = local.start_put(DIGEST, DATA)
    wait_until(second.running)
    # The second has begun when they are written.
    assert all(local.put(sha256_hex(other), other) for other in (b"1", b"2", b"3"))
    may_end.set()
    assert [first.result(), second.result()] == [True, False]
    assert local.find(DIGEST) == DATA
    assert len(stored_files(local.root)) == 4


def test_without_links_nobody_is_told_that_a_blob_is_new(local: LocalBlobStore, monkeypatch: pytest.MonkeyPatch):
    """Of two processes, neither knows whether it was first: what one takes back, the other may have acknowledged."""
    other, really_replace, told = LocalBlobStore(local.root), os.replace, []

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    def replace(*paths: Path) -> None:
        monkeypatch.setattr(os, "replace", really_replace)
        told.append(other.put(DIGEST, DATA))
        really_replace(*paths)

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "replace", replace)
    told.append(local.put(DIGEST, DATA))
    assert told == [False, False]
    assert local.find(DIGEST) == DATA
    assert stored_files(local.root) == [f"{DIGEST[:2]}/{DIGEST}"]


@pytest.mark.parametrize("age", [1.0, -1.0], ids=["old", "new"])
def test_only_old_ones_of_some_are_deleted(blobs: BlobStore, age: float):
    """A blob that was written since a moment stays, and a missing one is no error."""
    blobs.put(DIGEST, DATA)
    [(_, written)] = blobs.list_shard(int(DIGEST[:2], 16))
    blobs.delete_old([DIGEST, sha256_hex(b"missing")], written + age)
    assert blobs.find(DIGEST) == (None if age > 0 else DATA)


def test_deleted_item_is_not_found(blobs: BlobStore):
    """And deleting it again is no error."""
    blobs.put(DIGEST, DATA)
    blobs.delete(DIGEST)
    blobs.delete(DIGEST)
    assert blobs.find(DIGEST) is None


@pytest.mark.parametrize(("start", "end"), [(0, None), (2, 5), (0, 0), (3, 3), (4, 1_000), (0, 9)])
def test_part_of_a_blob(blobs: BlobStore, start: int, end: int | None):
    """Up to its end, and nothing of a blob that is not there."""
    blobs.put(DIGEST, DATA)
    assert blobs.start_find(DIGEST, start, end).result() == DATA[start:end]
    assert blobs.start_find(sha256_hex(b"other"), 2, 5).result() is None


def test_missing_ones_of_many(blobs: BlobStore):
    """In one call."""
    blobs.put(DIGEST, DATA)
    others = {sha256_hex(bytes([n])) for n in range(3)}
    assert blobs.find_missing([DIGEST, *others]) == others


def test_shards_hold_each_blob_once(blobs: BlobStore):
    """256 shards together list everything; numbers go round."""
    put = {sha256_hex(bytes([n])) for n in range(100)}
    for n in range(100):
        blobs.put(sha256_hex(bytes([n])), bytes([n]))
    listed = [digest for shard in range(256) for digest, _ in blobs.list_shard(shard)]
    assert sorted(listed) == sorted(put)
    assert {d for d, _ in blobs.list_shard(256)} == {d for d, _ in blobs.list_shard(0)}


def test_list_of_a_shard_has_no_other_files(local: LocalBlobStore):
    """Other files in the directory are not listed."""
    local.put(DIGEST, DATA)
    (local.root / DIGEST[:2] / "README").write_text("mine")
    assert [digest for digest, _ in local.list_shard(int(DIGEST[:2], 16))] == [DIGEST]


def test_files_are_private_with_any_umask(local: LocalBlobStore):
    """0600 and 0700, also under umask 0."""
    before = os.umask(0)
    try:
        local.put(DIGEST, DATA)
    finally:
        os.umask(before)
    file = local.root / DIGEST[:2] / DIGEST
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_nothing_is_left_beside(local: LocalBlobStore):
    """A put leaves one file under its digest, and no temporary one."""
    local.put(DIGEST, DATA)
    assert stored_files(local.root) == [f"{DIGEST[:2]}/{DIGEST}"]


def test_nameless_file_leaves_nothing_to_sweep(tmp_path: Path):
    """With O_TMPFILE no temporary name is used, so a kill leaves nothing."""
    blobs = LocalBlobStore(tmp_path)
    blobs.put(DIGEST, DATA)
    assert not (tmp_path / "tmp").exists()


def test_bytes_are_synced_before_they_have_their_name(local: LocalBlobStore, monkeypatch: pytest.MonkeyPatch):
    """Write, fsync the file, give it its name, fsync the directory: in this order a power cut leaves none or all."""
    local.put(sha256_hex(b"first"), b"first")
    steps: list[str] = []

    def recorded(name: str):
        really = getattr(os, name)

        def step(*arguments, **more):
            kind = name
            if name == "fsync":
                found = os.fstat(arguments[0])
                is_whole = found.st_size == len(DATA)
                kind = "fsync directory" if stat.S_ISDIR(found.st_mode) else f"fsync file, {is_whole=}"
            result = really(*arguments, **more)
            steps.append(kind)
            return result

        return step

    for name in ("fsync", "link", "replace"):
        monkeypatch.setattr(module.os, name, recorded(name))
    local.put(DIGEST, DATA)
    named = [step if step not in ("link", "replace") else "name" for step in steps]
    begin = named.index("name") - 1
    assert named[begin : begin + 3] == ["fsync file, is_whole=True", "name", "fsync directory"]
    assert {*named[:begin], *named[begin + 3 :]} == {"fsync directory"}


def test_link_in_the_store_is_neither_read_nor_counted(local: LocalBlobStore, tmp_path: Path):
    """A symbolic link under a digest's name is not followed, and is replaced by the blob."""
    secret = tmp_path / "secret"
    secret.write_bytes(DATA)
    (local.root / DIGEST[:2]).mkdir()
    (local.root / DIGEST[:2] / DIGEST).symlink_to(secret)
    assert local.find(DIGEST) is None
    assert local.find_missing([DIGEST])
    local.put(DIGEST, DATA)
    assert local.find(DIGEST) == DATA
    assert not (local.root / DIGEST[:2] / DIGEST).is_symlink()


def test_truncated_blob_is_made_whole_by_the_next_put(local: LocalBlobStore):
    """A truncated file is replaced by the same bytes."""
    local.put(DIGEST, DATA)
    (local.root / DIGEST[:2] / DIGEST).write_bytes(DATA[:3])
    local.put(DIGEST, DATA)
    assert local.find(DIGEST) == DATA


def test_failed_write_leaves_nothing(local: LocalBlobStore, monkeypatch: pytest.MonkeyPatch):
    """When the disk is full, no part of the blob is there."""

    really = os.fsync

    def refuse(descriptor: int) -> None:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(28, "No space left on device")
        really(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        local.put(DIGEST, DATA)
    assert local.find_missing([DIGEST])
    assert stored_files(local.root) == []


def test_sweep_removes_leftovers_of_a_kill(local: LocalBlobStore):
    """Old unfinished files are removed; newer ones may belong to another server."""
    beside = local.root / "tmp"
    beside.mkdir()
    for name, when in (("old", 1_000), ("young", 3_000)):
        (beside / name).write_bytes(b"x")
        os.utime(beside / name, (when, when))
    assert local.sweep(2_000) == 1
    assert [path.name for path in beside.iterdir()] == ["young"]


def test_name_that_is_no_digest_is_a_mistake(local: LocalBlobStore):
    """No path can be made of anything else."""
    for name in ("../x", DIGEST.upper(), DIGEST + "\n", ""):
        with pytest.raises(AssertionError):
            local.find(name)


def test_file_that_somebody_reads_on_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It can be neither replaced nor deleted there: its bytes are the same, and a later collection deletes it."""
    local = LocalBlobStore(tmp_path / "blobs")
    for flag in ("TMPFILE", "DIRECTORY"):
        monkeypatch.setattr(module.open_flags, flag, 0)
    local.put(DIGEST, DATA)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "in use")

    monkeypatch.setattr(os, "replace", refuse)
    assert not local._put_named(local._path(DIGEST), DATA)
    with pytest.raises(PermissionError):
        local.put(DIGEST, b"other")
    monkeypatch.setattr(Path, "unlink", refuse)
    local.delete(DIGEST)
    monkeypatch.setattr(module.open_flags, "DIRECTORY", os.O_DIRECTORY)
    with pytest.raises(PermissionError):
        local.delete(DIGEST)
