"""Checks of running servers: missing extension, invalid settings, shared directories."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv

import pytest

from jupyter_figserve import cli
from jupyter_figserve.cli.checks.result import Result
from jupyter_figserve.cli.checks.running import check_leftovers, check_running
from jupyter_figserve.cli.checks.server import Examination
from tests.homes import new_home

from ..conftest import SpecialServer


@pytest.fixture
def check(monkeypatch):
    """``check(server)`` returns the results for the servers of this runtime directory."""

    def run(server) -> list[Result]:
        monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(server.runtime))
        return list(check_running(cli.parse(["doctor"])[1], []))

    return run


def problems_of(results: list[Result]) -> dict[str, Result]:
    return {result.check: result for result in results if result.state == "wrong"}


def test_healthy_server(check, live_server):
    """A running server has no problems."""
    assert problems_of(check(live_server)) == {}


def test_no_server(monkeypatch, tmp_path):
    """No server is not an error; the result says how to start one."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    (found,) = check_running(cli.parse(["doctor"])[1], [])
    assert (found.state, found.check) == ("note", "server")
    assert "jupyter lab" in found.mend


def test_disabled_extension(check, bare_server):
    """A disabled extension is distinguished from a missing one, and the command enables it."""
    found = problems_of(check(bare_server))["extension"]
    assert "disabled" in found.says
    command = found.mend.partition(" && ")[0]
    assert command.endswith("extension enable --user jupyter_figserve")
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(bare_server.home / "config"), "JUPYTER_PREFER_ENV_PATH": "0"}
    subprocess.run(command.split(), env=environment, check=True, capture_output=True)
    bare_server.restart()
    assert problems_of(check(bare_server)) == {}


def test_missing_extension(check):
    """The interpreter of an environment without the package is named."""
    home = new_home()
    venv.create(home / "env", with_pip=False)
    python = home / "env" / "bin" / "python"
    (site,) = (home / "env" / "lib").glob("python*/site-packages")
    # The other packages of this environment, without the editable install of this one.
    packages = [path for path in sys.path if path.endswith("site-packages")]
    (site / "here.pth").write_text("\n".join(packages) + "\n")

    class Elsewhere(SpecialServer):
        def _command_line(self) -> list[str]:
            return [str(python), *super()._command_line()[1:]]

    server = Elsewhere(home, extension=False)
    server.start()
    try:
        found = problems_of(check(server))["extension"]
    finally:
        server.stop()
    assert "not installed" in found.says
    assert found.mend == f"{python} -m pip install jupyter_figserve"


def test_extension_that_failed_to_load(check, make_server):
    """An installed and enabled extension that is not loaded: the log has the reason."""
    server = make_server(keep_session_plots="7 dayz")
    found = problems_of(check(server))["extension"]
    assert "not loaded" in found.says
    assert "invalid setting" in found.says
    assert "log" in found.mend


def test_servers_that_share_a_directory(check, make_server):
    """Sharing is reported as fine."""
    one = make_server()
    other = make_server(data_dir=one.data_dir)
    for file in other.runtime.glob("jpserver-*.json"):
        os.link(file, one.runtime / file.name)
    results = check(one)
    assert problems_of(results) == {}
    (found,) = [result for result in results if result.check == "shared_directory"]
    assert found.state == "ok"
    assert found.subject == str(one.data_dir)
    assert all(server.url in found.says for server in (one, other))


def test_versions_that_share_a_directory(check, make_server, tmp_path):
    """Different versions are a note that says what to upgrade."""
    one = make_server()
    (tmp_path / "sitecustomize.py").write_text("import jupyter_figserve\njupyter_figserve.__version__ = '0.0.9'\n")
    other = make_server(data_dir=one.data_dir, environment={"PYTHONPATH": str(tmp_path)})
    for file in other.runtime.glob("jpserver-*.json"):
        os.link(file, one.runtime / file.name)
    (found,) = [result for result in check(one) if result.check == "shared_directory"]
    assert found.state == "note"
    assert "0.0.9" in found.says
    assert "pip install --upgrade" in found.mend


def test_examined_server_is_not_examined_again(live_server, monkeypatch):
    """A server named with --server is not checked twice."""
    from jupyter_figserve.kernel.client.address import parse_pasted
    from jupyter_figserve.kernel.client.client import FigServeClient

    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(live_server.runtime))
    examination = Examination(FigServeClient(parse_pasted(live_server.url)[0], live_server.token))
    assert list(check_running(cli.parse(["doctor"])[1], [examination])) == []


def test_runtime_files_of_killed_servers(tmp_path, monkeypatch):
    """A leftover file is a note, with the command that removes it."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    path = tmp_path / f"jpserver-{process.pid}.json"
    path.write_text(json.dumps({"pid": process.pid, "url": "http://127.0.0.1:1/", "token": "t"}))
    (tmp_path / "jpserver-2.json").write_text("{")
    (found,) = check_leftovers()
    assert (found.state, found.mend) == ("note", f"rm {path}")
