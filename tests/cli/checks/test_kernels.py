"""Checks whether notebooks can publish, with the kernels' own interpreters."""

from __future__ import annotations

import json
import os
import sys
import venv

import pytest

from jupyter_figserve.cli.checks.kernels import check_kernels, find_interpreter, run_in_interpreter

from .test_environment import old


@pytest.fixture
def add_kernel(tmp_path, monkeypatch):
    """``add_kernel(argv)`` installs a kernel; returns the results of the check by name."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))

    def add(argv: list[str], name: str = "tested", language: str = "python", **spec: object) -> list:
        directory = tmp_path / "data" / "kernels" / name
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "kernel.json").write_text(
            json.dumps({"argv": argv, "display_name": name, "language": language, **spec})
        )
        return [result for result in check_kernels() if result.subject == name]

    return add


def test_kernel_of_this_environment(add_kernel):
    """The interpreter is given by its path, or by the bare name for this environment."""
    for word in (sys.executable, "python", "python3"):
        (found,) = add_kernel([word, "-m", "ipykernel_launcher", "-f", "{connection_file}"])
        assert found.state == "ok", found.says


def test_environment_without_the_package(add_kernel, tmp_path):
    """A real environment without the package; the command is for its interpreter."""
    venv.create(tmp_path / "bare", with_pip=False)
    python = str(tmp_path / "bare" / "bin" / "python")
    (found,) = add_kernel([python, "-m", "ipykernel_launcher", "-f", "{connection_file}"])
    assert found.state == "wrong"
    assert "lacks jupyter_figserve" in found.says
    assert found.mend == f"{python} -m pip install jupyter_figserve"
    # What pip would do: the package and its metadata on that interpreter's path.
    (site,) = (tmp_path / "bare" / "lib").glob("python*/site-packages")
    (site / "here.pth").write_text("\n".join(path for path in sys.path if path) + "\n")
    assert add_kernel([python, "-m", "ipykernel_launcher"])[0].state == "ok"


@pytest.mark.parametrize(("name", "version"), [("ipykernel", "5.5.6"), ("matplotlib", "3.1.0")])
def test_outdated_packages(name, version, add_kernel, tmp_path):
    """The version, the requirement and the command are named."""
    where = {"PYTHONPATH": old(tmp_path / "old", name, version)}
    (found,) = add_kernel([sys.executable, "-m", "ipykernel_launcher"], env=where)
    assert found.state == "wrong"
    assert f"{name} {version}" in found.says
    assert f"--upgrade '{name}>=" in found.mend


def test_missing_interpreter(add_kernel, tmp_path):
    """A missing or invalid interpreter is reported."""
    (found,) = add_kernel([str(tmp_path / "gone" / "bin" / "python"), "-m", "x"])
    assert found.state in ("wrong", "note")
    broken = tmp_path / "python3"
    broken.write_text("#!/bin/sh\necho no such library >&2\nexit 1\n")
    broken.chmod(0o700)
    (found,) = add_kernel([str(broken), "-m", "x"])
    assert found.state == "wrong"
    assert "no such library" in found.says
    assert found.mend == "jupyter kernelspec remove tested"


def test_kernels_of_other_languages(add_kernel):
    """Other languages and wrappers cannot be checked."""
    assert add_kernel(["R", "--slave"], language="R")[0].state == "note"
    assert add_kernel(["conda", "run", "python"])[0].state == "note"


def test_directory_with_the_packages_name(monkeypatch, tmp_path):
    """The code runs in an empty directory."""
    (tmp_path / "jupyter_figserve").mkdir()
    monkeypatch.chdir(tmp_path)
    found = run_in_interpreter(sys.executable, None, "import json, os; print(json.dumps(os.getcwd()))")
    assert found != str(tmp_path)


def test_find_interpreter():
    """None for other programs than Python."""
    assert find_interpreter({"argv": ["python3.11", "-m", "x"]}) == sys.executable
    assert find_interpreter({"argv": ["/bin/sh"]}) is None
    assert find_interpreter({"argv": []}) is None
    assert find_interpreter({}) is None
    assert os.path.isabs(find_interpreter({"argv": [sys.executable]}))
