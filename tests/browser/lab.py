"""Notebooks in a real JupyterLab: written, opened, and run as by its menu."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from jupyter_figserve.demo.server_process import ServerProcess
from jupyter_figserve.server.web.http.templates import PACKAGE
from tests.conftest import WITH_FRONT_ENDS, MakeServer, require_package

PLACES = [("jupyterlab", "lab", "LabApp"), ("notebook", "tree", "JupyterNotebookApp")]
"""Modules of the applications, the paths of their first pages, and their classes."""

# An idle kernel may not be connected yet, and then JupyterLab silently runs nothing.
_IS_READY = """
() => {
  const context = window.jupyterapp.shell.currentWidget?.sessionContext;
  const kernel = context?.session?.kernel;
  return context?.isReady && kernel?.connectionStatus === "connected" && kernel.status === "idle";
}
"""
_RUN = "(() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); })()"


@contextmanager
def ending_sessions(server: ServerProcess) -> Iterator[ServerProcess]:
    """Shut down the kernels that a test leaves on a server that it shares with others."""
    yield server
    for session in server.fetch("api/sessions").json():
        server.fetch(f"api/sessions/{session['id']}", method="DELETE")


@contextmanager
def application_server(
    module: str, path: str, application: str, more: Mapping[str, str] | None = None
) -> Iterator[ServerProcess]:
    """A server of JupyterLab or Notebook, with the extension where the wheel installs it; ``more`` variables."""
    require_package(module)
    made = MakeServer()
    exposed = [f"--{application}.expose_app_in_browser=True"]
    # Before the copy that an editable installation made, which may be old.
    environment = WITH_FRONT_ENDS | {"JUPYTER_PREFER_ENV_PATH": "0"} | dict(more or {})
    server = made(command=("-m", module), args=exposed, environment=environment, start=False)
    shutil.copytree(PACKAGE / "labextension", server.home / "data" / "labextensions" / "jupyter_figserve")
    server.start()
    yield server
    made.stop_all()


def notebook(*sources: str, markdown: str | None = None) -> str:
    """Return a notebook file with these code cells, and a Markdown cell after them."""
    cells = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
        for i, source in enumerate(sources)
    ]
    if markdown is not None:
        cells.append({"cell_type": "markdown", "id": "m", "metadata": {}, "source": markdown})
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps({"cells": cells, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5})


def write_notebook(server: ServerProcess, *sources: str) -> str:
    """Write a new notebook of these code cells into the server's root; return its name."""
    name = f"notebook-{len(list(server.root.glob('*.ipynb')))}.ipynb"
    (server.root / name).write_text(notebook(*sources))
    return name


def open_notebook(page, server, name: str) -> None:
    page.goto(f"{server.url}lab/tree/{name}?token={server.token}&reset")
    page.wait_for_function("() => window.jupyterapp?.commands.hasCommand('notebook:run-all-cells')")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell >> nth=0")


def run_all(page) -> None:
    """Start all cells of the open notebook."""
    page.wait_for_function(_IS_READY)
    page.evaluate(_RUN)


def wait_until_run(page) -> None:
    """Wait until all code cells of the open notebook have run."""
    page.wait_for_function(
        """() => window.jupyterapp.shell.currentWidget.content.widgets.every(
          ({ model }) => model.type !== "code" || model.executionCount)"""
    )
