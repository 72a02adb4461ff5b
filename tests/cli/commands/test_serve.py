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
    """Options become settings; other settings are passed on unchanged."""
    assert host_arguments(cli.parse(["serve", *argv])[1]) == wanted


def test_demo_gets_its_options(monkeypatch):
    """`--exit` ends the demo; the exit code is that of the demo."""
    asked = []
    monkeypatch.setattr("jupyter_figserve.demo.run", lambda **options: asked.append(options) or cli.FAILED)
    assert cli.main(["demo", "--exit", "--port", "8899"]) == cli.FAILED
    assert asked == [{"port": 8899, "serve_on": False}]


@pytest.fixture
def serving(lonely):
    """``serving(*arguments)`` starts a server; returns its ready line and its process."""
    started = []

    def start(*words: str):
        ready, word = os.pipe()
        with (lonely.home / "log").open("ab") as log:
            process = lonely.start(
                "serve", "--port", "0", "--ready-fd", str(word), "--exit-with-stdin", *words,
                stdin=subprocess.PIPE, stdout=log, stderr=log, pass_fds=[word],
            )  # fmt: skip
        os.close(word)
        started.append(process)
        with open(ready) as line:
            said = json.loads(line.readline() or "{}")
        assert said, (lonely.home / "log").read_text()
        return said, process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()


def test_serve_says_when_it_is_ready_and_ends_with_its_input(serving):
    """A line of JSON on the descriptor, only figserve's routes, and exit when standard input is closed."""
    said, process = serving("--data-dir", "figures")
    status = fetch(f"{said['url']}/api/status")
    assert (status.status, status.json()["host"]) == (200, "standalone")
    assert fetch(said["url"].removesuffix("/figserve") + "/api/contents").status == 404
    process.stdin.close()
    assert process.wait(30) == 0


def test_the_commands_find_it(serving, lonely):
    """Commands find it like any other server of the user."""
    serving()
    (lonely.home / "plot.svg").write_text("<svg/>")
    lonely.run("publish", "plot.svg")
    assert fetch(lonely.run("link", "plot").lines[0]).status == 200
    assert lonely.run("keys", "create").out.startswith("fsk_")


def test_a_wrong_setting_is_no_server(lonely):
    """The exit code is 1, and the message names the setting."""
    done = lonely.run("serve", "--port", "0", "--FigServe.keep_session_plots=7 dayz", expect=1)
    assert "7 dayz" in done.err
