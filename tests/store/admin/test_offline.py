"""Reindexing and cleaning a whole directory, for the command line."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from jupyter_figserve.model.figures import sha256_hex
from jupyter_figserve.model.keys import Key
from jupyter_figserve.model.links import hash_secret
from jupyter_figserve.store.admin.offline import clean, reindex
from jupyter_figserve.store.admin.rebuild import RebuildReport
from jupyter_figserve.store.catalog import keys, links, quotas
from jupyter_figserve.store.lifecycle.garbage_collection import BLOB_GRACE

from ...tokens import new_token
from ..making import START, assert_sound, other_process, publish, read_line, run, share

pytestmark = pytest.mark.sqlite

KEY = Key("abcdefgh", hash_secret("s"), "ann", frozenset({"read", "publish"}), START, label="laptop")
TOKEN = new_token()


@pytest.fixture
def filled(open_here, directory: Path):
    """A directory with a figure of two versions, a link and a key; no server has it. The figure's record."""
    store = open_here()
    publish(store, data=b"one", thumbnail=b"small")
    record = publish(store, data=b"two", title="Sales")
    share(store, record.id, TOKEN, label="for Bob")
    store.catalog.write(lambda c: keys.add(c, KEY)).result()
    store.close()
    return record


def _remove_catalog(directory: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        (directory / f"catalog.db{suffix}").unlink(missing_ok=True)


def test_lost_catalog_is_rebuilt(filled, open_here, directory: Path):
    """The same records, versions and usage; the link that was given out opens."""
    _remove_catalog(directory)
    assert reindex(directory) == RebuildReport(figures=1, versions=2, links=1, keys=0)
    store = open_here()
    assert run(store.figures.get(filled.id)) == filled
    assert [version.number for version in run(store.figures.list_versions(filled.id))] == [2, 1]
    assert links.find_by_token(store.catalog.reader, TOKEN).label == "for Bob"
    assert quotas.read(store.catalog.reader, "owner", "ann") == quotas.Usage(1, 11)
    assert_sound(store)


def test_rebuilt_catalog_is_private(filled, directory: Path):
    """As the one before."""
    reindex(directory)
    assert stat.S_IMODE((directory / "catalog.db").stat().st_mode) == 0o600


def test_keys_are_carried_over(filled, open_here, directory: Path):
    """They are nowhere but in the catalog, so as long as it is legible they are read from it."""
    reindex(directory)
    assert keys.find(open_here().catalog.reader, KEY.id) == KEY


def test_old_catalog_is_kept(filled, directory: Path):
    """Beside the new one, whole."""
    reindex(directory)
    [aside] = directory.glob("catalog-before-reindex-*.db")
    with closing(sqlite3.connect(aside)) as old:
        assert old.execute("select count(*) from versions").fetchone() == (2,)


def test_damaged_catalog_is_replaced_and_kept(filled, open_here, directory: Path):
    """After which the store can be written again; keys that could not be read are gone."""
    (directory / "catalog.db").write_bytes(b"garbage" * 1_000)
    assert reindex(directory).figures == 1
    [aside] = directory.glob("catalog-before-reindex-*.db")
    assert aside.read_bytes() == b"garbage" * 1_000
    store = open_here()
    assert store.read_only_because is None
    assert publish(store, data=b"three").version.number == 3
    assert keys.find(store.catalog.reader, KEY.id) is None


REINDEX = """
import sys
from pathlib import Path
from jupyter_figserve.errors import Conflict
from jupyter_figserve.store.admin.offline import reindex
try:
    print(reindex(Path(sys.argv[1])).figures, flush=True)
except Conflict as error:
    print(error.code, flush=True)
"""


def test_reindex_waits_for_no_server(filled, open_here, directory: Path):
    """While one has the directory, in another process, it is refused and nothing changes."""
    store = open_here()
    before = sorted(path.name for path in directory.iterdir())
    with other_process(REINDEX, directory) as process:
        assert read_line(process) == "data_directory_in_use"
    assert sorted(path.name for path in directory.iterdir()) == before
    store.close()
    with other_process(REINDEX, directory) as process:
        assert read_line(process) == "1"


def test_servers_wait_for_no_reindex(filled, open_here, directory: Path):
    """A server that starts meanwhile says that the directory is in use."""
    opener = """
import sys
from pathlib import Path
from jupyter_figserve.errors import Conflict
from jupyter_figserve.store.admin.opening import open_store
try:
    open_store(Path(sys.argv[1]))
except Conflict as error:
    print(error.code, flush=True)
"""
    lines = []

    def while_running(_: int) -> None:
        with other_process(opener, directory) as process:
            lines.append(read_line(process))

    reindex(directory, while_running)
    assert lines == ["data_directory_in_use"]


def test_missing_bytes_are_reported(filled, directory: Path):
    """The version that is whole comes back."""
    digest = sha256_hex(b"two")
    (directory / "blobs" / digest[:2] / digest).unlink()
    assert reindex(directory) == RebuildReport(figures=1, versions=1, links=1, incomplete=(filled.id,), keys=1)


def test_reindex_again_gives_the_same(filled, open_here, directory: Path):
    """Also after one that was killed, whose half-made catalog is thrown away."""
    reindex(directory)
    (directory / "catalog-new.db").write_bytes(b"half")
    assert reindex(directory).figures == 1
    store = open_here()
    assert run(store.figures.get(filled.id)) == filled
    assert keys.find(store.catalog.reader, KEY.id) == KEY
    assert not (directory / "catalog-new.db").exists()


def test_empty_directory(tmp_path: Path):
    """Nothing comes back, and that is no error."""
    assert reindex(tmp_path / "new") == RebuildReport(keys=0)


def test_clean_goes_through_the_whole_directory(filled, open_here, directory: Path):
    """All 256 parts, beside a running server; the clock is the machine's."""
    store = open_here()
    orphan = sha256_hex(b"orphan")
    store.blobs.put(orphan, b"orphan")
    path = directory / "blobs" / orphan[:2] / orphan
    written = path.stat().st_mtime - BLOB_GRACE - 60
    os.utime(path, (written, written))
    lines: list[int] = []
    done = clean(directory, lines.append)
    assert lines == list(range(1, 257))
    assert done.blobs == 1
    assert not path.exists()
    assert run(store.figures.get(filled.id)) == filled
