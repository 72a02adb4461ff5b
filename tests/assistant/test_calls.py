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


def test_a_relative_path_is_below_one_of_the_folders(tmp_path, monkeypatch):
    """The assistant does not know where its program was started; a file there counts when no folder has it."""
    for name, content in {"plots/x.png": b"x", "more/y.png": b"y", "here/x.png": b"here", "here/z.png": b"z"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path / "here")
    permissions = Permissions(folders=(str(tmp_path / "plots"), str(tmp_path / "more")))
    assert [calls._read_file(name, permissions) for name in ("x.png", "y.png")] == [b"x", b"y"]
    for name in ("z.png", "../here/x.png"):
        with pytest.raises(InvalidInput, match="outside"):
            calls._read_file(name, permissions)
    with pytest.raises(InvalidInput, match="No such file"):
        calls._read_file("nothing.png", permissions)
    here = Permissions(folders=(str(tmp_path),))
    assert calls._read_file("z.png", here) == b"z"
