"""Notebooks in a real JupyterLab: written, opened, and run as by its menu."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from jupyter_figserve.demo.server_process import ServerProcess

EXPOSED = ["--LabApp.expose_app_in_browser=True"]
"""Arguments of a server whose JupyterLab puts its application object into the page."""
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


def notebook(*sources: str) -> str:
    """Return a notebook file with these code cells."""
    cells = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
        for i, source in enumerate(sources)
    ]
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
