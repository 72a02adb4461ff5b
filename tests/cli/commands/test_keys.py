"""`keys`: keys are shown once, and only a login can manage them."""

from __future__ import annotations

import stat

import pytest

from jupyter_figserve.model.keys import split_key


def exit_code_with(shell, live_server, key: str, *arguments: str) -> int:
    user = shell.with_env(FIGSERVE_API_KEY=key, FIGSERVE_URL=live_server.url)
    return user.run(*arguments, expect=None).code


def test_only_the_key_is_printed(shell, live_server):
    """The key has the given scopes and expiry."""
    done = shell.run("keys", "create", "--scopes", "read", "--label", "reader", "--expires", "2h")
    (key,) = done.lines
    assert split_key(key) is not None
    assert key not in done.err
    assert exit_code_with(shell, live_server, key, "list") == 0
    assert exit_code_with(shell, live_server, key, "link", "x") == 1
    (row,) = [one for one in shell.run("keys", "list", "--json").json()["keys"] if one["label"] == "reader"]
    assert row["scopes"] == ["read"]
    assert "key" not in row


def test_C1_key_file_is_private(shell, live_server):
    """The file has mode 600 regardless of the umask, the key is not printed, and --key-file accepts the file."""
    done = shell.run("keys", "create", "--to-file", "my.key")
    assert done.out == ""
    path = shell.home / "my.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    shell.run("list", "--server", live_server.url, "--key-file", "my.key")


def test_existing_file_is_not_overwritten(shell, live_server):
    """Existing files and symbolic links are not replaced, and no key is made."""
    (shell.home / "there").write_text("mine")
    (shell.home / "link").symlink_to("elsewhere")
    count = len(shell.run("keys", "list", "--json").json()["keys"])
    for name in ("there", "link"):
        assert "already exists" in shell.run("keys", "create", "--to-file", name, expect=1).err
    assert (shell.home / "there").read_text() == "mine"
    assert not (shell.home / "elsewhere").exists()
    assert len(shell.run("keys", "list", "--json").json()["keys"]) == count


def test_failed_creation_leaves_no_file(shell):
    """The file is removed if the server rejects the request."""
    assert "not a duration" in shell.run("keys", "create", "--expires", "soon", "--to-file", "a.key", expect=1).err
    assert list(shell.home.iterdir()) == []


def test_revoke_by_id_and_label(shell, live_server):
    """Revoked keys stop working at once; an unknown label is an error."""
    keys = [shell.run("keys", "create", "--label", label).lines[0] for label in ("a", "b", "b")]
    shell.run("keys", "revoke", keys[0].split("_")[1])
    assert exit_code_with(shell, live_server, keys[0], "list") == 1
    assert exit_code_with(shell, live_server, keys[1], "list") == 0
    assert len(shell.run("keys", "revoke", "--label", "b").lines) == 2
    assert exit_code_with(shell, live_server, keys[2], "list") == 1
    assert "no key with that label" in shell.run("keys", "revoke", "--label", "b", expect=1).err
    assert "no key with this id" in shell.run("keys", "revoke", "abcd1234", expect=1).err


def test_list_in_columns(shell):
    """The list shows the last use."""
    shell.run("keys", "create", "--label", "nightly")
    head, *rows = shell.run("keys", "list").lines
    assert head.split() == ["ID", "LABEL", "SCOPES", "MAKER", "CREATED", "EXPIRES", "LAST", "USED"]
    assert [row for row in rows if "nightly" in row and "publish read" in row and row.endswith("never")]


@pytest.mark.parametrize("arguments", [["create"], ["list"], ["revoke", "abcd1234"]])
@pytest.mark.parametrize("scopes", [["read", "publish"], ["admin"]])
def test_keys_cannot_manage_keys(arguments, scopes, isolated_shell, live_server, make_key):
    """The message comes before any request, and explains how to use a login."""
    user = isolated_shell.with_env(FIGSERVE_API_KEY=make_key(*scopes), FIGSERVE_URL=live_server.url)
    done = user.run("keys", *arguments, expect=1)
    for text in ("requires a login", "FIGSERVE_API_KEY", "?token="):
        assert text in done.err


def test_managing_keys_requires_a_login(isolated_shell, live_server):
    """The message is the same."""
    assert "requires a login" in isolated_shell.run("keys", "list", "--server", live_server.url, expect=1).err


def test_json(shell):
    """JSON includes the key, its id and its expiry."""
    made = shell.run("keys", "create", "--json", "--expires", "never").json()
    assert split_key(made["key"])[0] == made["id"]
    assert made["expires"] is None
