"""The figure that the running cell showed or closed last."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from jupyter_figserve.kernel.cells import last_shown


@pytest.fixture
def execution(monkeypatch):
    cell = SimpleNamespace(execution="a")
    monkeypatch.setattr(last_shown, "find_cell", lambda: cell)
    yield cell
    last_shown.forget()


def test_the_last_one_of_the_cell_is_kept(execution):
    """Older ones are released."""
    last_shown.record("one")
    last_shown.record("two")
    assert last_shown.find_last_shown() == "two"
    last_shown.forget()
    assert last_shown.find_last_shown() is None


def test_it_does_not_outlive_its_cell(execution):
    """Another execution, of a thread or a callback too, has none."""
    last_shown.record("one")
    execution.execution = "b"
    assert last_shown.find_last_shown() is None


def test_a_shell_is_watched_without_imports():
    """Neither matplotlib nor NumPy is imported, and watching again adds nothing."""
    code = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
before = set(sys.modules)
import jupyter_figserve
from jupyter_figserve.kernel.cells.last_shown import watch
watch(shell)
print(sorted({name.partition('.')[0] for name in set(sys.modules) - before} & {'matplotlib', 'numpy', 'tornado'}))
print(len(shell.events.callbacks['pre_run_cell']))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == "[]"
    assert int(done.stdout.splitlines()[1]) <= 2
