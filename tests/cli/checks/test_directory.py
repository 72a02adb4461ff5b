"""Checks of a data directory: permissions, space, file system, catalog, lock."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from jupyter_figserve.cli.checks.directory import assess_directory, check_directory
from jupyter_figserve.store.admin.opening import open_store
from jupyter_figserve.store.files.filesystem import DirectoryLock
from tests.conftest import ELSEWHERE


@pytest.fixture
def directory(tmp_path):
    """A valid data directory."""
    open_store(tmp_path / "figures").close()
    return tmp_path / "figures"


def single_result(results) -> tuple:
    (found,) = results
    return found.check, found.state, found.says, found.mend


def test_healthy_directory(directory):
    """A valid directory has one result."""
    assert single_result(check_directory(directory))[:2] == ("directory", "ok")


def test_missing_directory(tmp_path):
    """A missing directory is not an error, and is not created."""
    assert single_result(check_directory(tmp_path / "new"))[:2] == ("directory", "note")
    assert not (tmp_path / "new").exists()


def test_a_file_is_no_directory(tmp_path):
    """It is there already, and no server could create a directory of its name."""
    (tmp_path / "new").write_text("")
    check, state, says, mend = single_result(check_directory(tmp_path / "new"))
    assert (check, state, says) == ("directory", "wrong", "It is a file, not a directory.")
    assert "--data-dir" in mend


def test_directory_that_others_can_read(directory):
    """The suggested command restricts it."""
    (directory / "catalog.db").chmod(0o644)
    check, state, says, mend = single_result(check_directory(directory))
    assert (check, state) == ("permissions", "wrong")
    assert "catalog.db" in says
    subprocess.run(mend, shell=True, check=True)  # noqa: S602 - a person would paste it into a shell
    assert single_result(check_directory(directory))[1] == "ok"


@pytest.mark.parametrize("what", ["tmpfs", "read-only"])
def test_full_or_read_only_disk(what, directory):
    """A full file system, mounted in its own namespace."""
    unshare = shutil.which("unshare")
    option = "size=900k" if what == "tmpfs" else "bind,ro"
    source = "tmpfs" if what == "tmpfs" else str(directory)
    mount = f"mount {'-t tmpfs' if what == 'tmpfs' else ''} -o {option} {source} {directory}"
    if what == "read-only":
        mount = f"mount --bind {directory} {directory} && mount -o remount,bind,ro {directory}"
    program = (
        "import json, sys, pathlib; from jupyter_figserve.cli.checks.directory import check_directory;"
        "print(json.dumps([r.as_json() for r in check_directory(pathlib.Path(sys.argv[1]))]))"
    )
    shell = f"{mount} && chmod 700 {directory}; {sys.executable} -c '{program}' {directory}"
    done = subprocess.run([unshare or "unshare", "-Urm", "sh", "-c", shell], capture_output=True, text=True)
    if unshare is None or "denied" in done.stderr or ("not permitted" in done.stderr and not done.stdout):
        pytest.skip(f"{ELSEWHERE}no mount without privileges: {done.stderr}")
    states = {one["check"]: one for one in json.loads(done.stdout)}
    if what == "tmpfs":
        assert states["disk"]["state"] == "wrong"
        assert "nearly full" in states["disk"]["says"]
        assert "jupyter figserve gc --data-dir" in states["disk"]["mend"]
    else:
        assert states["permissions"]["state"] == "wrong"
        assert "not writable" in states["permissions"]["says"]


def test_directory_of_another_user(directory):
    """The directory belongs to another user."""
    if os.geteuid() != 0:
        pytest.skip(f"{ELSEWHERE}only root gives a directory away")
    os.chown(directory, 65534, 65534)
    check, state, says, mend = single_result(check_directory(directory))
    assert (check, state) == ("permissions", "wrong")
    assert "another user" in says
    assert mend.startswith("sudo chown -R $USER ")


def test_network_file_system(directory, monkeypatch, tmp_path):
    """The file system's type is named, with the setting that moves the catalog."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 2 0:9 / {tmp_path} rw - fuse.sshfs host:/x rw\n")
    monkeypatch.setattr("jupyter_figserve.store.files.filesystem.find_network_type.__defaults__", (mounts,))
    check, state, says, mend = single_result(check_directory(directory))
    assert (check, state) == ("network_file_system", "wrong")
    assert "fuse.sshfs" in says
    assert "c.FigServe.database_url" in mend


def test_damaged_catalog(directory):
    """The suggested command rebuilds it."""
    (directory / "catalog.db").write_bytes(b"nonsense" * 1000)
    check, state, says, mend = single_result(r for r in check_directory(directory) if r.check == "catalog")
    assert (check, state) == ("catalog", "wrong")
    assert "cannot be read" in says
    arguments = mend.partition("#")[0].split()
    assert arguments[:3] == ["jupyter", "figserve", "reindex"]
    subprocess.run([sys.executable, "-m", "jupyter_figserve.cli", *arguments[2:]], check=True, capture_output=True)
    assert single_result(check_directory(directory))[1] == "ok"


def test_lock_held_by_another_process(directory):
    """An exclusive lock is reported; a shared one is not."""
    program = (
        "import sys, pathlib; from jupyter_figserve.store.files.filesystem import DirectoryLock;"
        "DirectoryLock(pathlib.Path(sys.argv[1])).acquire(exclusive=sys.argv[2] == 'alone');"
        "print('held', flush=True); sys.stdin.read()"
    )
    for how, expected in (("alone", ["wrong"]), ("shared", [])):
        with subprocess.Popen(
            [sys.executable, "-c", program, str(directory), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout.readline() == b"held\n"
            assert [r.state for r in check_directory(directory) if r.check == "lock"] == expected
            process.stdin.close()
    assert DirectoryLock(directory).path.exists()


@pytest.mark.parametrize(
    ("free", "total", "is_full"),
    [
        (10**6, 10**12, True),
        (5 * 10**8, 10**12, True),
        (5 * 10**8, 10**9, False),
        (10**10, 10**13, False),
        (None, None, False),
    ],
)
def test_nearly_full_disk(free, total, is_full):
    """The limit is in bytes, or a fraction of a large disk."""
    found = {"path": "/x", "is_own": True, "is_writable": True, "open_to_others": [], "network_type": None}
    states = [result.check for result in assess_directory({**found, "free": free, "total": total})]
    assert ("disk" in states) is is_full


def test_catalog_problems_reported_by_a_server():
    """A read-only store has a reason; damage has its own command."""
    found = {"path": "/x", "is_own": True, "is_writable": True, "open_to_others": [], "network_type": None}
    found |= {"free": None, "total": None}
    assert "reindex" in single_result(assess_directory(found, "/x/catalog.db is damaged: bad page"))[3]
    assert "chmod" in single_result(assess_directory(found, "/x/catalog.db cannot be written"))[3]
