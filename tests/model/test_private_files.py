"""Tests of files with secrets."""

from __future__ import annotations

import os

import pytest

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.model.private_files import check_private, is_own


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "key"
    found.write_text("secret")
    found.chmod(0o640)
    return found


def test_a_file_that_others_can_read_is_refused(path):
    """The message says how to restrict the file."""
    with path.open() as file, pytest.raises(InvalidInput, match="chmod 600") as raised:
        check_private(file.fileno(), path, "key")
    assert raised.value.code == "open_key"
    path.chmod(0o600)
    with path.open() as file:
        check_private(file.fileno(), path, "key")


def test_a_pipe_is_private():
    """A shell passes a secret by one, as in ``--key-file <(pass show key)``."""
    reading, writing = os.pipe()
    try:
        check_private(reading, "/dev/fd/3", "key")
    finally:
        os.close(reading)
        os.close(writing)


def test_systems_without_modes_check_nothing(path, monkeypatch):
    """On Windows, every file would seem to be open to others, and ``os`` has no ids of users."""
    monkeypatch.delattr(os, "getuid")
    with path.open() as file:
        check_private(file.fileno(), path, "key")
    assert is_own(path.stat())


def test_a_file_of_another_user_is_not_own(path, monkeypatch):
    """Root, for one, could read it nevertheless."""
    assert is_own(path.stat())
    monkeypatch.setattr(os, "getuid", lambda: path.stat().st_uid + 1)
    assert not is_own(path.stat())
