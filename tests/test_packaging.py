"""The wheel: complete, and enabled by its installation."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import jupyter_figserve

from .conftest import ELSEWHERE

pytestmark = pytest.mark.packaging
CHECKOUT = Path(__file__).resolve().parent.parent
PACKAGE = CHECKOUT / "jupyter_figserve"
DATA = ("*.css", "*.html", "*.js", "*.json", "*.mako", "*.svg", "*.yaml", "py.typed")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of this checkout, built without network access."""
    pytest.importorskip("hatchling", reason='hatchling is missing: pip install -e ".[dev]"')
    if not (CHECKOUT / "pyproject.toml").is_file():
        pytest.skip(f"{ELSEWHERE}no checkout")
    target = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target), cwd=CHECKOUT)
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Path:
    """A new environment with the wheel, with access to the other packages of this one but not to this checkout."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False)
    site = home / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    # A directory named in a .pth is searched, but the .pth files in it (of an editable install) are not read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    run(
        sys.executable, "-m", "pip", "--python", str(home), "install", "--quiet", "--no-deps", "--no-index",
        "--ignore-installed", str(wheel),
    )  # fmt: skip
    return home


def run(*command: str, cwd: Path | None = None, **environment: str) -> str:
    """Run a command and return its output and errors; fail the test if it fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_wheel_has_every_file_of_the_package(wheel):
    """All modules, templates, static files, migrations and the OpenAPI document, but no tests."""
    names = set(zipfile.ZipFile(wheel).namelist())
    here = {str(path.relative_to(CHECKOUT)) for kind in ("*.py", *DATA) for path in PACKAGE.rglob(kind)}
    assert here - names == set()
    packed = {name for name in names if name.startswith("jupyter_figserve/") and "__pycache__" not in name}
    assert packed - here == {"jupyter_figserve/notebooks/00_quickstart.ipynb"}
    assert not [name for name in names if name.startswith(("tests/", "notebooks/", "deploy/"))]


@pytest.mark.parametrize(
    "name",
    [
        "jupyter_figserve/openapi.yaml",
        "jupyter_figserve/py.typed",
        "jupyter_figserve/store/migrations/env.py",
        "jupyter_figserve/templates/share/figure.html",
        "jupyter_figserve/static/shared/figserve.css",
    ],
)
def test_the_wheel_has_each_required_file(wheel, name):
    """Files that the server reads at run time and that type checkers look for."""
    assert name in zipfile.ZipFile(wheel).namelist()


def test_the_wheel_enables_the_extension(wheel):
    """Its shared data has the configuration file in the directory that Jupyter Server reads."""
    file = f"jupyter_figserve-{jupyter_figserve.__version__}.data/data/etc/jupyter/jupyter_server_config.d"
    text = zipfile.ZipFile(wheel).read(f"{file}/jupyter_figserve.json").decode()
    assert '"jupyter_figserve": true' in text


def test_the_wheel_has_the_jupyterlab_extension(wheel):
    """Its shared data has the complete federated extension in JupyterLab's directory, with this package's version."""
    folder = f"jupyter_figserve-{jupyter_figserve.__version__}.data/data/share/jupyter/labextensions/jupyter_figserve"
    archive = zipfile.ZipFile(wheel)
    described = json.loads(archive.read(f"{folder}/package.json"))
    assert described["version"] == jupyter_figserve.__version__
    name, _, query = described["jupyterlab"]["_build"]["load"].partition("?")
    assert f"{folder}/{name}" in archive.namelist()
    assert query == f"v={jupyter_figserve.__version__}"


def test_jupyterlab_loads_all_files_again_after_an_upgrade(wheel):
    """The extension's first file, whose address has the version, names all others: browsers keep them for a year."""
    folder = "labextensions/jupyter_figserve/static"
    names = [Path(name) for name in zipfile.ZipFile(wheel).namelist() if folder in name]
    entry = next(name for name in names if name.name == "entry.js")
    listed = re.search(r"FILES = \[(.*?)\]", zipfile.ZipFile(wheel).read(str(entry)).decode(), re.DOTALL)
    assert listed
    assert sorted(re.findall(r'"(.+?)"', listed[1])) == sorted(name.name for name in names if name != entry)


def test_the_metadata(wheel):
    """Version, license and required Python; dependencies have lower bounds."""
    folder = f"jupyter_figserve-{jupyter_figserve.__version__}.dist-info"
    metadata = Parser().parsestr(zipfile.ZipFile(wheel).read(f"{folder}/METADATA").decode())
    assert metadata["Version"] == jupyter_figserve.__version__
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert metadata["Requires-Python"] == ">=3.11"
    required = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert len(required) == 18
    assert all(">=" in line for line in required)
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload().startswith("# jupyter_figserve\n")


def test_an_installed_wheel_is_enabled_and_loads(environment, tmp_path):
    """``jupyter server extension list`` in a clean environment reports enabled and OK, without configuration."""
    home = {"HOME": str(tmp_path), "JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "JUPYTER_NO_CONFIG": ""}
    python = str(environment / "bin" / "python")
    output = run(python, "-m", "jupyter_server", "extension", "list", cwd=tmp_path, **home)
    lines = [line for line in output.splitlines() if "jupyter_figserve" in line]
    assert any("enabled" in line for line in lines), output
    assert any(jupyter_figserve.__version__ in line and "OK" in line for line in lines), output


def test_the_installed_package_comes_from_the_wheel(environment, tmp_path):
    """The environment of these tests runs the wheel, including the demo's notebook."""
    code = "import jupyter_figserve.demo as d; print(d.__file__); print(d.find_notebook())"
    package, notebook = run(str(environment / "bin" / "python"), "-c", code, cwd=tmp_path).splitlines()
    assert Path(package).is_relative_to(environment)
    assert Path(notebook).is_relative_to(environment)


def test_the_checks_of_a_release_pass(environment, tmp_path):
    """What ``make release`` tries on each Python: a release must not be the first to find out that it cannot."""
    python = str(environment / "bin" / "python")
    # The programs of Jupyter, which are not in the environment as its packages are.
    for name, module in (("jupyter", "jupyter_core.command"), ("jupyter-server", "jupyter_server.serverapp")):
        program = environment / "bin" / name
        program.write_text(f"#!{python}\nfrom {module} import main\n\nmain()\n", encoding="utf-8")
        program.chmod(0o755)
    script = str(CHECKOUT / ".ci" / "release_check.py")
    output = run(python, script, jupyter_figserve.__version__, cwd=tmp_path, HOME=str(tmp_path))
    assert [line for line in output.splitlines() if not line.startswith("ok  ")] == []


def test_the_command_is_installed(environment, tmp_path):
    """``jupyter-figserve`` is a program, which provides ``jupyter figserve``."""
    output = run(str(environment / "bin" / "jupyter-figserve"), "--version", cwd=tmp_path)
    assert output.strip() == jupyter_figserve.__version__
