"""`gc` and `reindex`: on a directory that is there, with what they did not manage named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from jupyter_figserve import cli
from jupyter_figserve.store.admin.garbage_collection import GcReport
from jupyter_figserve.store.admin.rebuild import RebuildReport
from tests.security.actors import publish

from ..conftest import shell_of


@pytest.fixture
def data_dir(tmp_path) -> Path:
    """An empty data directory: the maintenance commands refuse one that is not there."""
    directory = tmp_path / "figures"
    directory.mkdir()
    return directory


@pytest.mark.parametrize("name", ["gc", "reindex"])
def test_an_empty_directory(name, data_dir, capsys):
    """Does its work and says how much it was."""
    assert cli.main([name, "--data-dir", str(data_dir)]) == cli.OK
    assert "0 figures" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["gc", "reindex"])
def test_no_directory_is_made(name, tmp_path, capsys):
    """A slip of the pen is an error in one sentence, not a new and empty data directory."""
    assert cli.main([name, "--data-dir", str(tmp_path / "slip")]) == cli.FAILED
    assert capsys.readouterr().err.startswith(f"jupyter figserve {name}: There are no figures in {tmp_path}")
    assert not (tmp_path / "slip").exists()


def test_the_usual_directory_is_jupyters(monkeypatch, tmp_path, capsys):
    """Without ``--data-dir`` it is figserve in Jupyter's data directory, the server's own choice."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    (tmp_path / "figserve").mkdir()
    assert cli.main(["gc"]) == cli.OK
    assert capsys.readouterr().out == f"Removed: {GcReport()}\n"


def test_reindex_names_what_did_not_come_back(monkeypatch, data_dir, capsys):
    """Exit code 1, the counts of what did, and a line for each that did not."""
    lost = RebuildReport(figures=2, versions=5, links=1, unreadable=(Path("a.json"),), incomplete=("F123",))
    monkeypatch.setattr("jupyter_figserve.store.admin.offline.reindex", lambda *_: lost)
    assert cli.main(["reindex", "--data-dir", str(data_dir)]) == cli.FAILED
    said = capsys.readouterr()
    assert said.out == "Restored: 2 figures, 5 versions, 1 links\n"
    assert said.err == "Not readable: a.json\nPictures are missing of the figure F123\n"


def test_progress_is_for_terminals(monkeypatch, data_dir, capsys):
    """A bar on one line where somebody looks, and nothing in a log file."""
    assert cli.main(["gc", "--data-dir", str(data_dir)]) == cli.OK
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert cli.main(["gc", "--data-dir", str(data_dir)]) == cli.OK
    assert capsys.readouterr().err.endswith("100%  256 of 256\n")


def test_with_a_real_server(make_server, tmp_path):
    """`gc` runs beside it; `reindex` refuses until it has stopped, and then finds all again."""
    server = make_server()
    publish(server, name="sales")
    shell = shell_of(server, tmp_path / "home")
    shell.run("gc", "--data-dir", str(server.data_dir))
    assert "stop it first" in shell.run("reindex", "--data-dir", str(server.data_dir), expect=1).err
    server.stop()
    (server.data_dir / "catalog.db").unlink()
    assert shell.run("reindex", "--data-dir", str(server.data_dir)).out.startswith("Restored: 1 figures")
    server.restart()
    assert "sales" in shell.run("list").out
