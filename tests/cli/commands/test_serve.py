"""`serve` and `demo`: options, and a real server that reports when it is ready."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from jupyter_figserve import cli
from jupyter_figserve.cli.commands.serve import host_arguments
from jupyter_figserve.demo.server_process import fetch


@pytest.mark.parametrize(
    ("argv", "expected"),
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
def test_options_of_serve_become_traits(argv, expected):
    """Options become settings; other settings are passed on unchanged."""
    assert host_arguments(cli.parse(["serve", *argv])[1]) == expected


def test_options_of_demo(monkeypatch):
    """`--exit` ends the demo; the exit code is that of the demo."""
    asked = []
    monkeypatch.setattr("jupyter_figserve.demo.run", lambda **options: asked.append(options) or cli.FAILED)
    assert cli.main(["demo", "--exit", "--port", "8899"]) == cli.FAILED
    assert asked == [{"port": 8899, "serve_on": False}]


@pytest.fixture
def serving(isolated_shell):
    """``serving(*arguments)`` starts a server; returns its ready line and its process."""
    started = []

    def start(*arguments: str):
        ready, word = os.pipe()
        with (isolated_shell.home / "log").open("ab") as log:
            process = isolated_shell.start(
                "serve", "--port", "0", "--ready-fd", str(word), "--exit-with-stdin", *arguments,
                stdin=subprocess.PIPE, stdout=log, stderr=log, pass_fds=[word],
            )  # fmt: skip
        os.close(word)
        started.append(process)
        with open(ready, encoding="utf-8") as line:
            ready = json.loads(line.readline() or "{}")
        assert ready, (isolated_shell.home / "log").read_text()
        return ready, process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()


def test_serve_reports_readiness_and_ends_with_stdin(serving):
    """A line of JSON on the descriptor, only figserve's routes, and exit when standard input is closed."""
    ready, process = serving("--data-dir", "figures")
    status = fetch(f"{ready['url']}/api/status")
    assert (status.status, status.json()["host"]) == (200, "standalone")
    assert fetch(ready["url"].removesuffix("/figserve") + "/api/contents").status == 404
    process.stdin.close()
    assert process.wait(30) == 0


def test_commands_find_the_served_server(serving, isolated_shell):
    """Commands find it like any other server of the user."""
    serving()
    (isolated_shell.home / "plot.svg").write_text("<svg/>")
    isolated_shell.run("publish", "plot.svg")
    assert fetch(isolated_shell.run("link", "plot").lines[0]).status == 200
    assert isolated_shell.run("keys", "create").out.startswith("fsk_")


def test_invalid_setting_prevents_the_start(isolated_shell):
    """The exit code is 1, and the message names the setting."""
    done = isolated_shell.run("serve", "--port", "0", "--FigServe.keep_session_plots=7 dayz", expect=1)
    assert "7 dayz" in done.err
