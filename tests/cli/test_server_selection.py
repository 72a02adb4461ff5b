"""Selection of the server and the key of a command."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess

import pytest

from tests.homes import new_home

from .conftest import SpecialServer, hostile_server, shell_of


def test_the_one_running_server(shell, live_server):
    """The running server is found, with its login."""
    assert shell.run("list").err == "There are no figures yet.\n"
    assert shell.run("keys", "list").code == 0


def test_error_without_a_server_has_advice(isolated_shell):
    """The message is on standard error, and the exit code is 1."""
    done = isolated_shell.run("list", expect=1)
    assert done.out == ""
    for text in ("no Jupyter server running", "jupyter lab", "jupyter figserve serve", "--server URL", "--key-file"):
        assert text in done.err


def test_several_servers_are_listed(make_server, tmp_path):
    """The message lists the servers with usable options, and marks the standalone one."""
    one = make_server()
    other = make_server(home=one.home.with_name(one.home.name + "-2"), command=("-m", "jupyter_server"))
    host = shell_of(one, tmp_path / "home")
    for file in other.runtime.glob("jpserver-*.json"):
        os.link(file, one.runtime / file.name)
    done = host.run("list", expect=1)
    assert "2 servers running" in done.err
    choices = [line.split()[:2] for line in done.err.splitlines() if line.strip().startswith("--server")]
    assert {url for _, url in choices} == {one.url, other.url}
    for arguments in choices:
        host.run("list", *arguments)
    other.stop()
    shutil.rmtree(other.home, ignore_errors=True)
    host.run("list")


def test_server_without_the_extension_is_reported(bare_server, tmp_path):
    """The message refers to the doctor."""
    server = bare_server
    done = shell_of(server, tmp_path / "home").run("list", expect=1)
    assert server.url in done.err
    assert "jupyter figserve doctor" in done.err


def test_named_server_with_a_key(isolated_shell, live_server, make_key):
    """Option or variable, any URL that browsers show, and the key from a variable or a file."""
    key = make_key("read")
    (isolated_shell.home / "key").write_text(f"{key}\n")
    (isolated_shell.home / "key").chmod(0o600)
    for url in (live_server.url, f"{live_server.url}lab/tree/x.ipynb", f"{live_server.url}figserve/"):
        isolated_shell.with_env(FIGSERVE_API_KEY=key).run("list", "--server", url)
        isolated_shell.run("list", "--server", url, "--key-file", "key")
        isolated_shell.with_env(FIGSERVE_URL=url, FIGSERVE_API_KEY=key).run("list")


def test_token_in_the_variable_is_a_login(isolated_shell, live_server):
    """The URL from the server's log works, with its token."""
    environment = isolated_shell.with_env(FIGSERVE_URL=f"{live_server.url}lab?token={live_server.token}")
    environment.run("keys", "list")
    isolated_shell.with_env(FIGSERVE_URL=live_server.url, FIGSERVE_API_KEY=live_server.token).run("keys", "list")


def test_own_named_server_needs_no_key(shell, live_server):
    """The login is found, also by another loopback name."""
    shell.run("list", "--server", live_server.url)
    shell.run("list", "--server", live_server.url.replace("127.0.0.1", "localhost"))


def test_kernels_own_server_is_selected(isolated_shell, live_server, make_key):
    """`!jupyter figserve list` works in a notebook."""
    pair = {"KERNEL_FIGSERVE_URL": f"{live_server.url}figserve", "KERNEL_FIGSERVE_KEY": make_key("read", "publish")}
    isolated_shell.with_env(**pair).run("list")


def test_error_without_a_key_has_advice(isolated_shell, live_server):
    """A missing key and a wrong key are reported."""
    for variables in ({}, {"FIGSERVE_API_KEY": f"fsk_{'a' * 8}_{'b' * 43}"}):
        done = isolated_shell.with_env(**variables).run("list", "--server", live_server.url, expect=1)
        assert "keys create" in done.err
        assert "FIGSERVE_API_KEY" in done.err


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_C1_readable_key_file_is_rejected(mode, isolated_shell, live_server, make_key):
    """The message contains the command that restricts the file, and the command works."""
    key = isolated_shell.home / "key"
    key.write_text(make_key("read"))
    key.chmod(mode)
    arguments = ("list", "--server", live_server.url, "--key-file", "key")
    done = isolated_shell.run(*arguments, expect=1)
    assert "chmod 600 key" in done.err
    key.chmod(0o600)
    isolated_shell.run(*arguments)


@pytest.mark.parametrize("content", ["", "\n", "two words", "a\nb"])
def test_invalid_key_files(content, isolated_shell, live_server):
    """The file is rejected, and its content is not sent."""
    (isolated_shell.home / "key").write_text(content)
    (isolated_shell.home / "key").chmod(0o600)
    done = isolated_shell.run("list", "--server", live_server.url, "--key-file", "key", expect=1)
    assert "must contain one key" in done.err
    assert "No such file" in isolated_shell.run("list", "--server", live_server.url, "--key-file", "no", expect=1).err


