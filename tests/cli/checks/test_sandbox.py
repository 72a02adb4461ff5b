"""The doctor's own check of the sandbox, without a server."""

from __future__ import annotations

import sys

import pytest

from jupyter_figserve.cli.checks.sandbox import check_sandbox
from jupyter_figserve.sandbox import doctor
from jupyter_figserve.sandbox.renderer import RendererStatus


def test_tier_is_reported(monkeypatch: pytest.MonkeyPatch):
    """The tier is reported, with the reason why it is not a better one."""
    monkeypatch.setattr(doctor, "examine", lambda python: RendererStatus("STRICT", ("There are no namespaces.",)))
    result = check_sandbox()
    assert (result.state, result.subject) == ("ok", sys.executable)
    assert "STRICT" in result.says
    assert "There are no namespaces." in result.says


def test_missing_sandbox_is_a_note():
    """Without a sandbox, everything else works; an unsuitable interpreter has a suggested setting."""
    result = check_sandbox("/bin/true")
    assert result.state == "note"
    assert "ended at once" in result.says
    assert result.mend is not None
    assert "render_python" in result.mend
