"""Session directories in the runtime directory: private, and deleted with their session and their server."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_figserve.server.services.sessions import directories as sessions_directories
from jupyter_figserve.server.services.sessions.directories import SessionDirectories


def open_in(parent):
    directories = SessionDirectories(parent)
    directories.open()
    return directories


@pytest.fixture
def parent(tmp_path):
    return tmp_path / "runtime" / "figserve"


@pytest.fixture
def directories(parent):
    directories = open_in(parent)
    yield directories
    directories.close()


def wait(directories: SessionDirectories) -> None:
    """Wait until the removed directories have been deleted."""
    directories._remover.submit(lambda: None).result(20)


def servers(parent):
    return sorted(path for path in parent.glob("server-*"))


def test_directories_are_private(directories, parent):
    """All are 0700, regardless of the umask."""
    before = os.umask(0)
    try:
        made = directories.make("plots")
    finally:
        os.umask(before)
    assert made.name.startswith("plots-")
    for path in (made, made.parent, parent):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_directory_ends_with_its_kernel(directories):
    """It disappears at once, with its content."""
    made = directories.make("plots")
    directories.bind(made, "kernel")
    (made / "sub").mkdir()
    (made / "sub" / "x.png").write_bytes(b"x")
    assert directories.find("kernel") == made
    directories.remove("kernel")
    assert directories.find("kernel") is None
    assert not made.exists()
    wait(directories)
    assert not list(made.parent.glob("*plots*"))
    directories.remove("kernel")


def test_removing_follows_no_link(directories, tmp_path):
    """The target of a symbolic link in it is not deleted."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "x.png").write_bytes(b"x")
    made = directories.make("plots")
    (made / "link").symlink_to(tmp_path / "mine")
    directories.discard(made)
    wait(directories)
    assert (tmp_path / "mine" / "x.png").read_bytes() == b"x"


def test_a_directory_swapped_for_a_link_is_no_way_out(directories, tmp_path):
    """If a kernel replaces its directory by a link, only the link is deleted."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "x.png").write_bytes(b"x")
    made = directories.make("plots")
    made.rmdir()
    made.symlink_to(tmp_path / "mine")
    directories.discard(made)
    wait(directories)
    assert (tmp_path / "mine" / "x.png").read_bytes() == b"x"


def test_a_kernel_bound_again_has_the_new_one(directories):
    """The old directory is deleted."""
    first, second = directories.make("plots"), directories.make("plots")
    directories.bind(first, "kernel")
    directories.bind(second, "kernel")
    directories.bind(None, "kernel")
    assert directories.find("kernel") == second
    assert not first.exists()


def test_close_leaves_nothing(parent):
    """The directory of the server is deleted, too."""
    directories = open_in(parent)
    directories.bind(directories.make("plots"), "kernel")
    directories.close()
    assert servers(parent) == []
    assert directories.make("plots") is None
    assert directories.find("kernel") is None


def test_leftovers_of_a_killed_server_are_removed_at_the_next_start(parent, caplog):
    """A lock shows which servers are running; the log has the deleted directories."""
    code = (
        "import os, sys; from pathlib import Path;"
        "from jupyter_figserve.server.services.sessions.directories import SessionDirectories as S;"
        "d = S(Path(sys.argv[1])); d.open(); (d.make('plots') / 'x.png').write_bytes(b'x');"
        "print(d._own, flush=True); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(parent)], stdout=subprocess.PIPE)
    (dead,) = servers(parent)
    living = open_in(parent)
    wait(living)
    assert not dead.exists()
    kept = living.make("plots")
    with caplog.at_level(logging.INFO, "jupyter_figserve"):
        other = open_in(parent)
        wait(other)
    assert kept.exists()
    assert servers(parent) == sorted([living._own, other._own])
    (parent / "server-1-abandoned").mkdir()
    with caplog.at_level(logging.INFO, "jupyter_figserve"):
        assert other.sweep() == 1
    assert "1 servers" in caplog.text
    living.close()
    other.close()


def test_a_runtime_directory_that_cannot_be_written_is_said_once(tmp_path, caplog):
    """The server runs without session directories."""
    (tmp_path / "file").write_text("")
    directories = open_in(tmp_path / "file" / "figserve")
    assert directories.problem.startswith("Jupyter's runtime directory is not writable")
    assert len(caplog.records) == 1
    assert directories.make("plots") is None
    assert directories.sweep() == 0
    directories.bind(None, "kernel")
    directories.close()


@pytest.fixture
def windows(monkeypatch):
    """Where files that are open can be neither deleted nor moved."""

    really = os.rename

    def is_open(path) -> bool:
        held = [os.path.realpath(f"/proc/self/fd/{one}") for one in os.listdir("/proc/self/fd")]
        return any(Path(name).is_relative_to(path) for name in held)

    def rmtree(path, **_: object) -> None:
        for file in sorted(Path(path).rglob("*"), reverse=True):
            if not is_open(file):
                file.rmdir() if file.is_dir() else file.unlink()
        if not is_open(path) and Path(path).exists():
            Path(path).rmdir()

    def rename(old, new) -> None:
        if is_open(old):
            raise PermissionError(13, "in use")
        really(old, new)

    monkeypatch.setattr(sessions_directories.shutil, "rmtree", rmtree)
    monkeypatch.setattr(sessions_directories.os, "rename", rename)


def test_nothing_is_left_on_windows(parent, windows):
    """Neither by a server that ends, nor of one that was killed."""
    killed = open_in(parent)
    killed.make("plots")
    os.close(killed._lock)
    killed._lock = None
    killed._remover.shutdown(wait=True)
    directories = open_in(parent)
    wait(directories)
    directories.close()
    assert servers(parent) == []


def test_a_directory_with_an_open_file_on_windows(directories, windows):
    """It cannot be moved; what is not open is deleted."""
    made = directories.make("plots")
    (made / "closed.png").write_bytes(b"x")
    with (made / "open.png").open("wb"):
        directories.discard(made)
        wait(directories)
    assert [path.name for path in made.iterdir()] == ["open.png"]