def own_address() -> str | None:
    """An address of this machine that is not on loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent: it only chooses an address
        except OSError:
            return None
        address: str = probe.getsockname()[0]
    return None if address.startswith("127.") else address


def test_C3_key_is_not_sent_unencrypted(isolated_shell):
    """Plain http to another host is rejected before anything is sent; --insecure allows it."""
    address = own_address()
    if address is None:
        pytest.skip("not on this machine: it has no address but loopback")
    with hostile_server(address) as server:
        server.print_line("api/figures", {"figures": [], "next": None})
        arguments = ("list", "--server", server.url)
        key = f"fsk_{'a' * 8}_{'b' * 43}"
        done = isolated_shell.with_env(FIGSERVE_API_KEY=key).run(*arguments, expect=1)
        assert "unencrypted" in done.err
        assert "--insecure" in done.err
        assert server.asked == []
        isolated_shell.with_env(FIGSERVE_API_KEY=key).run(*arguments, "--insecure")
        assert server.asked[-1][2]["X-API-Key"] == key


def test_redirects_do_not_get_the_key(isolated_shell, hostile):
    """Redirects to another server or to plain http are not followed."""
    with hostile_server() as other:
        hostile.answers["api/status"] = (302, {"Location": f"{other.url}/figserve/api/status"}, b"")
        key = f"fsk_{'a' * 8}_{'b' * 43}"
        isolated_shell.with_env(FIGSERVE_API_KEY=key).run("list", "--server", hostile.url, expect=1)
        assert other.asked == []


@pytest.fixture(scope="module")
def tls_server(certificate):
    """A server with a self-signed certificate."""
    server = SpecialServer(new_home(), certificate=certificate)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(server.home, ignore_errors=True)


class TestCertificate:
    def test_C3_untrusted_certificate_is_rejected(self, isolated_shell, tls_server):
        """Nothing is sent; the message names the option, not the kernel's variable."""
        done = isolated_shell.with_env(FIGSERVE_API_KEY=tls_server.token).run(
            "list", "--server", tls_server.url, expect=1
        )
        assert "certificate" in done.err
        assert "--ca-file" in done.err
        assert "KERNEL_FIGSERVE_CA" not in done.err
        assert "--insecure" not in done.err
        done = isolated_shell.with_env(FIGSERVE_API_KEY=tls_server.token).run(
            "list", "--server", tls_server.url, "--insecure", expect=1
        )
        assert "certificate" in done.err

    def test_ca_file_is_trusted(self, isolated_shell, tls_server, certificate):
        """The certificate authority's file makes it trusted."""
        isolated_shell.with_env(FIGSERVE_API_KEY=tls_server.token).run(
            "list", "--server", tls_server.url, "--ca-file", str(certificate[0])
        )
        shell_of(tls_server, isolated_shell.home).run("list", "--ca-file", str(certificate[0]))

    def test_missing_ca_file(self, isolated_shell, tls_server):
        """A missing file is reported."""
        done = isolated_shell.with_env(FIGSERVE_API_KEY=tls_server.token).run(
            "list", "--server", tls_server.url, "--ca-file", "no.pem", expect=1
        )
        assert "'no.pem'" in done.err


@pytest.mark.parametrize("url", ["", "ftp://x", "http://ana:pw@localhost", "http://[::1", "http://localhost:0"])
def test_invalid_urls(url, isolated_shell):
    """An invalid URL is reported in one line; an empty one is ignored."""
    done = isolated_shell.with_env(FIGSERVE_API_KEY="x").run("list", "--server", url, expect=1)
    assert done.err.count("\n") == 1
    assert "pw" not in done.err


def test_another_program_responds(isolated_shell, hostile):
    """A server of another program is contacted once, and the key is not sent elsewhere."""
    hostile.print_line("api/status", {"hello": 1})
    done = isolated_shell.with_env(FIGSERVE_API_KEY="x").run("list", "--server", hostile.url, expect=1)
    assert "not a jupyter_figserve server" in done.err
    assert {path for _, path, _ in hostile.asked} == {"api/status"}


def test_C1_no_secret_in_the_process_list(isolated_shell, live_server, make_key):
    """While a command runs, its arguments contain neither the key nor the token."""
    key = make_key("read", "publish")
    process = isolated_shell.with_env(FIGSERVE_API_KEY=key, FIGSERVE_URL=live_server.url).start(
        "publish", "-", "--name", "x", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process.stdin.write(b" " * 500_000)
    process.stdin.flush()
    with open(f"/proc/{process.pid}/cmdline", "rb") as line:
        command_line = line.read()
    assert key.encode() not in command_line
    process.communicate(timeout=60)
