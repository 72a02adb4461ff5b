"""The file system: network types, locks between processes, modes, and write access."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from jupyter_figserve.errors import Conflict
from jupyter_figserve.store.files.filesystem import (
    DirectoryLock,
    find_network_type,
    fsync_directory,
    is_writable,
    make_private_directory,
)

from ..making import other_process, read_line, write_line

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /home rw - nfs4 server:/home rw
31 30 8:2 / /home/ann/scratch rw master:2 propagate_from:1 - xfs /dev/sdb rw
32 22 0:41 / /mnt/my\\040files rw - cifs //server/share rw
33 22 0:42 / /mnt/tab\\011and\\134 rw - fuse.sshfs host: rw
34 22 0:43 / /data rw - nfs4 server:/data rw
35 22 8:3 / /data rw - ext4 /dev/sdc rw
broken line
36 22 0:44 / /odd - nfs4
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    path = tmp_path / "mountinfo"
    path.write_text(MOUNTS)
    return path


@pytest.mark.parametrize(
    ("directory", "kind"),
    [
        ("/srv/figures", None),
        ("/home", "nfs4"),
        ("/home/bob/figures", "nfs4"),
        ("/home/ann/scratch/figures", None),
        ("/home/ann/scratchpad", "nfs4"),
        ("/homework", None),
        ("/mnt/my files/figures", "cifs"),
        ("/mnt/tab\tand\\/figures", "fuse.sshfs"),
        ("/data/figures", None),
    ],
)
def test_network_type_of_a_directory(directory: str, kind: str | None, mounts: Path):
    """The innermost mount decides, of two on one point the later; escaped names are read."""
    assert find_network_type(Path(directory), mounts) == kind


def test_network_type_follows_links(tmp_path: Path, mounts: Path):
    """Symbolic links are resolved."""
    (tmp_path / "here").symlink_to("/home/bob")
    assert find_network_type(tmp_path / "here", mounts) == "nfs4"


def test_unknown_network_type(tmp_path: Path):
    """Without a table of mounts, as on other systems, a directory counts as local."""
    assert find_network_type(tmp_path, tmp_path / "missing") is None


def test_this_machine_s_temporary_directory_is_local(tmp_path: Path):
    """The real table of mounts is understood."""
    assert find_network_type(tmp_path) is None


def test_private_directory_with_all_that_is_missing_above(tmp_path: Path):
    """Under umask 0, neither a new directory nor its new parents are writable by others."""
    before = os.umask(0)
    try:
        make_private_directory(tmp_path / "a" / "b" / "c")
    finally:
        os.umask(before)
    for path in ("a", "a/b", "a/b/c"):
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) == 0o700


def test_private_directory_is_closed_again(tmp_path: Path):
    """An existing directory loses access for others; its parents are unchanged."""
    tmp_path.chmod(0o755)
    (tmp_path / "ours").mkdir(mode=0o755)
    make_private_directory(tmp_path / "ours")
    assert stat.S_IMODE((tmp_path / "ours").stat().st_mode) == 0o700
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_writable_directory(tmp_path: Path):
    """The probe leaves nothing behind, and the file of an interrupted probe is no obstacle."""
    (tmp_path / ".probe").write_bytes(b"")
    assert is_writable(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_missing_directory_is_not_writable(tmp_path: Path):
    """Nor is a file."""
    (tmp_path / "file").write_bytes(b"")
    assert not is_writable(tmp_path / "missing")
    assert not is_writable(tmp_path / "file")


def test_directory_can_be_synced(tmp_path: Path):
    """A file cannot be taken for one."""
    fsync_directory(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        fsync_directory(tmp_path / "file")


LOCKER = """
import sys
from pathlib import Path
from jupyter_figserve.errors import Conflict
from jupyter_figserve.store.files.filesystem import DirectoryLock
lock = DirectoryLock(Path(sys.argv[1]))
try:
    lock.acquire(exclusive=sys.argv[2] == "exclusive")
except Conflict as error:
    print(error.code, error.message)
else:
    print("held")
sys.stdin.readline()
"""


@pytest.mark.parametrize(
    ("theirs", "ours", "held"),
    [
        ("shared", "shared", True),
        ("shared", "exclusive", False),
        ("exclusive", "shared", False),
        ("exclusive", "exclusive", False),
    ],
)
def test_locks_between_processes(tmp_path: Path, theirs: str, ours: str, held: bool):
    """Servers share the lock; a repair excludes them."""
    lock = DirectoryLock(tmp_path)
    with lock.held(exclusive=theirs == "exclusive"), other_process(LOCKER, tmp_path, ours) as process:
        line = read_line(process)
    assert line == (
        "held" if held else f"data_directory_in_use Another figserve process is using {tmp_path}; stop it first."
    )


def test_lock_goes_with_its_process(tmp_path: Path):
    """A killed process holds no lock."""
    with other_process(LOCKER, tmp_path, "exclusive") as process:
        assert read_line(process) == "held"
        with pytest.raises(Conflict):
            DirectoryLock(tmp_path).acquire(exclusive=False)
    with DirectoryLock(tmp_path).held(exclusive=True):
        pass


OPENER = """
import sys
from pathlib import Path
from filelock import FileLock, Timeout
from jupyter_figserve.store.files.filesystem import DirectoryLock
lock = DirectoryLock(Path(sys.argv[1]))
lock.acquire(exclusive=False)
print("shared", flush=True)
sys.stdin.readline()
try:
    with FileLock(lock.path.with_name("catalog.opening.lock"), timeout=0):
        print("free", flush=True)
except Timeout:
    print("busy", flush=True)
sys.stdin.readline()
with lock.opening():
    print("inside", flush=True)
sys.stdin.readline()
"""


def test_opening_is_one_process_s_at_a_time(tmp_path: Path):
    """While one process opens the catalog, others wait."""
    lock = DirectoryLock(tmp_path)
    with lock.held(exclusive=False), other_process(OPENER, tmp_path) as process:
        assert read_line(process) == "shared"
        with lock.opening():
            write_line(process)
            assert read_line(process) == "busy"
            write_line(process)
        assert read_line(process) == "inside"
        with lock.opening():
            pass


def test_released_lock_can_be_taken(tmp_path: Path):
    """Releasing twice is no error."""
    lock = DirectoryLock(tmp_path)
    lock.acquire(exclusive=True)
    lock.release()
    lock.release()
    with other_process(LOCKER, tmp_path, "exclusive") as process:
        assert read_line(process) == "held"
