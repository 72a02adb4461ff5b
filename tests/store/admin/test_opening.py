"""Opening a data directory: privately, alone on a network file system, and for reading where nothing can be written."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_figserve.errors import Conflict, ReadOnly
from jupyter_figserve.model.links import FIGURE, Target
from jupyter_figserve.store.admin import opening
from jupyter_figserve.store.admin.opening import open_store
from jupyter_figserve.store.catalog import links
from jupyter_figserve.store.catalog.sqlite import SqliteCatalog

from ...conftest import ELSEWHERE
from ...tokens import new_token
from ..making import other_process, publish, read_line, run, share, stored_files, write_line

pytestmark = pytest.mark.sqlite
OPENER = """
import sys
from pathlib import Path
from jupyter_figserve.errors import Conflict
from jupyter_figserve.store.admin.opening import open_store

try:
    store = open_store(Path(sys.argv[1]), network_type=sys.argv[2] or None)
except Conflict as error:
    print(error.message, flush=True)
else:
    print("open", flush=True)
    sys.stdin.readline()
    store.close()
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory that the store creates, with its catalog."""
    return tmp_path / "figures"


def test_new_directory_is_private(tmp_path: Path, open_here):
    """Under umask 0, too: 0700 and 0600 for all that is made, and for what is missing above."""
    before = os.umask(0)
    try:
        store = open_here(directory=tmp_path / "data" / "figures")
        publish(store, thumbnail=b"small", source=b"pickle")
        modes = {
            str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode)
            for path in (tmp_path / "data", *(tmp_path / "data").rglob("*"))
        }
    finally:
        os.umask(before)
    assert {path for path, mode in modes.items() if mode not in (0o600, 0o700)} == set()
    assert all(modes[path] == (0o700 if (tmp_path / path).is_dir() else 0o600) for path in modes)


def test_catalog_elsewhere(tmp_path: Path, open_here):
    """Only the catalog and its lock go there; a directory that others use is not closed to them."""
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    shared.chmod(0o755)
    store = open_here(catalog_path=shared / "my.db")
    publish(store)
    assert {path.name for path in shared.iterdir()} == {
        "my.db",
        "my.db-wal",
        "my.db-shm",
        "catalog.lock",
        "catalog.opening.lock",
    }
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755
    assert not (store.directory / "catalog.db").exists()


def test_catalog_in_a_directory_of_its_own(tmp_path: Path, open_here):
    """A missing one is made, and private."""
    open_here(catalog_path=tmp_path / "new" / "my.db")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_two_servers_share_a_local_directory(directory: Path, open_here):
    """The ordinary case: both write."""
    store = open_here()
    with other_process(OPENER, directory, "") as process:
        assert read_line(process) == "open"
        publish(store)


PROBE = """
import sys
from filelock import FileLock, Timeout
try:
    with FileLock(sys.argv[1], timeout=0):
        print("free", flush=True)
except Timeout:
    print("busy", flush=True)
