"""What the tools make of their arguments."""

from __future__ import annotations

import pytest

from jupyter_figserve.assistant import calls
from jupyter_figserve.assistant.api import Permissions
from jupyter_figserve.errors import InvalidInput


def test_files_are_read_without_flags_of_posix(tmp_path, monkeypatch):
    """Windows has none; what is outside is refused there too."""
    (tmp_path / "plots").mkdir()
    for name in ("plots/x.png", "y.png"):
        (tmp_path / name).write_bytes(b"image")
    permissions = Permissions(folders=(str(tmp_path / "plots"),))
    monkeypatch.delattr(calls.os, "O_NONBLOCK")
    assert calls._read_file(str(tmp_path / "plots" / "x.png"), permissions) == b"image"
    with pytest.raises(InvalidInput, match="outside"):
        calls._read_file(str(tmp_path / "plots" / ".." / "y.png"), permissions)
