"""The user's running servers, found by their runtime files."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from jupyter_figserve.kernel.client import running_servers


@pytest.fixture
def write_runtime_file(runtime):
    """``write_runtime_file(pid=…)`` writes a runtime file."""

    def write(name: str | None = None, **fields: object):
        info = {"url": "http://127.0.0.1:8888/", "token": "t", "pid": os.getpid(), "hostname": "127.0.0.1"} | fields
        path = runtime / (name or f"jpserver-{info['pid']}.json")
        path.write_text(json.dumps(info))
        return path

    return write


def test_running_server_is_found(live_server, monkeypatch):
    """A running server has an address, a token and a process."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(live_server.runtime))
    (found,) = running_servers.find_running_servers()
    assert found.address.url == f"{live_server.url}figserve"
    assert (found.token, found.process, found.root) == (live_server.token, live_server.pid, str(live_server.root))
    assert live_server.token not in repr(found)
    assert running_servers.command_line(live_server.pid)[0] == sys.executable
    assert running_servers.process_environment(live_server.pid)["JUPYTER_TOKEN"] == live_server.token


def test_ended_servers_are_not_found(write_runtime_file):
    """The file of an ended process is ignored."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    write_runtime_file(pid=process.pid)
    assert running_servers.find_running_servers() == []
    assert running_servers.command_line(process.pid) == []
    assert running_servers.process_environment(process.pid) == {}


def test_invalid_runtime_files(write_runtime_file, runtime):
    """Other file names, invalid content, symbolic links and a missing directory are ignored."""
    write_runtime_file("kernel-1.json")
    write_runtime_file("jpserver-1.json", url=7)
    write_runtime_file("jpserver-2.json", pid="x")
    write_runtime_file("jpserver-3.json", url="ftp://x")
    (runtime / "jpserver-4.json").write_text("[1")
    (runtime / "jpserver-5.json").mkdir()
    write_runtime_file("elsewhere")
    (runtime / "jpserver-6.json").symlink_to(runtime / "elsewhere")
    assert running_servers.find_running_servers() == []


def test_no_runtime_directory(monkeypatch, tmp_path):
    """The directory may not exist."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "none"))
    assert running_servers.find_running_servers() == []


@pytest.mark.parametrize(
    ("fields", "dialled"),
    [
        ({"hostname": "0.0.0.0", "url": "http://box:8888/x/"}, "http://127.0.0.1:8888/x/figserve"),
        ({"hostname": "", "url": "https://box:8888/"}, "https://127.0.0.1:8888/figserve"),
        ({"hostname": "192.0.2.7", "url": "http://192.0.2.7:8888/"}, "http://192.0.2.7:8888/figserve"),
        ({"hostname": "", "sock": "/run/x.sock", "url": "http+unix://%2Frun%2Fx.sock/"}, None),
    ],
)
def test_address_to_connect_to(fields, dialled, write_runtime_file):
    """A server that listens on all addresses is contacted on loopback; Unix sockets stay sockets."""
    write_runtime_file(**fields)
    (found,) = running_servers.find_running_servers()
    assert found.address.url == (dialled or "http+unix://%2Frun%2Fx.sock/figserve")
