"""The command line: what it understands, what it says, and how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import jupyter_figserve
from jupyter_figserve import cli
from jupyter_figserve.demo.server_process import fetch
from jupyter_figserve.store.cleaning import Cleaned
from jupyter_figserve.store.restoring import Restored

SERVE = [sys.executable, "-m", "jupyter_figserve.cli", "serve"]


def exit_code(*argv: str) -> int:
    """How a command line ends, be it by return or by argparse's exit."""
    with pytest.raises(SystemExit) as ended:
        sys.exit(cli.main(argv))
    return int(ended.value.code or 0)


@pytest.fixture
def data_dir(tmp_path) -> Path:
    """An empty data directory: the maintenance commands refuse one that is not there."""
    directory = tmp_path / "figures"
    directory.mkdir()
    return directory


def test_help_lists_every_command(capsys):
    """Each with one line of what it does, and an example."""
    assert exit_code("--help") == cli.OK
    said = capsys.readouterr().out
    for name in cli.COMMANDS:
        assert f"\n    {name} " in said
        assert f"\n  jupyter figserve {name}" in said


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_help_of_a_command(name, capsys):
    """Says what it does, its options, and examples that its own parser understands."""
    assert exit_code(name, "--help") == cli.OK
    said = capsys.readouterr().out
    assert cli.COMMANDS[name].summary in " ".join(said.split())
    for example in cli.COMMANDS[name].examples:
        assert example in said
        words = [word for word in example.split()[2:] if not cli._TRAIT.fullmatch(word)]
        assert cli.make_parser().parse_args(words).command == name


def test_version(capsys):
    """The package's, alone on its line."""
    assert exit_code("--version") == cli.OK
    assert capsys.readouterr().out == f"{jupyter_figserve.__version__}\n"


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["plot"],
        ["gc", "--no-such-option"],
        ["gc", "--FigServe.owner=ana"],
        ["serve", "--port", "many"],
        ["serve", "--por", "8765"],
        ["serve", "--FigServe.owner", "ana"],
        ["serve", "stray"],
    ],
)
def test_what_is_not_understood_exits_2(argv, capsys):
    """With the usage on standard error: no command, an unknown one, options that it does not have."""
    assert exit_code(*argv) == cli.USAGE
    assert "usage: jupyter figserve" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "wanted"),
    [
        ([], ["--ServerApp.ip=127.0.0.1"]),
        (["--port", "0"], ["--ServerApp.ip=127.0.0.1", "--ServerApp.port=0"]),
        (["--data-dir", "/srv/figures"], ["--ServerApp.ip=127.0.0.1", "--FigServe.data_dir=/srv/figures"]),
        (
            ["--ready-fd", "5", "--exit-with-stdin"],
            ["--ServerApp.ip=127.0.0.1", "--FigServeHost.ready_fd=5", "--FigServeHost.exit_with_stdin=True"],
        ),
        (
            ["--ip", "::1", "--FigServe.public_url=https://a.example/x y"],
            ["--ServerApp.ip=::1", "--FigServe.public_url=https://a.example/x y"],
        ),
    ],
)
def test_options_of_serve_become_traits(argv, wanted):
    """Those of ours by name, any other setting as it was written, and nothing that was not said."""
    options, rest = cli.make_parser().parse_known_args(["serve", *argv])
    options.traits = rest
    assert cli.host_arguments(options) == wanted


@pytest.mark.parametrize("name", ["gc", "reindex"])
def test_maintenance_of_an_empty_directory(name, data_dir, capsys):
    """Does its work and says how much it was."""
    assert exit_code(name, "--data-dir", str(data_dir)) == cli.OK
    assert "0 figures" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["gc", "reindex"])
def test_maintenance_makes_no_directory(name, tmp_path, capsys):
    """A slip of the pen is an error in one sentence, not a new and empty data directory."""
    assert exit_code(name, "--data-dir", str(tmp_path / "slip")) == cli.FAILED
    assert capsys.readouterr().err.startswith(f"jupyter figserve {name}: There are no figures in {tmp_path}")
    assert not (tmp_path / "slip").exists()


def test_the_usual_directory_is_jupyters(monkeypatch, tmp_path, capsys):
    """Without ``--data-dir`` it is figserve in Jupyter's data directory, the server's own choice."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    (tmp_path / "figserve").mkdir()
    assert exit_code("gc") == cli.OK
    assert capsys.readouterr().out == f"Removed: {Cleaned()}\n"


def test_reindex_names_what_did_not_come_back(monkeypatch, data_dir, capsys):
    """Exit code 1, the counts of what did, and a line for each that did not."""
    lost = Restored(figures=2, versions=5, links=1, unreadable=(Path("a.json"),), incomplete=("F123",))
    monkeypatch.setattr("jupyter_figserve.store.maintenance.reindex", lambda *_: lost)
    assert exit_code("reindex", "--data-dir", str(data_dir)) == cli.FAILED
    said = capsys.readouterr()
    assert said.out == "Restored: 2 figures, 5 versions, 1 links\n"
    assert said.err == "Not readable: a.json\nPictures are missing of the figure F123\n"


def test_progress_is_for_terminals(monkeypatch, data_dir, capsys):
    """A counter on one line where somebody looks, and nothing in a log file."""
    assert exit_code("gc", "--data-dir", str(data_dir)) == cli.OK
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert exit_code("gc", "--data-dir", str(data_dir)) == cli.OK
    assert capsys.readouterr().err.endswith("\r256 of 256 parts looked through\n")


def test_demo_gets_its_options(monkeypatch):
    """`--exit` means not to serve on; the exit code is the demo's."""
    asked = []
    monkeypatch.setattr("jupyter_figserve.demo.run", lambda **options: asked.append(options) or cli.FAILED)
    assert exit_code("demo", "--exit", "--port", "8899") == cli.FAILED
    assert asked == [{"port": 8899, "serve_on": False}]


def test_serve_says_when_it_is_ready_and_ends_with_its_input(data_dir, tmp_path):
    """A line of JSON on the descriptor, only figserve's routes, and the end when standard input is closed."""
    ready, word = os.pipe()
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path), "JUPYTER_RUNTIME_DIR": str(tmp_path)}
    command = [*SERVE, "--port", "0", "--data-dir", str(data_dir), "--ready-fd", str(word), "--exit-with-stdin"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, pass_fds=[word], env=environment
        )
    os.close(word)
    try:
        with open(ready) as line:
            said = json.loads(line.readline() or "{}")
        assert said, (tmp_path / "log").read_text()
        status = fetch(f"{said['url']}/api/status")
        assert (status.status, status.json()["host"]) == (200, "standalone")
        assert fetch(said["url"].removesuffix("/figserve") + "/api/contents").status == 404
        process.stdin.close()
        assert process.wait(30) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
        process.stdin.close()
