"""The notebooks run from top to bottom, each in a kernel of a real server, and are committed without outputs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from jupyter_figserve.demo import find_share_link
from jupyter_figserve.demo.kernel_session import run_notebook

from .conftest import require_package, require_program

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
NEEDS = {"10_publish_and_share.ipynb": (("curl",), ("pandas", "seaborn"))}


@pytest.mark.kernel
@pytest.mark.parametrize("name", NAMES)
def test_notebook_runs(name, make_server):
    """No cell fails on a new server."""
    run_on_new_server(name, make_server, times=1)


@pytest.mark.nightly
@pytest.mark.kernel
@pytest.mark.parametrize("name", NAMES)
def test_notebook_runs_again(name, make_server):
    """No cell fails in a second kernel either: nothing depends on a new server."""
    run_on_new_server(name, make_server, times=2)


def run_on_new_server(name: str, make_server, times: int) -> None:
    """Run a notebook from top to bottom, each time in a new kernel of the same server."""
    programs, packages = NEEDS.get(name, ((), ()))
    for program in programs:
        require_program(program)
    for package in packages:
        require_package(package)
    server = make_server()
    copy = Path(shutil.copy(NOTEBOOKS / name, server.root / name))
    for _ in range(times):
        with server.kernel(name) as kernel:
            error, _outputs = run_notebook(kernel, copy)
        assert error is None


@pytest.mark.compat
@pytest.mark.kernel
def test_the_quick_start_leaves_a_working_link(make_server):
    """The link of the quick start works without login, even after the kernel has ended."""
    server = make_server()
    copy = Path(shutil.copy(NOTEBOOKS / "00_quickstart.ipynb", server.root))
    with server.kernel(copy.name) as kernel:
        error, outputs = run_notebook(kernel, copy)
    assert error is None
    link = find_share_link(outputs)
    assert link is not None
    assert server.fetch(link, anonymous=True).mimetype == "text/html"
    assert server.fetch(f"{link}.png", anonymous=True).mimetype == "image/png"


@pytest.mark.parametrize("name", NAMES)
def test_notebook_is_clean(name):
    """Notebooks are committed without outputs, with an id for every cell, in format 4.5."""
    notebook = json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
