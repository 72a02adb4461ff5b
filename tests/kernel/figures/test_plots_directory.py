"""The directory of the session's plots."""

from __future__ import annotations

import pytest

import jupyter_figserve as figserve
from jupyter_figserve.errors import NotConnected


def test_plots_dir_of_the_session(monkeypatch, tmp_path):
    """The environment variable names the directory."""
    monkeypatch.setenv("KERNEL_FIGSERVE_PLOTS", str(tmp_path))
    assert figserve.plots_dir() == tmp_path


def test_plots_dir_outside_a_server(monkeypatch, tmp_path):
    """The message says what to do if it is missing or deleted."""
    monkeypatch.delenv("KERNEL_FIGSERVE_PLOTS", raising=False)
    with pytest.raises(NotConnected, match=r"figserve\.publish"):
        figserve.plots_dir()
    monkeypatch.setenv("KERNEL_FIGSERVE_PLOTS", str(tmp_path / "gone"))
    with pytest.raises(NotConnected, match="Restart the kernel"):
        figserve.plots_dir()
