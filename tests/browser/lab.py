"""A notebook in a real JupyterLab: made, opened, and run as by its menu."""

from __future__ import annotations

import json

EXPOSED = ["--LabApp.expose_app_in_browser=True"]
"""Arguments of a server whose JupyterLab can be asked what it does."""
# A kernel that is idle may not be connected yet, and then nothing is run, without a word.
_IS_READY = """
() => {
  const context = window.jupyterapp.shell.currentWidget?.sessionContext;
  const kernel = context?.session?.kernel;
  return context?.isReady && kernel?.connectionStatus === "connected" && kernel.status === "idle";
}
"""
_RUN = "(() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); })()"


def notebook(*sources: str) -> str:
    """A notebook file of these code cells."""
    cells = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
        for i, source in enumerate(sources)
    ]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps({"cells": cells, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5})


def open_notebook(page, server, name: str) -> None:
    page.goto(f"{server.url}lab/tree/{name}?token={server.token}&reset")
    page.wait_for_function("() => window.jupyterapp?.commands.hasCommand('notebook:run-all-cells')")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell >> nth=0")


def run_all(page) -> None:
    """Start all cells of the open notebook."""
    page.wait_for_function(_IS_READY)
    page.evaluate(_RUN)
