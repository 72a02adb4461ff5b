"""The server of `jupyter figserve connect`, as notebooks and scripts find it: last of all, and by its URL."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_figserve.kernel.client import batch_server, discovery, stored_servers
from jupyter_figserve.model.team_servers import FILE_NAME, TeamServer, write_team_servers

KEY = "fsk_aaaaaaaa_" + "k" * 43
TEAM = TeamServer("https://figures.example.org/figserve", KEY, "ada", ("publish",), "2026-01-01T00:00:00Z")


@pytest.fixture
def stored(tmp_path: Path, monkeypatch) -> Path:
    """The file, for a process without any other server."""
    for name in ("FIGSERVE_URL", "FIGSERVE_API_KEY", "KERNEL_FIGSERVE_URL", "KERNEL_FIGSERVE_KEY", "JPY_PARENT_PID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setattr(batch_server, "_known", None)
    monkeypatch.setattr(discovery, "_explicit", None)
    write_team_servers(tmp_path / FILE_NAME, [TEAM])
    return tmp_path / FILE_NAME


def test_it_is_found_last(stored, monkeypatch):
    """Where nothing else is; the kernel's own server comes before it."""
    found = batch_server.get_connection()
    assert (found.url, found.client.credential) == (TEAM.url, {"X-API-Key": KEY})
    assert found.found == "`jupyter figserve connect`"
    assert batch_server.get_connection() is found
    monkeypatch.setenv("KERNEL_FIGSERVE_URL", "http://127.0.0.1:8888/figserve")
    monkeypatch.setenv("KERNEL_FIGSERVE_KEY", "fsk_bbbbbbbb_" + "k" * 43)
    assert batch_server.get_connection().url == "http://127.0.0.1:8888/figserve"


def test_its_key_is_used_for_its_url(stored, monkeypatch):
    """In FIGSERVE_URL without a key; a key that is given counts."""
    monkeypatch.setenv("FIGSERVE_URL", "https://figures.example.org")
    assert discovery.find_connection().client.credential == {"X-API-Key": KEY}
    monkeypatch.setenv("FIGSERVE_API_KEY", "fsk_cccccccc_" + "k" * 43)
    assert discovery.find_connection().client.credential == {"X-API-Key": "fsk_cccccccc_" + "k" * 43}


def test_a_file_that_others_can_read_is_not_used(stored):
    """A warning says how to restrict it, once."""
    stored.chmod(0o644)
    with pytest.warns(UserWarning, match="chmod 600"):
        assert stored_servers.find_stored_server() is None
    assert stored_servers.find_stored_server() is None


def test_a_link_of_a_server_that_is_not_known_here(stored):
    """Its client sends no key, such as in a kernel on another machine."""
    assert stored_servers.client_of_server(TEAM.url).credential == {"X-API-Key": KEY}
    assert stored_servers.client_of_server("https://elsewhere.example/figserve").credential == {}
