"""The file of team servers: private, whole or absent, and the last connected server first."""

from __future__ import annotations

import stat

import pytest

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.model.team_servers import (
    TeamServer,
    find_team_server,
    read_team_servers,
    with_server,
    write_team_servers,
)

A = TeamServer("https://a/figserve", "fsk_aaaaaaaa_" + "k" * 43, "ada", ("read", "publish"), "2026-01-01T00:00:00Z")
B = TeamServer("https://b/hub/figserve", "fsk_bbbbbbbb_" + "k" * 43, "ada", ("publish",), "2026-01-02T00:00:00Z", "/ca")


def test_only_the_user_can_read_it(tmp_path):
    """Whatever the umask; and nothing else is left beside it."""
    path = tmp_path / "data" / "servers.json"
    write_team_servers(path, with_server([A], B))
    assert read_team_servers(path) == [B, A]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["servers.json"]


def test_connecting_again_replaces_the_key_and_removing_the_last_removes_the_file(tmp_path):
    """No key stays behind."""
    path = tmp_path / "servers.json"
    newer = TeamServer(A.url, "fsk_cccccccc_" + "k" * 43, "ada", ("publish",), A.connected)
    assert with_server([B, A], newer) == [newer, B]
    write_team_servers(path, [A])
    write_team_servers(path, [])
    assert (path.exists(), read_team_servers(path)) == (False, [])


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_keys_that_others_can_read_are_not_used(tmp_path, mode):
    """The message says how to restrict the file."""
    path = tmp_path / "servers.json"
    write_team_servers(path, [A])
    path.chmod(mode)
    with pytest.raises(InvalidInput, match="chmod 600"):
        read_team_servers(path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"servers": 1}', '{"servers": [{"url": "x"}]}', '{"servers": [1]}'])
def test_a_damaged_file_says_what_to_do(tmp_path, text):
    """It is not taken for an empty one, which connecting would overwrite."""
    path = tmp_path / "servers.json"
    path.touch(0o600)
    path.write_text(text)
    with pytest.raises(InvalidInput, match="connect again"):
        read_team_servers(path)


def test_a_server_is_named_by_its_url(tmp_path):
    """With or without /figserve; "team" is the one connected last."""
    servers = [B, A]
    assert find_team_server(servers) == B
    assert find_team_server([]) is None
    for name in ("https://a", "https://a/", "https://a/figserve"):
        assert find_team_server(servers, name) == A
    assert find_team_server(servers, "https://c") is None


def test_the_key_is_never_shown():
    """Neither in a repr nor in JSON."""
    assert A.key not in f"{A!r}{A.as_json()}"
