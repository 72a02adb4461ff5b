"""The server of a batch run, among the user's running ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from jupyter_figserve import errors
from jupyter_figserve.kernel.client import batch_server
from jupyter_figserve.kernel.client.batch_server import find_batch_connection, get_connection

from ..conftest import KEY


@pytest.fixture
def run_at(runtime, fake):
    """``run_at(pid)`` lets the fake server be one of the user's, of a running process."""

    def run(pid: int, token: str = KEY):
        path = runtime / f"jpserver-{pid}.json"
        url = fake.url.removesuffix("figserve")
        path.write_text(json.dumps({"url": url, "token": token, "pid": pid, "hostname": "127.0.0.1"}))
        return path

    return run


def test_only_running_server_is_used_and_named_once(run_at, fake, capsys):
    """With the login of its runtime file; the run says which server it is."""
    run_at(os.getpid())
    connection = get_connection()
    assert connection.url == fake.url
    assert get_connection() is connection
    text = capsys.readouterr().err
    assert text.count(fake.url) == 1
    assert KEY not in text


def test_server_that_ends_is_forgotten(run_at):
    """A later publish does not fail at it."""
    path = run_at(os.getpid())
    assert find_batch_connection() is not None
    path.unlink()
    assert find_batch_connection() is None


@pytest.mark.parametrize("token", ["", "wrong"])
def test_server_that_refuses_the_login_is_none(run_at, token):
    """One with a password has no token in its file."""
    run_at(os.getpid(), token)
    with pytest.raises(errors.NotConnected):
        get_connection()


def test_several_servers_are_a_choice(run_at):
    """The message says which there are and how to choose."""
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        run_at(os.getpid())
        run_at(other.pid)
        with pytest.raises(errors.NotConnected, match=r"2 servers running, .* Set FIGSERVE_URL"):
            get_connection()
    finally:
        other.communicate()


def test_front_ends_choose_for_themselves(run_at, monkeypatch):
    """A person can connect to a server; nothing is published to one by surprise."""
    run_at(os.getpid())
    monkeypatch.setattr(batch_server, "is_batch_run", lambda: False)
    with pytest.raises(errors.NotConnected, match=r"figserve\.connect"):
        get_connection()


def test_named_server_of_ones_own_needs_no_key(run_at, fake, monkeypatch):
    """``FIGSERVE_URL`` alone chooses among one's own servers, whose logins are in their files."""
    run_at(os.getpid())
    monkeypatch.setenv("FIGSERVE_URL", fake.url.replace("127.0.0.1", "localhost"))
    assert get_connection().client.credential


def test_read_only_store_is_named(monkeypatch, runtime):
    """There is a server, but it gave this kernel no key."""
    monkeypatch.setenv("KERNEL_FIGSERVE_READ_ONLY", "The disk is full.")
    with pytest.raises(errors.NotConnected, match=r"read-only: The disk is full\."):
        get_connection()
