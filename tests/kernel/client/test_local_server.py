"""The standalone server as a child process: start, failure and end."""

from __future__ import annotations

import sys

import pytest

from jupyter_figserve import errors
from jupyter_figserve.kernel.client import local_server as serving
from jupyter_figserve.kernel.client.discovery import find_connection

READY = """
import json, os, sys
fd = int(sys.argv[sys.argv.index("--ready-fd") + 1])
os.write(fd, json.dumps({"url": "http://127.0.0.1:1/figserve", "key": "fsk_x"}).encode() + b"\\n")
sys.stdin.read()
"""


def child(code=READY):
    return [sys.executable, "-c", code]


@pytest.fixture
def started():
    server = serving.start(child())
    yield server
    server.stop()


def test_served_server_is_used_immediately(started):
    """The ready line contains address and key; the key is never shown."""
    assert started.url == "http://127.0.0.1:1/figserve"
    assert find_connection().url == started.url
    assert find_connection().found == "figserve.serve()"
    assert repr(started) == "<figserve server at http://127.0.0.1:1/figserve, running>"


def test_stopping_ends_the_child_and_the_connection(started):
    """A second stop does nothing."""
    started.stop()
    started.stop()
    assert started._process.returncode == 0
    assert not started.is_running
    assert find_connection() is None


def test_it_ends_with_its_block():
    """The context manager stops it, also after an error in the block."""
    with pytest.raises(KeyError), serving.start(child()) as server:
        raise KeyError
    assert not server.is_running


def test_waiting_serves_until_interrupted(started, monkeypatch):
    """Ctrl-C ends a script without an error."""

    def interrupted(timeout=None):
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(started._process, "wait", interrupted)
    started.wait()
    assert not started.is_running


@pytest.mark.parametrize("port", [-1, 65_536, "8765", None, 1.5, True, [1]])
def test_port_that_there_is_not(monkeypatch, port):
    """Nothing is started for it."""
    monkeypatch.setattr(serving, "start", lambda *_: pytest.fail("a child was started"))
    with pytest.raises(errors.InvalidInput, match="port must be a whole number up to 65535"):
        serving.serve(port)


def test_directory_of_an_unknown_user():
    """As for every path."""
    with pytest.raises(errors.InvalidInput, match="no home directory '~no-such-user'"):
        serving.serve(data_dir="~no-such-user/figures")


def test_log_of_a_failing_child_is_in_the_error():
    """The message contains the exit status and the end of the log, without escape sequences."""
    code = "import sys; print('\\x1b[31mport in use', file=sys.stderr); sys.exit(3)"
    with pytest.raises(errors.FigServeError, match=r"exit status 3\)\. The end of its log:\nport in use$"):
        serving.start(child(code))
    assert find_connection() is None


def test_silent_child_times_out():
    """The wait is bounded, and the child is killed."""
    with pytest.raises(errors.FigServeError, match=r"did not start within 0\.01 s"):
        serving.start(child("import sys; sys.stdin.read()"), timeout=0.01)


@pytest.mark.parametrize("word", ["nonsense", "{}", "[]", '{"url": "x:y:z", "key": "k"}'])
def test_a_wrong_ready_line_is_an_error(word):
    """Another program's ready line is an error."""
    code = f"import os, sys; os.write(int(sys.argv[-1]), {word + chr(10)!r}.encode()); sys.stdin.read()"
    with pytest.raises(errors.FigServeError):
        serving.start(child(code))


def test_verbose_child_does_not_block():
    """All output is read, and only its end is kept."""
    with serving.start(
        child(f"print('x' * 100 + chr(10), end='' , flush=True) or [print(n) for n in range(100_000)]\n{READY}")
    ) as server:
        assert server.is_running
    assert len(server._lines) == 50


def test_a_second_call_gives_the_same_server(monkeypatch):
    """A process has one server; another port or directory is a conflict."""
    monkeypatch.setattr(serving, "_server", None)
    commands = []

    def command(port, data_dir):
        commands.append((port, data_dir))
        return child()

    monkeypatch.setattr(serving, "_command", command)
    with serving.serve() as first:
        assert serving.serve() is first
        with pytest.raises(errors.Conflict, match="stop"):
            serving.serve(port=8999)
    with serving.serve(8999, data_dir="~") as second:
        assert second is not first
        assert serving.serve(8999, data_dir="~") is second
    assert [port for port, _ in commands] == [0, 8999]


def test_child_inherits_no_credential(monkeypatch):
    """Variables of a Hub are removed too."""
    for name in ("JUPYTERHUB_API_TOKEN", "KERNEL_FIGSERVE_KEY", "FIGSERVE_API_KEY", "JPY_PARENT_PID"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("PATH_OF_MINE", "x")
    kept = serving._environment()
    assert "PATH_OF_MINE" in kept
    assert not [name for name in kept if name.startswith(("JUPYTERHUB_", "KERNEL_FIGSERVE_", "FIGSERVE_", "JPY_"))]


def test_command_of_the_child(tmp_path):
    """The command is ``jupyter figserve serve`` of this interpreter."""
    command = serving._command(8999, tmp_path)
    assert command[:4] == [sys.executable, "-m", "jupyter_figserve.cli", "serve"]
    assert command[4:] == ["--port", "8999", "--exit-with-stdin", "--data-dir", str(tmp_path)]
