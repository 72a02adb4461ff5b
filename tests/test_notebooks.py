"""The notebooks run from top to bottom, each in a kernel of a real server, and are committed without outputs."""

from __future__ import annotations

import ast
import json
import logging
import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest
from traitlets.config import Config

from jupyter_figserve.demo import find_share_link
from jupyter_figserve.demo.kernel_session import run_notebook
from jupyter_figserve.server.app import FigServe

from .conftest import require_package

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
NEEDS = {"10_publish_and_share.ipynb": ("altair", "pandas", "seaborn"), "30_live.ipynb": ("cloudpickle",)}
QUICK_START = "00_quickstart.ipynb"
SHORTER = {
    "40_dashboard.ipynb": ('.save(\\"animal-sightings.html\\")', '.save(\\"animal-sightings.html\\", max_states=6)')
}
"""What every run does less of: the whole notebooks run every night."""
OPTIONAL = {"altair", "cloudpickle", "pandas", "seaborn", "vl_convert"}


@pytest.mark.kernel
@pytest.mark.parametrize("name", [name for name in NAMES if name != QUICK_START])
def test_notebook_runs(name, live_server):
    """No cell fails. The quick start has its own test below; every night, each notebook has a new server."""
    for package in NEEDS.get(name, ()):
        require_package(package)
    run(live_server, name, *SHORTER.get(name, ()))


@pytest.mark.nightly
@pytest.mark.kernel
@pytest.mark.parametrize("name", NAMES)
def test_notebook_runs_again(name, make_server):
    """Nothing depends on a new server, or on the notebook's last cells: it may have been halted before them."""
    server = make_server()
    run(server, name, part=0.6)
    run(server, name)
    run(server, name)


BLOCK_IMPORTS = """
import sys

class Blocked:
    @staticmethod
    def find_spec(name, *_):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked)
"""


@pytest.mark.nightly
@pytest.mark.kernel
def test_optional_packages_may_be_missing(make_server, tmp_path):
    """Each cell that needs one says so in a sentence, and the next cells run."""
    (tmp_path / "sitecustomize.py").write_text(BLOCK_IMPORTS.format(names=OPTIONAL))
    server = make_server(environment={"PYTHONPATH": str(tmp_path)})
    texts = run(server, "10_publish_and_share.ipynb")
    for name in ("pandas", "seaborn"):
        assert f"{name} is not installed here: pip install {name}\n" in texts
    assert "pip install altair pandas" in texts
    assert "detach() needs cloudpickle in this kernel's environment" in run(server, "30_live.ipynb")


@pytest.mark.parametrize("name", NAMES)
def test_optional_imports_are_handled(name):
    """Packages that a plain installation lacks are imported in a ``try`` that names them."""
    project = tomllib.loads((NOTEBOOKS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = {re.split(r"[^\w-]", each)[0].lower() for each in project["dependencies"]}
    known = {*sys.stdlib_module_names, *required, "IPython", "jupyter_figserve", "traitlets"}
    notebook = json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        code = "".join(line for line in cell["source"] if not line.startswith("%"))
        if cell["cell_type"] == "code":
            unguarded = [one for one in ast.parse(code).body if not isinstance(one, ast.Try)]
            nodes = [node for one in unguarded for node in ast.walk(one)]
            names = {each.name for node in nodes if isinstance(node, ast.Import) for each in node.names}
            names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
            assert {each.partition(".")[0] for each in names} <= known, cell["id"]


def run(server, name: str, old: str = "", new: str = "", *, part: float = 1.0) -> str:
    """Run a notebook in a new kernel, or the first part of its cells, with a replacement; return its printed output."""
    text = (NOTEBOOKS / name).read_text(encoding="utf-8")
    assert old in text
    notebook = json.loads(text.replace(old, new))
    notebook["cells"] = notebook["cells"][: round(part * len(notebook["cells"]))]
    copy = server.root / name
    copy.write_text(json.dumps(notebook), encoding="utf-8")
    with server.kernel(name) as kernel:
        error, outputs = run_notebook(kernel, copy)
    assert error is None
    return "".join(output["text"] for output in outputs if output["output_type"] == "stream")


@pytest.mark.kernel
def test_the_quick_start_leaves_a_working_link(live_server):
    """The link of the quick start works without login, even after the kernel has ended. The demo has a new server."""
    server = live_server
    copy = Path(shutil.copy(NOTEBOOKS / QUICK_START, server.root))
    with server.kernel(copy.name) as kernel:
        error, outputs = run_notebook(kernel, copy)
    assert error is None
    link = find_share_link(outputs)
    assert link is not None
    assert server.fetch(link, anonymous=True).mimetype == "text/html"
    assert server.fetch(f"{link}.png", anonymous=True).mimetype == "image/png"


@pytest.mark.parametrize("name", ["60_jupyterhub.ipynb", "70_operations.ipynb"])
def test_configuration_in_the_text_is_valid(name, monkeypatch):
    """Each block for a configuration file runs, and figserve's settings accept its values."""
    require_package("jupyterhub")
    # Of the block that writes to /var/log.
    monkeypatch.setattr(logging, "FileHandler", lambda _: logging.NullHandler())
    cells = json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    blocks = re.findall(r"^```python\n(.*?)^```$", "\n".join(texts), flags=re.DOTALL | re.MULTILINE)
    assert blocks
    for block in blocks:
        c = Config()
        exec(block, {"c": c})
        traits = FigServe.class_traits(config=True)
        for setting, value in c.FigServe.items():
            traits[setting].validate(FigServe(), value)


@pytest.mark.parametrize("name", NAMES)
def test_notebook_is_clean(name):
    """Notebooks are committed without outputs, with an id for every cell, in format 4.5."""
    notebook = json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
