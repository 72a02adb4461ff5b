"""`gc` and `reindex`: existing directories, and reported failures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_figserve import cli
from jupyter_figserve.store.admin.rebuild import RebuildReport
from jupyter_figserve.store.lifecycle.garbage_collection import GcReport
from tests.security.actors import publish

from ..conftest import shell_of


@pytest.fixture
def data_dir(tmp_path) -> Path:
    """An empty data directory; the commands require an existing one."""
    directory = tmp_path / "figures"
    directory.mkdir()
    return directory


@pytest.mark.parametrize("name", ["gc", "reindex"])
def test_empty_directory(name, data_dir, capsys):
    """An empty directory is processed, and the counts are printed."""
    assert cli.main([name, "--data-dir", str(data_dir)]) == cli.OK
    assert "0 figures" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["gc", "reindex"])
def test_missing_directory_is_not_created(name, tmp_path, capsys):
    """A typo is reported in one line, and creates no directory."""
    assert cli.main([name, "--data-dir", str(tmp_path / "slip")]) == cli.FAILED
    assert capsys.readouterr().err.startswith(f"jupyter figserve {name}: The directory {tmp_path}")
    assert not (tmp_path / "slip").exists()


def test_default_directory_is_jupyters(monkeypatch, tmp_path, capsys):
    """Without ``--data-dir``, the directory is that of the server."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    (tmp_path / "figserve").mkdir()
    assert cli.main(["gc"]) == cli.OK
    assert capsys.readouterr().out == f"Removed: {GcReport()}\n"


def test_reindex_lists_unrestored_figures(monkeypatch, data_dir, capsys):
    """The exit code is 1, with counts and a line for each failure."""
    lost = RebuildReport(figures=2, versions=5, links=1, unreadable=("a.json",), incomplete=("F123",))
    monkeypatch.setattr("jupyter_figserve.store.admin.offline.reindex", lambda *_, **__: lost)
    assert cli.main(["reindex", "--data-dir", str(data_dir)]) == cli.FAILED
    output = capsys.readouterr()
    assert output.out == "Restored: 2 figures, 5 versions, 1 links\n"
    assert output.err == "Unreadable: a.json\nFigure with missing files: F123\n"


def test_progress_only_on_a_terminal(monkeypatch, data_dir, capsys):
    """Progress is shown on a terminal only."""
    assert cli.main(["gc", "--data-dir", str(data_dir)]) == cli.OK
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert cli.main(["gc", "--data-dir", str(data_dir)]) == cli.OK
    assert capsys.readouterr().err.endswith("100%  256 of 256\n")


def test_with_a_running_server(make_server, tmp_path):
    """`gc` runs while the server does; `reindex` requires it to be stopped, and restores everything."""
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


@pytest.mark.parametrize(
    ("configured", "arguments", "lifetime"),
    [
        (None, [], 7 * 86_400.0),
        ("2d", [], 2 * 86_400.0),
        ("never", [], None),
        ("never", ["--keep-session-plots", "1h"], 3600.0),
    ],
)
def test_gc_removes_expired_plots_as_configured(monkeypatch, data_dir, tmp_path, configured, arguments, lifetime):
    """Those of ended sessions, after the time of the servers' configuration or the one given."""
    given = []
    monkeypatch.setattr(
        "jupyter_figserve.store.admin.offline.clean", lambda *values, **_: given.append(values[2]) or ""
    )
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    if configured is not None:
        (tmp_path / "jupyter_server_config.py").write_text(f"c.FigServe.keep_session_plots = {configured!r}\n")
    assert cli.main(["gc", "--data-dir", str(data_dir), *arguments]) == cli.OK
    assert given == [lifetime]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="ELSEWHERE: /dev/full exists on Linux")
def test_full_disk_is_reported_in_one_line(data_dir):
    """Not as a traceback, and with exit code 1."""
    with open("/dev/full", "w", encoding="utf-8") as full:
        command = [sys.executable, "-m", "jupyter_figserve.cli", "gc", "--data-dir", str(data_dir)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("jupyter figserve gc: ")
    assert "No space left on device" in done.stderr
