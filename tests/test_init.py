"""The package's public names, and its import cost."""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import subprocess
import sys

import pytest

import jupyter_figserve

HEAVY = ("IPython", "anywidget", "jupyter_server", "matplotlib", "numpy", "sqlalchemy", "tornado", "traitlets")


def loaded_after(code: str) -> set[str]:
    """Return the installed packages that a fresh interpreter has loaded after ``code``."""
    code += "\nimport json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("module", ["jupyter_figserve", "jupyter_figserve.cli", "jupyter_figserve.demo"])
def test_import_loads_nothing_heavy(module):
    """Importing the package loads neither a server nor a plotting library."""
    assert not loaded_after(f"import {module}") & set(HEAVY)


def test_publish_loads_no_server():
    """The public names come from the kernel layer, which never imports Jupyter Server."""
    code = f"import jupyter_figserve as f\nfor name in {jupyter_figserve.__all__!r}: getattr(f, name)"
    assert not loaded_after(code) & {"jupyter_server", "tornado", "sqlalchemy", "matplotlib"}


def test_every_public_name_resolves():
    """``__all__`` is sorted, and each name exists."""
    assert list(jupyter_figserve.__all__) == sorted(jupyter_figserve.__all__)
    for name in jupyter_figserve.__all__:
        assert getattr(jupyter_figserve, name) is not None


def test_lazy_names_are_the_public_names():
    """The lazy names and ``__all__`` are the same list."""
    assert sorted(jupyter_figserve._HOMES) == sorted(jupyter_figserve.__all__)


def test_public_names_take_precedence_over_submodules():
    """A name is not shadowed by importing a submodule."""
    before = {name: getattr(jupyter_figserve, name) for name in jupyter_figserve.__all__}
    for module in ("kernel.figures.publish", "kernel.live.decorator", "kernel.render"):
        importlib.import_module(f"jupyter_figserve.{module}")
    assert {name: getattr(jupyter_figserve, name) for name in jupyter_figserve.__all__} == before


def test_an_unknown_name_is_an_attribute_error():
    """``hasattr`` and completion work."""
    with pytest.raises(AttributeError, match="has no attribute 'plot'"):
        jupyter_figserve.plot  # noqa: B018


def test_dir_lists_the_lazy_names():
    """Completion in a notebook offers names that are not loaded yet."""
    assert set(jupyter_figserve.__all__) <= set(dir(jupyter_figserve))


def test_the_extension_point():
    """Jupyter Server finds one extension in this module."""
    (point,) = jupyter_figserve._jupyter_server_extension_points()
    assert point["module"] == "jupyter_figserve"
    assert point["app"].name == "jupyter_figserve"


def test_server_ends_without_a_search_for_garbage(monkeypatch):
    """Python's search at the end of the process finds nothing to do, which saves a third of a second."""
    at_exit = []
    monkeypatch.setattr(atexit, "register", at_exit.append)
    jupyter_figserve._jupyter_server_extension_points()
    assert at_exit == [gc.freeze]
