"""The doctor on the servers that were connected to, with a real one."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from jupyter_figserve.cli.checks.result import Result
from jupyter_figserve.cli.checks.team import check_team_servers
from jupyter_figserve.demo.server_process import ServerProcess
from jupyter_figserve.model.team_servers import FILE_NAME, TeamServer, write_team_servers

BAD = "fsk_" + 8 * "b" + "_" + 32 * "c"


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Store servers, as `connect` does, in place of the user's own."""
    monkeypatch.setattr("jupyter_figserve.kernel.client.stored_servers.servers_path", lambda: tmp_path / FILE_NAME)

    def store(*servers: tuple[str, str]) -> list[Result]:
        found = [TeamServer(url, key, "ann", ("read", "publish"), "2026-01-01T00:00:00Z", None) for url, key in servers]
        write_team_servers(tmp_path / FILE_NAME, found)
        return list(check_team_servers())

    return store


def states(found: Iterable[Result]) -> set[str]:
    return {result.state for result in found}


def make_key(server: ServerProcess, *scopes: str) -> str:
    answer = server.fetch("figserve/api/keys", method="POST", body={"scopes": list(scopes)})
    return answer.json()["key"]


def test_nothing_is_said_without_a_stored_server(store):
    """Nobody needs one."""
    assert store() == []


def test_stored_key_is_accepted_or_a_new_one_is_asked_for(store, live_server: ServerProcess):
    """With its owner; a key that is bad or may not publish is reported with the command to run."""
    url = f"{live_server.url}figserve"
    good = store((url, make_key(live_server, "read", "publish")))
    assert states(good) == {"ok"}
    assert "sharing there works" in good[-1].says
    bad = store((url, BAD))[-1]
    assert (bad.state, bad.check) == ("wrong", "team_server")
    assert f"jupyter figserve connect {url}" in bad.mend
    assert "no scope publish" in store((url, make_key(live_server, "read")))[-1].says


def test_server_that_is_gone_is_named(store):
    """With how to forget it."""
    (found,) = store(("http://127.0.0.1:9/figserve", BAD))
    assert (found.state, found.subject) == ("wrong", "http://127.0.0.1:9/figserve")
    assert "--remove" in found.mend


def test_file_that_others_can_read_is_reported(store, tmp_path):
    """It holds a key, and is not used."""
    store(("http://127.0.0.1:9/figserve", BAD))
    (tmp_path / FILE_NAME).chmod(0o644)
    (found,) = check_team_servers()
    assert (found.state, "chmod 600" in found.mend) == ("wrong", True)
