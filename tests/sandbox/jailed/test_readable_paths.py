"""Paths that a sandbox may read."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

from jupyter_figserve.sandbox.jailed.readable_paths import readable_paths


@pytest.mark.parametrize(("name", "is_readable"), [("site-packages", True), ("dist-packages", True), ("src", False)])
def test_packages_of_another_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, is_readable: bool):
    """One that provides matplotlib is readable; a directory of the user's own sources is not."""
    directory = tmp_path / name
    (directory / "matplotlib").mkdir(parents=True)
    spec = SimpleNamespace(origin=str(directory / "matplotlib" / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    assert (str(directory) in readable_paths()) is is_readable


def test_nothing_of_a_home_directory_is_readable():
    """Neither is a whole prefix, nor the system's programs and settings."""
    paths = readable_paths()
    assert str(Path.home()) not in paths
    assert not {"/", "/etc", "/usr", "/usr/bin", "/home", "/root", "/tmp"} & set(paths)
