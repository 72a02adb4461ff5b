"""Compiled templates: kept for the next start where only this user can write, and never needed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from jupyter_figserve.server.web.http import templates


def compiled(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Return whether the template had to be compiled; its output is the same."""
    calls: list[str] = []
    compile_source = environment.compile
    monkeypatch.setattr(environment, "compile", lambda *a, **k: calls.append("") or compile_source(*a, **k))
    assert environment.get_template("a").render(who="you") == "for you"
    return bool(calls)


def make(directory: Path) -> Environment:
    loader = DictLoader({"a": "for {{ who }}"})
    return Environment(loader=loader, bytecode_cache=templates.find_compiled(directory), autoescape=True)


def test_next_start_compiles_nothing(tmp_path, monkeypatch):
    """A changed template is compiled again."""
    directory = tmp_path / "cache" / "templates"
    assert compiled(make(directory), monkeypatch)
    assert directory.stat().st_mode & 0o777 == 0o700
    assert not compiled(make(directory), monkeypatch)
    changed = make(directory)
    changed.loader = DictLoader({"a": "for  {{ who }}"})
    assert changed.get_template("a").render(who="you") == "for  you"


def test_directory_of_others_is_not_used(tmp_path, monkeypatch):
    """What stands there is executed: neither a link, nor a directory in which others may write."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    (tmp_path / "file").touch()
    for path in (shared, link, tmp_path / "file" / "below"):
        assert templates.find_compiled(path) is None
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert templates.find_compiled(tmp_path / "own") is None


def test_full_disk_disturbs_nothing(tmp_path, monkeypatch):
    """What cannot be kept is compiled again."""
    environment = make(tmp_path / "cache")
    (tmp_path / "cache").rmdir()
    assert compiled(environment, monkeypatch)
    assert compiled(make(tmp_path / "cache"), monkeypatch)
