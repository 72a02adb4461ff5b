"""`doctor`: results with fixes, and exit code 1 if there is a problem."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_figserve import cli
from jupyter_figserve.cli.checks import kernels, sandbox
from jupyter_figserve.cli.checks.result import ok
from tests.sandbox.harness import poor_host

from ..conftest import PROGRAM


@pytest.fixture
def examine(monkeypatch, capsys, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """``examine("--json", VARIABLE="value")`` returns exit code and output of ``doctor`` in this process.

    Without its checks of sandbox and kernels, which take two seconds and do not depend on the arguments.
    """
    monkeypatch.setattr(sandbox, "check_sandbox", lambda: ok("own sandbox", "python", "It was not checked."))
    monkeypatch.setattr(kernels, "check_kernels", list)
    monkeypatch.chdir(tmp_path)
    for name in ("CONFIG", "DATA", "RUNTIME"):
        monkeypatch.setenv(f"JUPYTER_{name}_DIR", str(tmp_path / name.lower()))

    def run(*arguments: str, **variables: str) -> tuple[int, str]:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        code = cli.main(["doctor", *arguments])
        return code, capsys.readouterr().out

    return run


def test_no_problems(shell, live_server):
    """Servers, kernels and the data directory are checked; the exit code is 0, and the pipe gets no colours."""
    done = shell.run("doctor")
    assert "\x1b" not in done.out
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


def test_problems(shell, live_server, make_key, examine):
    """The exit code is 1, and each problem has a fix."""
    key = make_key("read")
    live_server.fetch(f"figserve/api/keys/{key.split('_')[1]}", method="DELETE")
    user = shell.with_env(FIGSERVE_URL=live_server.url, FIGSERVE_API_KEY=key, http_proxy="http://proxy:1")
    done = user.run("doctor", expect=1)
    assert done.lines[-1] == "2 problems found."
    assert done.out.count("WRONG") == 2
    assert done.out.count("  fix: ") == 2
    code, text = examine("--json", FIGSERVE_URL=live_server.url, FIGSERVE_API_KEY=key, http_proxy="http://proxy:1")
    report = json.loads(text)
    assert (code, report["wrong"]) == (1, 2)
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
def test_problems_of_a_named_server(arguments, variables, message, tmp_path, examine):
    """Options are rejected before anything is sent."""
    (tmp_path / "open.key").write_text("fsk_x")
    (tmp_path / "open.key").chmod(0o644)
    code, out = examine(*arguments, **variables)
    assert code == 1
    assert message in out
    assert out.count("WRONG") == 1


def test_named_data_directory(tmp_path, examine):
    """A missing default directory is a note; a given directory is checked."""
    assert f"directory, {tmp_path / 'data' / 'figserve'}: It does not exist yet" in examine()[1]
    (tmp_path / "figures").mkdir(mode=0o755)
    (tmp_path / "figures").chmod(0o755)
    code, out = examine("--data-dir", "figures")
    assert code == 1
    assert "chmod -R go-rwx" in out


def test_older_server(examine, hostile):
    """A server without the API of this version is reported, and the other checks run."""
    hostile.print_line("api/status", {"version": "0.0.1"})
    hostile.print_line("api/figures", {"figures": [], "next": None})
    _, out = examine("--server", hostile.url, FIGSERVE_API_KEY="t")
    assert "jupyter_figserve 0.0.1" in out


def test_colours_only_on_a_terminal(shell):
    """No colours with NO_COLOR."""
    assert "\x1b[32mok" in shell.run_on_terminal("doctor").out
    assert "\x1b" not in shell.with_env(NO_COLOR="1").run_on_terminal("doctor").out


def test_C4_control_sequences_in_responses_are_removed(examine, hostile):
    """In versions, reasons and errors of a server."""
    evil = "a\x1b[2J\x9b1m\u202eb"
    hostile.print_line("api/status", {"version": evil, "sandbox": {"tier": evil, "why": [evil]}})
    hostile.print_line("api/figures", {"error": evil, "code": evil}, 403)
    for arguments in ((), ("--json",)):
        code, out = examine(*arguments, "--server", hostile.url, FIGSERVE_API_KEY="t")
        assert code == 1
        assert not set("\x1b\x9b\u202e") & set(out)


@pytest.mark.parametrize(
    ("lacking", "tier"),
    [
        (["container"], "STRICT"),
        pytest.param([], "FULL", marks=pytest.mark.nightly),
        pytest.param(["no-landlock"], "NS", marks=pytest.mark.nightly),
        pytest.param(["no-seccomp"], "none", marks=pytest.mark.nightly),
        pytest.param(["container", "no-landlock"], "none", marks=pytest.mark.nightly),
    ],
)
def test_C5_tier_of_each_host(isolated_shell, lacking, tier):
    """On hosts that lack features, in a real process; no sandbox is a note, so that the exit code is 0."""
    command = [*poor_host(*lacking), *PROGRAM, "doctor", "--json"]
    done = subprocess.run(command, cwd=isolated_shell.home, env=isolated_shell.environment, capture_output=True)
    report = json.loads(done.stdout)
    [found] = [one for one in report["checks"] if one["check"] == "own sandbox"]
    assert (done.returncode, report["wrong"]) == (0, 0), report
    assert found["state"] == ("note" if tier == "none" else "ok")
    assert found["says"].startswith(f"Sandbox {tier}: "), found
