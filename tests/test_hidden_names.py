"""What the simulation of other systems hides, against what those systems lack by the stubs of mypy.

Calls that exist there and always fail, such as ``loop.add_signal_handler``, stand in no stub: the modules that make
them have tests of their own.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import jupyter_figserve

PACKAGE = Path(jupyter_figserve.__file__).parent
OTHER_SYSTEM = str(Path(__file__).parent / "other_system")
MODULES = "asyncio ctypes fcntl grp mmap multiprocessing os pty pwd resource select shutil signal socket sys termios"
MODULES += " threading time tty"
LINUX_ONLY = ("sandbox/jail", "sandbox/jailed")
TRY = """
import sys
for line in sys.stdin.read().split():
    module, _, name = line.partition(":")
    try:
        exec(f"from {module} import {name}" if name else f"import {module}", {"__name__": "jupyter_figserve.check"})
    except ImportError:
        continue
    print(line)
"""
"""Prints what can be imported."""


def list_used() -> set[tuple[str, str]]:
    """Return modules of ``MODULES`` with each name that the package takes from them, as attribute, import or text."""
    used: set[tuple[str, str]] = set()
    for path in PACKAGE.rglob("*.py"):
        if not path.relative_to(PACKAGE).as_posix().startswith(LINUX_ONLY):
            used |= set(_list_names(ast.parse(path.read_text(encoding="utf-8"))))
    return used


def _list_names(tree: ast.Module) -> Iterator[tuple[str, str]]:
    known = set(MODULES.split())
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((one.name, "") for one in names if one.name in known)
            case ast.ImportFrom(module=str(module), names=names, level=0) if module in known:
                yield from ((module, one.name) for one in names)
            case ast.Attribute(value=ast.Name(id=module), attr=name) if module in known:
                yield module, name
            case ast.Call(
                func=ast.Name(id="getattr" | "hasattr"),
                args=[ast.Name(id=module), ast.Constant(value=str(name)), *_],
            ) if module in known:
                yield module, name


def list_stubbed(module: str, platform: str) -> set[str]:
    """Return the names of a module of the standard library on a platform."""
    spec = importlib.util.find_spec("mypy")
    if spec is None or spec.origin is None:
        pytest.skip("mypy is missing: pip install -e '.[dev]'")
    stub = Path(spec.origin).parent / "typeshed" / "stdlib" / module
    stub = stub / "__init__.pyi" if stub.is_dir() else stub.with_suffix(".pyi")
    return set(_list_defined(ast.parse(stub.read_text(encoding="utf-8")).body, platform))


def _list_defined(body: list[ast.stmt], platform: str) -> Iterator[str]:
    for node in body:
        match node:
            case ast.If(test=test, body=then, orelse=otherwise):
                holds = eval(compile(ast.Expression(test), "stub", "eval"), {"sys": _System(platform)})  # noqa: S307  of stubs
                yield from _list_defined(then if holds else otherwise, platform)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Assign(targets=targets):
                yield from (one.id for one in targets if isinstance(one, ast.Name))
            case ast.ImportFrom(names=names) | ast.Import(names=names):
                yield from (one.asname or one.name for one in names)


class _System:
    """What stubs ask ``sys`` for."""

    version_info = sys.version_info

    def __init__(self, platform: str) -> None:
        self.platform = platform


def list_missing(platform: str) -> set[tuple[str, str]]:
    """Return what the package uses and the platform lacks."""
    used, missing = list_used(), set()
    for module in {module for module, _ in used}:
        here, there = list_stubbed(module, "linux"), list_stubbed(module, platform)
        if module in ("fcntl", "grp", "pty", "pwd", "resource", "termios", "tty") and platform == "win32":
            missing.add((module, ""))
        missing |= {(module, name) for name in here - there if (module, name) in used}
    return missing


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_what_a_system_lacks_is_hidden(platform):
    """Each name that the package uses, and that Windows or macOS lacks, is missing in the simulation."""
    missing = list_missing(platform)
    assert {"win32": ("os", "O_NOFOLLOW"), "darwin": ("os", "sched_getaffinity")}[platform] in missing
    environment = os.environ | {"PYTHONPATH": OTHER_SYSTEM, "OTHER_SYSTEM": platform}
    lines = "\n".join(f"{module}:{name}" for module, name in sorted(missing))
    done = subprocess.run(
        [sys.executable, "-c", TRY], env=environment, input=lines, capture_output=True, text=True, timeout=100
    )
    assert (done.stdout, done.returncode) == ("", 0), done.stderr
