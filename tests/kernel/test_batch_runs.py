"""Notebooks that real programs execute, and scripts: without a server, and with one of the user's."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from .conftest import PNG

pytestmark = pytest.mark.kernel

PUBLISH = f"""
import base64, jupyter_figserve as figserve
pub = figserve.publish(base64.b64decode({base64.b64encode(PNG).decode()!r}), "sales", collection="nightly")
print("URL", pub.url)
"""
LIVE = """
@figserve.live
def animal(kind: str = "Deer"):
    return kind
animal
"""
BOARD = """
board = figserve.Dashboard("Sales", [[pub], ["# Notes"]])
print("BOARD", board.publish().url)
"""


@pytest.fixture
def notebook(tmp_path) -> Path:
    """A notebook that publishes a figure and a dashboard, and has a live figure."""
    cells = [nbformat.v4.new_code_cell(code) for code in (PUBLISH, LIVE, BOARD)]
    kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = tmp_path / "report.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernelspec}), path)
    return path


def run(*command: object, runtime: Path) -> subprocess.CompletedProcess[str]:
    ours = ("FIGSERVE_", "KERNEL_FIGSERVE_", "JPY_", "JUPYTERHUB_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment |= {"JUPYTER_RUNTIME_DIR": str(runtime), "PYTHONUNBUFFERED": "1"}
    arguments = [sys.executable, *map(str, command)]
    return subprocess.run(arguments, capture_output=True, text=True, env=environment, timeout=120, check=False)


def texts(path: Path, stream: str) -> str:
    """Return the printed output of an executed notebook."""
    outputs = [output for cell in nbformat.read(path, 4).cells for output in cell.outputs]
    return "".join(output.text for output in outputs if output.get("name") == stream)


def test_nbconvert_goes_on_without_a_server(notebook, tmp_path):
    """It warns once, and every cell runs."""
    command = ("-m", "nbconvert", "--execute", "--to", "notebook", "--output", "done.ipynb", notebook)
    done = run(*command, runtime=tmp_path / "runtime")
    assert done.returncode == 0, done.stderr
    assert texts(tmp_path / "done.ipynb", "stdout") == "URL None\nBOARD None\n"
    assert texts(tmp_path / "done.ipynb", "stderr").count("Nothing is published in this run") == 1


def test_papermill_publishes_to_the_running_server(notebook, tmp_path, live_server):
    """The notebook says which server; the figure is in its collection, and what needs its kernel does no harm."""
    runtime = live_server.runtime
    done = run("-m", "papermill", notebook, tmp_path / "done.ipynb", runtime=runtime)
    assert done.returncode == 0, done.stderr
    assert f"figserve publishes to {live_server.url}figserve" in texts(tmp_path / "done.ipynb", "stderr")
    (record,) = live_server.fetch("figserve/api/figures?collection=nightly").json()["figures"]
    assert texts(tmp_path / "done.ipynb", "stdout").splitlines()[0] == f"URL {record['url']}"
    assert live_server.token not in (tmp_path / "done.ipynb").read_text()


def test_script_goes_on_without_a_server(tmp_path):
    """Its exit status is that of a success."""
    script = tmp_path / "nightly.py"
    script.write_text(PUBLISH)
    done = run(script, runtime=tmp_path / "runtime")
    assert (done.returncode, done.stdout) == (0, "URL None\n")
    assert done.stderr.count("Nothing is published in this run") == 1


def test_kernel_of_a_front_end_gets_the_error(tmp_path, monkeypatch):
    """A front end allows input in each request; VS Code and a console start such a kernel without a server."""
    from jupyter_client.manager import start_new_kernel

    monkeypatch.delenv("FIGSERVE_OFFLINE")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        # An error may abort the requests that follow at once.
        options: dict[str, Any] = {"stop_on_error": False, "reply": True, "timeout": 60}
        replies = [client.execute(PUBLISH, allow_stdin=allowed, **options)["content"] for allowed in (True, False)]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert [reply["status"] for reply in replies] == ["error", "ok"], json.dumps(replies)[:2000]
    assert replies[0]["ename"] == "NotConnected"