"""


def test_servers_open_the_catalog_in_turn(directory: Path, open_here, monkeypatch):
    """While one does, another waits: SQLite refuses, without waiting, whoever enters WAL mode second."""
    lines = []

    def probed(*arguments, **settings) -> SqliteCatalog:
        with other_process(PROBE, directory / "catalog.opening.lock") as process:
            lines.append(read_line(process))
        return SqliteCatalog(*arguments, **settings)

    monkeypatch.setattr(opening, "SqliteCatalog", probed)
    open_here()
    assert lines == ["busy"]


def test_network_file_system_is_one_server_s(directory: Path, open_here, caplog):
    """The first says so in the log; the second is refused with a sentence that names what to set."""
    with caplog.at_level(logging.WARNING, "jupyter_figserve"):
        store = open_here(network_type="nfs4")
    assert "network file system (nfs4)" in caplog.text
    publish(store)
    with other_process(OPENER, directory, "nfs4") as process:
        message = read_line(process)
    assert "network file system (nfs4)" in message
    assert "FigServe.database_url" in message
    assert "FigServe.data_dir" in message
    store.close()
    with other_process(OPENER, directory, "nfs4") as process:
        assert read_line(process) == "open"
        write_line(process)


def test_network_file_system_has_no_wal(directory: Path, open_here):
    """Nothing that needs memory shared between hosts."""
    publish(open_here(network_type="nfs4"))
    assert not (directory / "catalog.db-wal").exists()
    assert not (directory / "catalog.db-shm").exists()


def test_catalog_on_a_local_disk_lets_servers_share_the_rest(tmp_path: Path, open_here, monkeypatch):
    """What counts is where the catalog lies, as the refusal advises."""
    asked = []
    monkeypatch.setattr("jupyter_figserve.store.admin.opening.find_network_type", lambda path: asked.append(path))
    open_here(catalog_path=tmp_path / "local" / "my.db")
    assert asked == [tmp_path / "local"]


def test_repair_keeps_servers_out(directory: Path, open_here):
    """While the directory is held exclusively, a server says that somebody has it."""
    open_here(network_type="nfs4")
    with other_process(OPENER, directory, "") as process:
        assert "Another figserve process is using" in read_line(process)


def test_conflict_has_a_code(directory: Path, monkeypatch):
    """For programs."""

    def refuse(*_, **__):
        raise Conflict("taken", code="data_directory_in_use")

    monkeypatch.setattr("jupyter_figserve.store.admin.opening.DirectoryLock.acquire", refuse)
    with pytest.raises(Conflict) as refused:
        open_store(directory, network_type="cifs")
    assert refused.value.code == "data_directory_in_use"


READER = """
import os, subprocess, sys
from pathlib import Path
subprocess.run(["mount", "--bind", sys.argv[1], sys.argv[1]], check=True)
subprocess.run(["mount", "-o", "remount,ro,bind", sys.argv[1]], check=True)
from jupyter_figserve.errors import FigServeError
from jupyter_figserve.model.queries import FigureQuery
from jupyter_figserve.store.admin.opening import open_store
from tests.store.making import draft, run
store = open_store(Path(sys.argv[1]))
records, _ = run(store.figures.list_page(FigureQuery()))
print(",".join(store.blobs.find(record.version.representations[0].digest).decode() for record in records))
print(run(store.links.find_by_token(sys.argv[2])) is not None)
print(store.read_only_because)
try:
    run(store.figures.publish(draft("more", b"more")))
except FigServeError as error:
    print(error.code, error.message)
store.close()
"""


def _read_in_read_only_directory(directory: Path, token: str) -> list[str]:
    """What a server prints for which the directory is mounted read-only."""
    if os.geteuid() != 0:
        pytest.skip(ELSEWHERE + "only root can mount a directory read-only")
    probe = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True)
    if probe.returncode != 0:
        pytest.skip(f"{ELSEWHERE}no mount namespace can be made here ({probe.stderr.strip()})")
    command = ["unshare", "--mount", sys.executable, "-W", "error", "-c", READER, str(directory), token]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_read_only_directory_is_served(directory: Path, open_here):
    """Figures and links as ever; a publish is refused with the reason, and nothing is written."""
    token = new_token()
    store = open_here()
    share(store, publish(store, "sales", b"one").id, token)
    store.close()
    before = stored_files(directory)
    served, has_link, reason, refusal = _read_in_read_only_directory(directory, token)
    assert (served, has_link) == ("one", "True")
    assert reason == f"{directory}/catalog.db cannot be written"
    assert refusal == f"store_read_only The store is read-only: {reason}."
    assert stored_files(directory) == before


KILLED = """
import os, signal, sys
from pathlib import Path
from jupyter_figserve.store.admin.opening import open_store
from tests.store.making import publish, share
store = open_store(Path(sys.argv[1]))
share(store, publish(store, "sales", b"one").id, sys.argv[2])
publish(store, "costs", b"two")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_read_only_directory_of_a_killed_server(directory: Path):
    """What was acknowledged is served, though it is only in the journal that nobody folded in."""
    token = new_token()
    with other_process(KILLED, directory, token) as process:
        process.wait()
    assert (directory / "catalog.db-wal").stat().st_size > 0
    served, has_link, *_ = _read_in_read_only_directory(directory, token)
    assert sorted(served.split(",")) == ["one", "two"]
    assert has_link == "True"


def test_directory_that_cannot_be_made_is_empty_and_read_only(tmp_path: Path, open_here, caplog):
    """A first start where nothing can be written serves nothing, and says why in the log."""
    (tmp_path / "file").write_bytes(b"")
    store = open_here(directory=tmp_path / "file" / "figures")
    assert run(store.figures.find("A" * 16)) is None
    assert "stores no new ones" in caplog.text
    with pytest.raises(ReadOnly):
        publish(store)


def test_opening_removes_unfinished_manifests(directory: Path, open_here):
    """And what it left of a trial of the directory."""
    record = publish(open_here())
    for name in ("figures/writing.tmp", ".probe"):
        (directory / name).write_bytes(b"half")
    again = open_here()
    assert not (directory / "figures/writing.tmp").exists()
    assert not (directory / ".probe").exists()
    assert run(again.figures.get(record.id)) == record
    assert links.list_for_target(again.catalog.reader, Target(FIGURE, record.id)) == []
