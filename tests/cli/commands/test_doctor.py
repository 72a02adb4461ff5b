"""`doctor`: results with fixes, and exit code 1 if there is a problem."""

from __future__ import annotations

import pytest

from ..conftest import shell_of


def test_no_problems(shell, live_server):
    """Servers, kernels and the data directory are checked; the exit code is 0."""
    done = shell.run("doctor")
    assert done.lines[-1] == "No problems found."
    assert done.err == ""
    for text in ("kernel, python3", live_server.url, str(live_server.data_dir), "sandbox", "directory,"):
        assert text in done.out
    assert "WRONG" not in done.out


def test_json(shell):
    """The same results as JSON, with their states."""
    report = shell.run("doctor", "--json").json()
    assert report["wrong"] == 0
    assert {"packages", "proxies", "kernel", "server", "clock", "key", "post", "sandbox"} <= {
        one["check"] for one in report["checks"]
    }
    assert all(set(one) == {"check", "subject", "state", "says", "mend"} for one in report["checks"])


def test_problems(shell, live_server, make_key):
    """The exit code is 1, and each problem has a fix."""
    key = make_key("read")
    live_server.fetch(f"figserve/api/keys/{key.split('_')[1]}", method="DELETE")
    user = shell.with_env(FIGSERVE_URL=live_server.url, FIGSERVE_API_KEY=key, http_proxy="http://proxy:1")
    done = user.run("doctor", expect=1)
    assert done.lines[-1] == "2 problems found."
    assert done.out.count("WRONG") == 2
    assert done.out.count("  fix: ") == 2
    report = user.run("doctor", "--json", expect=1).json()
    assert report["wrong"] == 2
    assert all(one["mend"] for one in report["checks"] if one["state"] == "wrong")
    assert key not in done.out


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        (["--server", "ftp://x"], {}, "not a server URL"),
        (["--server", "http://plots.example.org"], {"FIGSERVE_API_KEY": "fsk_x"}, "unencrypted"),
        (["--server", "http://127.0.0.1:1", "--key-file", "open.key"], {}, "chmod 600"),
        (["--server", "http://127.0.0.1:1"], {}, "Connection refused"),
        (["--server", "http://no-such-host.invalid"], {}, "Cannot connect to"),
    ],
)
def test_problems_of_a_named_server(arguments, variables, message, isolated_shell):
    """Options are rejected before anything is sent."""
    (isolated_shell.home / "open.key").write_text("fsk_x")
    (isolated_shell.home / "open.key").chmod(0o644)
    done = isolated_shell.with_env(**variables).run("doctor", *arguments, expect=1)
    assert message in done.out
    assert done.out.count("WRONG") == 1


def test_named_data_directory(isolated_shell):
    """A missing default directory is a note; a given directory is checked."""
    assert (
        f"directory, {isolated_shell.home / 'data' / 'figserve'}: It does not exist yet"
        in isolated_shell.run("doctor").out
    )
    (isolated_shell.home / "figures").mkdir(mode=0o755)
    (isolated_shell.home / "figures").chmod(0o755)
    done = isolated_shell.run("doctor", "--data-dir", "figures", expect=1)
    assert "chmod -R go-rwx" in done.out


def test_older_server(isolated_shell, hostile):
    """A server without the API of this version is reported, and the other checks run."""
    hostile.print_line("api/status", {"version": "0.0.1"})
    hostile.print_line("api/figures", {"figures": [], "next": None})
    done = isolated_shell.with_env(FIGSERVE_API_KEY="t").run("doctor", "--server", hostile.url, expect=None)
    assert "jupyter_figserve 0.0.1" in done.out


def test_colours_only_on_a_terminal(make_server, tmp_path):
    """No colours with NO_COLOR."""
    server = make_server()
    shell = shell_of(server, tmp_path / "home")
    assert "\x1b[32mok" in shell.run_on_terminal("doctor").out
    assert "\x1b" not in shell.with_env(NO_COLOR="1").run_on_terminal("doctor").out
    assert "\x1b" not in shell.run("doctor").out


def test_control_sequences_in_responses_are_removed(isolated_shell, hostile):
    """C4: in versions, reasons and errors of a server."""
    evil = "a\x1b[2J\x9b1m\u202eb"
    hostile.print_line("api/status", {"version": evil, "sandbox": {"tier": evil, "why": [evil]}})
    hostile.print_line("api/figures", {"error": evil, "code": evil}, 403)
    user = isolated_shell.with_env(FIGSERVE_API_KEY="t")
    for arguments in (["doctor"], ["doctor", "--json"]):
        done = user.run(*arguments, "--server", hostile.url, expect=1)
        assert not set("\x1b\x9b\u202e") & set(done.out + done.err)
